/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rotate.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
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
#include "store/event.h"
#include "store/order.h"
#include "tests/support/rawdb.h"
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

enum { NAMES = 300 };

struct reading {
	struct store *store;
	atomic_bool stop;
	atomic_int bad;
};

static void
fill_all(struct tmpstore *t)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct event e = {.type = "x"};

	fill(txn, 0, NAMES, 5);
	tmpstore_commit(txn);
	txn = tmpstore_write(t, STORE_PRIVATE);
	for (int i = 0; i < NAMES; i++) {
		snprintf(e.detail, sizeof(e.detail), "%d", i);
		assert_int_equal(event_put(txn, &e), ERR_OK);
	}
	tmpstore_commit(txn);
}

/* 0: every name's certificate opens. */
static int
read_all(struct store *store)
{
	struct store_txn *txn;
	struct cert cert;
	struct domain d;
	int bad = 0;

	if (store_begin_read(store, STORE_SERVED, &txn))
		return 1;
	cert_init(&cert);
	for (int i = 0; i < NAMES; i++) {
		struct hostname name = {0};

		name.len = (uint8_t)snprintf(name.name, sizeof(name.name), "n%03d.example", i);
		bad |= domain_get(txn, &name, &d) || cert_get_for(txn, &d, &cert);
	}
	store_abort(txn);
	cert_done(&cert);
	return bad;
}

static void
ignore(void *arg, const struct check_finding *f)
{
	(void)arg;
	if (f->err)
		print_message("%s/%s %s: %s\n", f->env, f->table, f->key, f->what);
}

static void
assert_whole(struct tmpstore *t)
{
	struct check_result result;
	struct problem why;

	tmpstore_close(t);
	assert_int_equal(store_check(t->dir, &t->master, ignore, NULL, &result, &why), ERR_OK);
	assert_int_equal(result.damaged, 0);
	assert_int_equal(result.names, NAMES);
	tmpstore_open(t);
}

/* Whether any record of the closed store's TABLE is under KEY_ID. */
static bool
any_under(struct tmpstore *t, const char *folder, const char *table, unsigned key_id)
{
	struct rawdb raw = rawdb_open(t->dir, folder, table);
	MDB_cursor *cursor;
	MDB_val k, v;
	bool any = false;

	assert_int_equal(mdb_cursor_open(raw.txn, raw.dbi, &cursor), 0);
	while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0)
		any = any || ((unsigned char *)v.mv_data)[1] == key_id;
	mdb_cursor_close(cursor);
	rawdb_close(&raw);
	return any;
}

static void
finish(struct tmpstore *t, size_t batch)
{
	uint64_t left = 1, before = UINT64_MAX;
	int steps = 0;

	while (left) {
		assert_int_equal(store_reseal_step(t->store, batch, &left), ERR_OK);
		assert_true(left < before);
		assert_int_equal(read_all(t->store), 0);
		before = left;
		assert_true(++steps < 1000);
	}
}

static void
all_records_move_to_the_new_key(void **state)
{
	struct tmpstore *t = *state;
	struct store_rotation r;
	struct store_txn *txn;

	fill_all(t);
	for (unsigned old = 1; old < 7; old++) {
		assert_int_equal(store_key_rotate_begin(t->store), ERR_OK);
		assert_int_equal(store_key_rotate_begin(t->store), ERR_BUSY);
		assert_int_equal(store_rotation(t->store, &r), ERR_OK);
		assert_true(r.running);
		assert_int_equal(r.key_id, old + 1);
		assert_true(r.left >= NAMES * 3);
		txn = tmpstore_write(t, STORE_SERVED); /* new ones go under the new key */
		fill(txn, 10, 20, 5 + old);
		tmpstore_commit(txn);
		finish(t, 100);
		assert_int_equal(store_rotation(t->store, &r), ERR_OK);
		assert_false(r.running);
		assert_int_equal(r.left, 0);
		tmpstore_close(t);
		assert_false(any_under(t, "served", "cert", old));
		assert_false(any_under(t, "served", "domain", old));
		assert_false(any_under(t, "served", "chain", old));
		assert_false(any_under(t, "private", "event", old));
		tmpstore_open(t);
		assert_whole(t);
	}
}

static void *
read_until(void *arg)
{
	struct reading *r = arg;

	while (!atomic_load(&r->stop))
		r->bad |= read_all(r->store);
	return NULL;
}

/* Threads of one process look names up all the while. */
static void
threads_read_on(void **state)
{
	struct tmpstore *t = *state;
	struct reading r = {.store = NULL};
	pthread_t threads[2];

	fill_all(t);
	r.store = t->store;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_until, &r), 0);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(store_key_rotate_begin(t->store), ERR_OK);
		if (i == 3)
			assert_int_equal(store_master_set(t->store, &t->master), ERR_OK);
		finish(t, 300);
	}
	atomic_store(&r.stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(r.bad, 0);
	assert_whole(t);
}

/* A front that was opened before all of it reads on. */
static void
readers_of_other_processes_follow(void **state)
{
	struct tmpstore *t = *state;
	int to[2], from[2], status;
	char c = 'x';
	pid_t pid;

	fill_all(t);
	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	pid = fork();
	if (pid == 0) {
		struct problem why;
		struct store *store;

		if (store_open(t->dir, STORE_FRONT, &t->master, &store, &why))
			_exit(9);
		for (int i = 0; i < 4; i++) {
			if (read_all(store))
				_exit(10 + i);
			if (write(from[1], &c, 1) != 1 || read(to[0], &c, 1) != 1)
				_exit(8);
		}
		store_close(store);
		_exit(0);
	}
	assert_int_equal(read(from[0], &c, 1), 1);
	for (int i = 0; i < 3; i++) {
		uint64_t left;

		assert_int_equal(store_key_rotate_begin(t->store), ERR_OK);
		assert_int_equal(store_reseal_step(t->store, 200, &left), ERR_OK);
		assert_int_equal(store_reseal_step(t->store, 200, &left), ERR_OK);
		if (i == 1)
			finish(t, 1000);
		assert_int_equal(write(to[1], &c, 1), 1);
		assert_int_equal(read(from[0], &c, 1), 1);
		finish(t, 1000);
	}
	assert_int_equal(write(to[1], &c, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
a_killed_rotation_goes_on(void **state)
{
	struct tmpstore *t = *state;
	uint64_t left = 1;
	int kills = 0;

	fill_all(t);
	assert_int_equal(store_key_rotate_begin(t->store), ERR_OK);
	srand(5);
	while (left && kills < 100) {
		pid_t pid;
		int status;

		tmpstore_close(t);
		pid = fork();
		if (pid == 0) {
			tmpstore_open(t);
			for (;;)
				if (store_reseal_step(t->store, 20, &left))
					_exit(1);
		}
		usleep((useconds_t)(rand() % 12000 + 2000));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		kills++;
		tmpstore_open(t);
		assert_int_equal(read_all(t->store), 0);
		assert_int_equal(store_reseal_step(t->store, 1, &left), ERR_OK);
	}
	print_message("%d kills\n", kills);
	finish(t, 100);
	assert_whole(t);
}

/* The new key is current in private/ only: the kill came before the commit in served/. */
static void
begun_in_one_environment_only(void **state)
{
	struct tmpstore *t = *state;
	char command[600];
	struct store_rotation r;
	uint64_t left = 1;

	fill_all(t);
	for (int ended = 0; ended < 2; ended++) { /* 1: an older certd has ended it in private/ */
		const unsigned old = ended ? 2 : 1;

		tmpstore_close(t);
		snprintf(command, sizeof(command), "cp -a %s/served %s/as-it-was", t->dir, t->dir);
		assert_int_equal(system(command), 0);
		tmpstore_open(t);
		assert_int_equal(store_key_rotate_begin(t->store), ERR_OK);
		while (ended && left)
			assert_int_equal(store_reseal_step(t->store, 1000, &left), ERR_OK);
		tmpstore_close(t);
		snprintf(command, sizeof(command), "rm -r %s/served && mv %s/as-it-was %s/served",
		         t->dir, t->dir, t->dir);
		assert_int_equal(system(command), 0);
		tmpstore_open(t);
		assert_int_equal(store_rotation(t->store, &r), ERR_OK);
		assert_true(r.running);
		assert_int_equal(r.key_id, old + 1);
		left = 1;
		while (left) {
			assert_int_equal(store_rotation(t->store, &r), ERR_OK);
			assert_true(r.running);
			assert_int_equal(store_reseal_step(t->store, 100, &left), ERR_OK);
			assert_int_equal(read_all(t->store), 0);
		}
		assert_int_equal(store_rotation(t->store, &r), ERR_OK);
		assert_false(r.running);
		assert_int_equal(r.key_id, old + 1);
		tmpstore_close(t);
		assert_false(any_under(t, "served", "domain", old));
		assert_false(any_under(t, "served", "cert", old));
		assert_false(any_under(t, "private", "event", old));
		tmpstore_open(t);
	}
	assert_whole(t);
}

static void
the_master_key_changes(void **state)
{
	struct tmpstore *t = *state;
	struct secret new = {0};
	struct store *store;
	struct problem why;
	uint64_t left;

	fill_all(t);
	assert_int_equal(secret_alloc(&new, STORE_MASTER_KEY_LEN), ERR_OK);
	memset(new.data, 0x77, new.len);
	assert_int_equal(store_key_rotate_begin(t->store), ERR_OK);
	assert_int_equal(store_reseal_step(t->store, 50, &left), ERR_OK);
	/* In the middle of a rotation, and twice. */
	assert_int_equal(store_master_change(t->store, &new, &t->master), ERR_OK);
	assert_int_equal(store_master_change(t->store, &t->master, &new), ERR_OK);
	assert_int_equal(store_master_change(t->store, &t->master, &new), ERR_OK);
	assert_int_equal(read_all(t->store), 0);
	tmpstore_close(t);
	assert_int_equal(store_open(t->dir, STORE_KEEPER, &t->master, &store, &why), ERR_CRYPTO);
	secret_take(&t->master, &new);
	tmpstore_open(t);
	finish(t, 100);
	assert_whole(t);
	assert_int_equal(secret_alloc(&new, STORE_MASTER_KEY_LEN), ERR_OK);
	assert_int_equal(store_master_change(t->store, &new, &new), ERR_CRYPTO);
	secret_done(&new);
}

static struct secret
pair_of(const struct secret *first, const struct secret *second)
{
	struct secret pair = {0};

	assert_int_equal(secret_alloc(&pair, STORE_MASTER_PAIR_LEN), ERR_OK);
	memcpy(pair.data, first->data, first->len);
	memcpy(pair.data + first->len, second->data, second->len);
	return pair;
}

static void
swap_served(struct tmpstore *t, const char *words)
{
	char command[600];

	tmpstore_close(t);
	snprintf(command, sizeof(command), "cd %s && %s", t->dir, words);
	assert_int_equal(system(command), 0);
}

/* private/ is under the new master key, served/ under the old one: with both it opens for everyone,
 * and only a keeper's change writes. */
static void
between_two_master_keys(void **state)
{
	struct tmpstore *t = *state;
	static const enum store_mode modes[] = {STORE_READER, STORE_FRONT, STORE_KEEPER};
	struct secret new = {0}, pair, wrong;
	struct check_result result;
	struct problem why;
	struct store *store;

	fill_all(t);
	assert_int_equal(secret_alloc(&new, STORE_MASTER_KEY_LEN), ERR_OK);
	memset(new.data, 0x77, new.len);
	pair = pair_of(&t->master, &new);
	wrong = pair_of(&new, &new);
	swap_served(t, "cp -a served as-it-was");
	tmpstore_open(t);
	assert_int_equal(store_master_change(t->store, &t->master, &new), ERR_OK);
	swap_served(t, "rm -r served && mv as-it-was served");
	assert_int_equal(store_open(t->dir, STORE_READER, &t->master, &store, &why), ERR_CRYPTO);
	assert_int_equal(store_open(t->dir, STORE_READER, &new, &store, &why), ERR_CRYPTO);
	assert_int_equal(store_open(t->dir, STORE_READER, &wrong, &store, &why), ERR_CRYPTO);
	assert_non_null(strstr(why.detail, "bring that key back"));
	assert_int_equal(store_check(t->dir, &pair, ignore, NULL, &result, &why), ERR_OK);
	assert_int_equal(result.damaged, 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(store_open(t->dir, modes[i], &pair, &store, &why), ERR_OK);
		assert_int_equal(read_all(store), 0);
		if (modes[i] == STORE_KEEPER)
			assert_int_equal(store_master_change(store, &t->master, &new), ERR_OK);
		store_close(store);
	}
	secret_take(&t->master, &new);
	tmpstore_open(t);
	assert_whole(t);
	secret_done(&pair);
	secret_done(&wrong);
}

/* A reader that was not told of a new master key knows it when the next data key comes. */
static void
a_reader_of_the_old_master_key_is_locked_out(void **state)
{
	struct tmpstore *t = *state;
	int to[2], from[2], status;
	struct secret new = {0};
	char c = 'x';
	pid_t pid;

	fill_all(t);
	assert_int_equal(pipe(to) | pipe(from), 0);
	pid = fork();
	if (pid == 0) {
		struct problem why;
		struct store *store;
		bool good = store_open(t->dir, STORE_FRONT, &t->master, &store, &why) == ERR_OK;

		for (int i = 0; good && i < 3; i++) {
			good = (read_all(store) == 0) == (i < 2) &&
			       store_is_locked_out(store) == (i == 2);
			good = write(from[1], &c, 1) == 1 && read(to[0], &c, 1) == 1 && good;
		}
		_exit(good ? 0 : 1);
	}
	assert_int_equal(read(from[0], &c, 1), 1);
	assert_int_equal(secret_alloc(&new, STORE_MASTER_KEY_LEN), ERR_OK);
	memset(new.data, 0x77, new.len);
	assert_int_equal(store_master_change(t->store, &t->master, &new), ERR_OK);
	assert_int_equal(write(to[1], &c, 1) + read(from[0], &c, 1), 2); /* it has what it needs */
	assert_int_equal(store_key_rotate_begin(t->store), ERR_OK);
	secret_take(&t->master, &new);
	finish(t, 1000);
	assert_int_equal(write(to[1], &c, 1) + read(from[0], &c, 1), 2);
	assert_int_equal(write(to[1], &c, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(store_is_locked_out(t->store));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpstore_setup, tmpstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_records_move_to_the_new_key),
		TEST(threads_read_on),
		TEST(readers_of_other_processes_follow),
		TEST(a_killed_rotation_goes_on),
		TEST(begun_in_one_environment_only),
		TEST(the_master_key_changes),
		TEST(between_two_master_keys),
		TEST(a_reader_of_the_old_master_key_is_locked_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
