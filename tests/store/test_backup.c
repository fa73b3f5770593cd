/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backup.h"

#include <dlfcn.h>
#include <lmdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/cert.h"
#include "store/check.h"
#include "store/domain.h"
#include "store/order.h"
#include "tests/support/tmpstore.h"

static void
fill(struct store_txn *txn, int from, int to, uint64_t generation)
{
	struct cert cert = tmpstore_cert(1, 500);
	struct buf chain = {0};
	char text[32];

	buf_bytes32(&chain, "issuer", 6);
	for (int i = from; i < to; i++) {
		struct domain d;

		snprintf(text, sizeof(text), "n%03d.example", i);
		d = tmpstore_domain(text, i + 1);
		d.state = DOMAIN_VALID;
		d.generation = cert.generation = generation;
		d.not_after = cert.not_after;
		assert_int_equal(cert_put(txn, &d.name, &cert, &chain), ERR_OK);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	cert_done(&cert);
	buf_done(&chain);
}

enum { NAMES = 200, BACKUPS = 20, STOP_AFTER = 700 };

/* ---- what the library calls, looked at on the way ------------------------------------------- */

static _Atomic bool stop;
static unsigned long puts_before_stop, puts_seen; /* 0: never */
static ino_t synced[64];
static size_t synced_count;

/* LMDB's, called by the copy for each record. */
int
mdb_cursor_put(MDB_cursor *cursor, MDB_val *key, MDB_val *data, unsigned flags)
{
	static int (*real)(MDB_cursor *, MDB_val *, MDB_val *, unsigned);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "mdb_cursor_put");
	if (++puts_seen == puts_before_stop)
		stop = true;
	return real(cursor, key, data, flags);
}

int
fsync(int fd)
{
	static int (*real)(int);
	struct stat st;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "fsync");
	if (fstat(fd, &st) == 0 && synced_count < sizeof(synced) / sizeof(synced[0]))
		synced[synced_count++] = st.st_ino;
	return real(fd);
}

static void
path_of(const struct tmpstore *t, const char *word, char path[128])
{
	snprintf(path, 128, "%s/%s", t->parent, word);
}

static void
say(void *arg, const struct check_finding *f)
{
	(void)arg;
	if (f->err)
		print_message("%s/%s %s: %s\n", f->env, f->table, f->key, f->what);
}

static void
assert_whole(const struct tmpstore *t, const char *dir, uint64_t names)
{
	struct check_result result;
	struct problem why;
	enum err err = store_check(dir, &t->master, say, NULL, &result, &why);

	if (err)
		fail_msg("%s", why.detail);
	assert_int_equal(result.damaged, 0);
	if (names)
		assert_int_equal(result.names, names);
}

static void
fill_all(struct tmpstore *t)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);

	fill(txn, 0, NAMES, 5);
	tmpstore_commit(txn);
}

static void
what_was_backed_up_comes_back(void **state)
{
	struct tmpstore *t = *state;
	char backup[128], fresh[128], file[160];
	struct store_copied copied, restored;
	struct problem why;
	struct stat st;
	struct secret other = {0};

	fill_all(t);
	path_of(t, "backup", backup);
	path_of(t, "fresh", fresh);
	if (store_backup(t->store, backup, NULL, &copied, &why))
		fail_msg("%s", why.detail);
	assert_true(copied.records > NAMES * 6);
	assert_true(copied.bytes > NAMES * 600);
	assert_int_equal(stat(backup, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(store_backup(t->store, backup, NULL, &copied, &why), ERR_EXISTS);
	assert_non_null(strstr(why.detail, "empty"));
	assert_int_equal(secret_alloc(&other, STORE_MASTER_KEY_LEN), ERR_OK);
	assert_int_equal(store_restore(backup, fresh, &other, &restored, &why), ERR_CRYPTO);
	secret_done(&other);
	if (store_restore(backup, fresh, &t->master, &restored, &why))
		fail_msg("%s", why.detail);
	assert_whole(t, fresh, NAMES);
	snprintf(file, sizeof(file), "%s/served/data.mdb", fresh);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(store_restore(backup, fresh, &t->master, &restored, &why), ERR_EXISTS);
	/* One that did not end is refused, by both. */
	snprintf(file, sizeof(file), "%s/restoring", fresh);
	fclose(fopen(file, "w"));
	tmpstore_close(t);
	assert_int_equal(store_open(fresh, STORE_KEEPER, &t->master, &t->store, &why), ERR_CORRUPT);
	assert_non_null(strstr(why.detail, "again"));
	t->store = NULL;
	assert_int_equal(store_restore(backup, fresh, &t->master, &restored, &why), ERR_OK);
	snprintf(file, sizeof(file), "%s/complete", backup);
	assert_int_equal(unlink(file), 0);
	path_of(t, "third", fresh);
	assert_int_equal(store_restore(backup, fresh, &t->master, &restored, &why), ERR_CORRUPT);
}

static void
odd_places_are_refused(void **state)
{
	struct tmpstore *t = *state;
	char target[128], link[128];
	struct store_copied copied;
	struct problem why;

	path_of(t, "target", target);
	path_of(t, "link", link);
	assert_int_equal(mkdir(target, 0700), 0);
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(store_backup(t->store, link, NULL, &copied, &why), ERR_PERM);
	assert_int_equal(chmod(target, 0777), 0);
	assert_int_equal(store_backup(t->store, target, NULL, &copied, &why), ERR_PERM);
	assert_int_equal(chmod(target, 0700), 0);
	assert_int_equal(store_backup(t->store, target, NULL, &copied, &why), ERR_OK);
	path_of(t, "no/such", target);
	assert_int_equal(store_backup(t->store, target, NULL, &copied, &why), ERR_IO);
	assert_int_equal(store_restore(target, link, &t->master, &copied, &why), ERR_NOTFOUND);
	/* In use. */
	path_of(t, "target", target);
	assert_int_equal(store_compact(t->dir, &t->master, &copied, &why), ERR_BUSY);
}

/* A writer as the daemon is one: who has due_at 0 has an order, at every instant. */
static void
write_on(struct tmpstore *t)
{
	tmpstore_open(t);
	for (uint64_t i = 0;; i++) {
		struct domain d = tmpstore_domain("x.example", 0);
		struct store_txn *txn;
		struct order o;

		order_init(&o);
		snprintf(d.name.name, sizeof(d.name.name), "n%03u.example", (unsigned)(i % NAMES));
		d.name.len = (uint8_t)strlen(d.name.name);
		o.name = d.name;
		d.state = DOMAIN_PENDING;
		txn = tmpstore_write(t, STORE_PRIVATE);
		(void)!order_put(txn, &o);
		tmpstore_commit(txn);
		txn = tmpstore_write(t, STORE_SERVED);
		(void)!cert_del(txn, &d.name);
		(void)!domain_put(txn, &d);
		tmpstore_commit(txn);
		d.due_at = 5;
		txn = tmpstore_write(t, STORE_SERVED);
		(void)!domain_put(txn, &d);
		tmpstore_commit(txn);
		txn = tmpstore_write(t, STORE_PRIVATE);
		(void)!order_del(txn, &o.name);
		tmpstore_commit(txn);
	}
}

static void
check_orders(struct tmpstore *t, const char *dir, unsigned *ret_in_work)
{
	struct problem why;
	struct store *store;
	struct store_txn *served, *private;
	struct hostname after = {0};
	struct domain page[50];
	size_t count = 1;

	assert_int_equal(store_open(dir, STORE_READER, &t->master, &store, &why), ERR_OK);
	assert_int_equal(store_begin_read(store, STORE_SERVED, &served), ERR_OK);
	assert_int_equal(store_begin_read(store, STORE_PRIVATE, &private), ERR_OK);
	while (count) {
		assert_int_equal(domain_page(served, after.len ? &after : NULL, 50, page, &count),
		                 ERR_OK);
		for (size_t i = 0; i < count; i++) {
			struct order o;

			order_init(&o);
			after = page[i].name;
			if (page[i].due_at)
				continue;
			++*ret_in_work;
			assert_int_equal(order_get(private, &page[i].name, &o), ERR_OK);
			order_done(&o);
		}
	}
	store_abort(served);
	store_abort(private);
	store_close(store);
}

/* While another process writes; by one that only reads. */
static void
a_hot_backup_is_of_one_instant(void **state)
{
	struct tmpstore *t = *state;
	struct store_copied copied;
	struct problem why;
	struct store *store;
	unsigned in_work = 0;
	enum err err = ERR_OK;
	char backup[128], word[16];
	pid_t pid;

	fill_all(t);
	tmpstore_close(t);
	pid = fork();
	if (pid == 0)
		write_on(t);
	assert_int_equal(store_open(t->dir, STORE_READER, &t->master, &store, &why), ERR_OK);
	for (int i = 0; i < BACKUPS && !err; i++) {
		snprintf(word, sizeof(word), "b%d", i);
		path_of(t, word, backup);
		usleep(3000);
		err = store_backup(store, backup, NULL, &copied, &why);
	}
	store_close(store);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (err)
		fail_msg("%s", why.detail);
	for (int i = 0; i < BACKUPS; i++) {
		snprintf(word, sizeof(word), "b%d", i);
		path_of(t, word, backup);
		check_orders(t, backup, &in_work);
		assert_whole(t, backup, NAMES);
	}
	print_message("%u of %d backups met an order in work\n", in_work, BACKUPS);
}

static void
compacting_frees_what_was_deleted(void **state)
{
	struct tmpstore *t = *state;
	struct store_copied copied;
	struct problem why;
	struct store_txn *txn;
	struct stat before, after;
	char file[160];

	fill_all(t);
	txn = tmpstore_write(t, STORE_SERVED);
	for (int i = 10; i < NAMES; i++) {
		snprintf(file, sizeof(file), "n%03d.example", i);
		assert_int_equal(domain_del(txn, &(struct hostname){0}), ERR_INVALID);
		store_abort(txn);
		txn = tmpstore_write(t, STORE_SERVED);
		struct hostname name = tmpstore_name(file);
		assert_int_equal(domain_del(txn, &name), ERR_OK);
		tmpstore_commit(txn);
		txn = tmpstore_write(t, STORE_SERVED);
	}
	store_abort(txn);
	tmpstore_close(t);
	snprintf(file, sizeof(file), "%s/served/data.mdb", t->dir);
	assert_int_equal(stat(file, &before), 0);
	if (store_compact(t->dir, &t->master, &copied, &why))
		fail_msg("%s", why.detail);
	assert_int_equal(stat(file, &after), 0);
	assert_true(after.st_size < before.st_size / 2);
	assert_int_equal(after.st_mode & 07777, 0640);
	assert_whole(t, t->dir, 10);
	/* What a killed one left is in nobody's way. */
	snprintf(file, sizeof(file), "%s/served/compact", t->dir);
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_equal(store_compact(t->dir, &t->master, &copied, &why), ERR_OK);
	assert_whole(t, t->dir, 10);
	tmpstore_open(t);
}

static void
a_stopped_backup_ends_at_once_and_leaves_nothing(void **state)
{
	struct tmpstore *t = *state;
	struct store_copied copied = {0};
	struct problem why;
	struct stat st;
	char target[128];

	fill_all(t);
	path_of(t, "backup", target);
	for (int made = 0; made < 2; made++) {
		stop = false;
		puts_seen = 0;
		puts_before_stop = STOP_AFTER;
		assert_int_equal(store_backup(t->store, target, &stop, &copied, &why), ERR_STOPPED);
		assert_int_equal(puts_seen, STOP_AFTER);
		assert_non_null(strstr(why.detail, "stopping"));
		assert_int_equal(copied.records, 0);
		/* A directory that was there stays, and is empty; one that we made is gone. */
		assert_int_equal(stat(target, &st), made ? 0 : -1);
		assert_int_equal(made ? 0 : mkdir(target, 0700), 0);
	}
	puts_before_stop = 0;
	stop = false;
	assert_int_equal(store_backup(t->store, target, &stop, &copied, &why), ERR_OK);
	assert_whole(t, target, NAMES);
}

static bool
was_synced(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	for (size_t i = 0; i < synced_count; i++)
		if (synced[i] == st.st_ino)
			return true;
	return false;
}

/* A directory is on the disk when the one above it is. */
static void
a_backup_is_on_the_disk_with_its_name(void **state)
{
	struct tmpstore *t = *state;
	struct store_copied copied;
	struct problem why;
	char target[128], file[160];

	fill_all(t);
	path_of(t, "backup", target);
	synced_count = 0;
	assert_int_equal(store_backup(t->store, target, NULL, &copied, &why), ERR_OK);
	assert_true(was_synced(t->parent));
	assert_true(was_synced(target));
	snprintf(file, sizeof(file), "%s/served", target);
	assert_true(was_synced(file));
	snprintf(file, sizeof(file), "%s/complete", target);
	assert_true(was_synced(file));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpstore_setup, tmpstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_backed_up_comes_back),
		TEST(odd_places_are_refused),
		TEST(a_hot_backup_is_of_one_instant),
		TEST(compacting_frees_what_was_deleted),
		TEST(a_stopped_backup_ends_at_once_and_leaves_nothing),
		TEST(a_backup_is_on_the_disk_with_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
