/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine does to a store: full disk, read-only file system, little address space. */
#include "store/store.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/cert.h"
#include "store/domain.h"
#include "tests/support/tmpstore.h"

enum { CANNOT = 77, FAILED = 1, LEAF_LEN = 20000 };

/* In a child, as the mounts and limits are its own. Skips where they are not allowed. */
static void
in_child(int (*body)(struct tmpstore *t))
{
	struct tmpstore t;
	int status;
	pid_t pid;

	tmpstore_init(&t);
	pid = fork();
	if (pid == 0)
		_exit(body(&t));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	tmpstore_done(&t);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANNOT)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                    \
			return FAILED;                                                             \
		}                                                                                  \
	} while (0)

static bool
own_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static enum err
put(struct store *store, int i)
{
	struct cert cert = tmpstore_cert((unsigned)i, LEAF_LEN);
	struct buf chain = {0};
	struct domain d = {.state = DOMAIN_VALID};
	struct store_txn *txn;
	enum err err = store_begin_write(store, STORE_SERVED, &txn);

	d.name.len = (uint8_t)snprintf(d.name.name, sizeof(d.name.name), "n%d", i);
	if (!err) {
		(void)!domain_put(txn, &d);
		(void)!cert_put(txn, &d.name, &cert, &chain);
		err = store_commit(txn);
	}
	cert_done(&cert);
	return err;
}

static enum err
look(struct store *store, int i)
{
	struct hostname name = {0};
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_read(store, STORE_SERVED, &txn);

	if (err)
		return err;
	name.len = (uint8_t)snprintf(name.name, sizeof(name.name), "n%d", i);
	err = domain_get(txn, &name, &d);
	if (!err)
		err = domain_verify(txn);
	store_abort(txn);
	return err;
}

static int
fill_the_disk(struct tmpstore *t)
{
	struct hostname name = {2, "n0"};
	struct store_txn *txn;
	enum err err = ERR_OK;
	int i = 0;

	if (!own_mounts() || mount("none", t->parent, "tmpfs", 0, "size=2m"))
		return CANNOT;
	tmpstore_open(t);
	while (!err && i < 1000)
		err = put(t->store, i++);
	EXPECT(err == ERR_FULL);
	EXPECT(i > 20);
	/* It goes on serving, and works again when something was removed. */
	EXPECT(look(t->store, 0) == ERR_OK);
	EXPECT(look(t->store, i - 2) == ERR_OK);
	EXPECT(look(t->store, i - 1) == ERR_NOTFOUND);
	if (mount("none", t->parent, NULL, MS_REMOUNT, "size=4m"))
		return CANNOT;
	EXPECT(put(t->store, i) == ERR_OK);
	EXPECT(store_begin_write(t->store, STORE_SERVED, &txn) == ERR_OK);
	EXPECT(domain_del(txn, &name) == ERR_OK);
	EXPECT(store_commit(txn) == ERR_OK);
	EXPECT(look(t->store, i) == ERR_OK);
	tmpstore_close(t);
	return 0;
}

static int
read_only(struct tmpstore *t)
{
	struct problem why;
	struct store *front, *keeper;

	if (!own_mounts() || mount("none", t->parent, "tmpfs", 0, "size=8m"))
		return CANNOT;
	tmpstore_open(t);
	EXPECT(put(t->store, 1) == ERR_OK);
	tmpstore_close(t);
	if (mount("none", t->parent, NULL, MS_REMOUNT | MS_RDONLY, NULL))
		return CANNOT;
	EXPECT(store_open(t->dir, STORE_KEEPER, &t->master, &keeper, &why) == ERR_PERM);
	EXPECT(strstr(why.detail, "Read-only file system"));
	EXPECT(store_open(t->dir, STORE_FRONT, &t->master, &front, &why) == ERR_OK);
	EXPECT(look(front, 1) == ERR_OK);
	store_close(front);
	return 0;
}

static int
little_address_space(struct tmpstore *t)
{
	struct rlimit limit = {(rlim_t)2 << 30, (rlim_t)2 << 30};
	struct store_stat stat;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return CANNOT; /* their shadow is larger than that */
#endif
	EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);
	tmpstore_open(t);
	EXPECT(put(t->store, 1) == ERR_OK);
	EXPECT(look(t->store, 1) == ERR_OK);
	EXPECT(store_stat(t->store, &stat) == ERR_OK);
	EXPECT(stat.map_bytes <= limit.rlim_cur);
	tmpstore_close(t);
	return 0;
}

static void
a_full_disk_is_said_and_survived(void **state)
{
	(void)state;
	in_child(fill_the_disk);
}

static void
a_read_only_disk_still_serves(void **state)
{
	(void)state;
	in_child(read_only);
}

static void
little_address_space_means_a_smaller_map(void **state)
{
	(void)state;
	in_child(little_address_space);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_disk_is_said_and_survived),
		cmocka_unit_test(a_read_only_disk_still_serves),
		cmocka_unit_test(little_address_space_means_a_smaller_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
