/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/account.h"
#include "store/domain.h"
#include "tests/support/tmpstore.h"

static int
setup(void **state)
{
	struct tmpstore *t = calloc(1, sizeof(*t));

	tmpstore_init(t);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	tmpstore_done(*state);
	free(*state);
	return 0;
}

static const char *
under(const struct tmpstore *t, const char *rest)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s%s", t->dir, rest);
	return path;
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

/* Opening T must fail with ERR and a sentence that has WORDS. */
static void
assert_refused(struct tmpstore *t, enum store_mode mode, enum err err, const char *words)
{
	struct problem why;
	struct store *store = NULL;

	assert_int_equal(store_open(t->dir, mode, &t->master, &store, &why), err);
	assert_null(store);
	assert_int_equal(why.kind, PROBLEM_INTERNAL);
	if (!strstr(why.detail, words))
		fail_msg("\"%s\" does not say \"%s\"", why.detail, words);
}

static void
a_first_start_makes_it_whatever_the_umask(void **state)
{
	static const mode_t masks[] = {0, 022, 077};
	static const struct {
		const char *path;
		mode_t mode;
	} files[] = {{"", 0750},
	             {"/served", 0750},
	             {"/private", 0700},
	             {"/served/data.mdb", 0640},
	             {"/served/lock.mdb", 0660},
	             {"/private/data.mdb", 0640}};

	(void)state;
	for (size_t m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
		struct tmpstore t;
		mode_t before;

		tmpstore_init(&t);
		assert_false(store_exists(t.dir));
		before = umask(masks[m]);
		tmpstore_open(&t);
		umask(before);
		assert_true(store_exists(t.dir));
		for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
			assert_int_equal(mode_of(under(&t, files[i].path)), files[i].mode);
		tmpstore_done(&t);
	}
}

static void
twice_in_one_process_is_refused(void **state)
{
	struct tmpstore *t = *state;
	int status;
	pid_t pid;

	tmpstore_open(t);
	assert_refused(t, STORE_KEEPER, ERR_BUSY, "open in this process already");
	assert_refused(t, STORE_FRONT, ERR_BUSY, "open in this process already");
	/* A child opens its own. */
	pid = fork();
	if (pid == 0) {
		struct problem why;
		struct store *store;

		_exit(store_open(t->dir, STORE_FRONT, &t->master, &store, &why));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	tmpstore_close(t);
	tmpstore_open(t);
}

static void
the_front_waits_for_the_keeper(void **state)
{
	struct tmpstore *t = *state;
	struct domain d = tmpstore_domain("a.example", 1), got;
	struct store_txn *txn;
	struct problem why;
	struct store *front;

	assert_refused(t, STORE_FRONT, ERR_NOTFOUND, "cannot be opened");
	mkdir(t->dir, 0750);
	assert_refused(t, STORE_FRONT, ERR_NOTFOUND, "served");
	mkdir(under(t, "/served"), 0750);
	assert_refused(t, STORE_FRONT, ERR_NOTFOUND, "no store yet");
	close(open(under(t, "/served/data.mdb"), O_CREAT | O_WRONLY, 0640));
	assert_refused(t, STORE_FRONT, ERR_NOTFOUND, "no store yet");
	assert_false(store_exists(t->dir));
	tmpstore_open(t);
	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	tmpstore_close(t);
	assert_int_equal(store_open(t->dir, STORE_FRONT, &t->master, &front, &why), ERR_OK);
	assert_int_equal(store_begin_write(front, STORE_SERVED, &txn), ERR_WRONGSTATE);
	assert_int_equal(store_begin_read(front, STORE_PRIVATE, &txn), ERR_WRONGSTATE);
	assert_int_equal(store_begin_read(front, STORE_SERVED, &txn), ERR_OK);
	assert_int_equal(domain_get(txn, &d.name, &got), ERR_OK);
	assert_int_equal(store_commit(txn), ERR_WRONGSTATE);
	store_close(front);
}

/* What a front of another user in the keeper's group may do, as an exit status. */
static int
as_other_user(struct tmpstore *t, const struct domain *wanted)
{
	struct store_txn *txn;
	struct domain got;
	struct problem why;
	struct store *front;

	if (setgroups(0, NULL) || setgid(getegid()) || setuid(12345))
		return 100;
	if (open(under(t, "/served/data.mdb"), O_RDWR) >= 0)
		return 101;
	if (open(under(t, "/private/data.mdb"), O_RDONLY) >= 0)
		return 102;
	if (store_open(t->dir, STORE_FRONT, &t->master, &front, &why)) {
		fprintf(stderr, "%s\n", why.detail);
		return 103;
	}
	if (store_begin_read(front, STORE_SERVED, &txn) || domain_get(txn, &wanted->name, &got))
		return 104;
	store_abort(txn);
	store_close(front);
	return 0;
}

static void
the_front_may_be_another_user(void **state)
{
	struct tmpstore *t = *state;
	struct domain d = tmpstore_domain("a.example", 1);
	struct store_txn *txn;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(t->parent, 0755), 0);
	tmpstore_open(t);
	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	pid = fork();
	if (pid == 0)
		_exit(as_other_user(t, &d));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
another_master_key_does_not_open_it(void **state)
{
	struct tmpstore *t = *state;

	tmpstore_open(t);
	tmpstore_close(t);
	t->master.data[31] ^= 1;
	assert_refused(t, STORE_KEEPER, ERR_CRYPTO, "another master key");
	assert_refused(t, STORE_FRONT, ERR_CRYPTO, "another master key");
	t->master.data[31] ^= 1;
	t->master.len = 16;
	assert_refused(t, STORE_KEEPER, ERR_INVALID, "16 bytes");
	t->master.len = 32;
	tmpstore_open(t);
}

static void
stat_counts_what_is_used(void **state)
{
	struct tmpstore *t = *state;
	struct account a = {.directory = "https://ca.example/dir"};
	struct store_stat before, after;
	struct store_txn *txn;

	tmpstore_open(t);
	assert_int_equal(store_stat(t->store, &before), ERR_OK);
	assert_true(before.used_bytes > 0 && before.map_bytes > before.used_bytes);
	assert_int_equal(secret_alloc(&a.key, 32), ERR_OK);
	txn = tmpstore_write(t, STORE_PRIVATE);
	for (int i = 0; i < 1000; i++) {
		snprintf(a.url, sizeof(a.url), "https://ca.example/acct/%d", i);
		snprintf(a.directory, sizeof(a.directory), "https://ca.example/dir%d", i);
		assert_int_equal(account_put(txn, &a), ERR_OK);
	}
	tmpstore_commit(txn);
	assert_int_equal(store_stat(t->store, &after), ERR_OK);
	assert_true(after.used_bytes > before.used_bytes + 100 * 1000);
	assert_true(after.readers >= 2);
	account_done(&a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_first_start_makes_it_whatever_the_umask),
		TEST(twice_in_one_process_is_refused),
		TEST(the_front_waits_for_the_keeper),
		TEST(the_front_may_be_another_user),
		TEST(another_master_key_does_not_open_it),
		TEST(stat_counts_what_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
