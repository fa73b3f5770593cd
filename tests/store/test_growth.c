/* SPDX-License-Identifier: Apache-2.0 */
/* A full map: in the process that writes, and in one that reads what another one let grow. */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/cert.h"
#include "store/domain.h"
#include "store/inside.h"
#include "tests/support/tmpstore.h"

enum { TINY_MAP = 256 * 1024, LEAF_LEN = 20000, NAMES = 100 };

static const struct store_sizes tiny = {.map = {TINY_MAP, TINY_MAP}};

static void
open_tiny(struct tmpstore *t)
{
	struct problem why;

	tmpstore_init(t);
	assert_int_equal(store_open_sized(t->dir, STORE_KEEPER, &t->master, &tiny, &t->store, &why),
	                 ERR_OK);
}

static enum err
put_number(struct tmpstore *t, int i)
{
	struct cert cert = tmpstore_cert((unsigned)i, LEAF_LEN);
	struct buf chain = {0};
	char text[32];
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct domain d;

	snprintf(text, sizeof(text), "n%d.example", i);
	d = tmpstore_domain(text, i);
	/* Unchecked on purpose: the commit says it. */
	(void)!domain_put(txn, &d);
	(void)!cert_put(txn, &d.name, &cert, &chain);
	cert_done(&cert);
	return store_commit(txn);
}

/* Returns how often the map was full. */
static int
put_all(struct tmpstore *t)
{
	int full = 0;

	for (int i = 0; i < NAMES; i++) {
		enum err err = put_number(t, i);

		if (err == ERR_FULL) {
			full++;
			err = put_number(t, i);
		}
		assert_int_equal(err, ERR_OK);
	}
	return full;
}

/* Every name's certificate is whole. */
static enum err
check_all(struct store *store)
{
	struct store_txn *txn;
	struct cert cert;
	char text[32];
	enum err err = store_begin_read(store, STORE_SERVED, &txn);

	if (err)
		return err;
	cert_init(&cert);
	for (int i = 0; i < NAMES && !err; i++) {
		struct hostname name;

		snprintf(text, sizeof(text), "n%d.example", i);
		name = tmpstore_name(text);
		err = cert_get(txn, &name, &cert);
		if (!err && cert.leaf.len != LEAF_LEN)
			err = ERR_CORRUPT;
	}
	if (!err)
		err = domain_verify(txn);
	store_abort(txn);
	cert_done(&cert);
	return err;
}

static void
a_full_map_grows_for_the_next_writer(void **state)
{
	struct store_stat stat;
	struct tmpstore t;

	(void)state;
	open_tiny(&t);
	/* It grows while there is still room: nobody notices. */
	assert_int_equal(put_all(&t), 0);
	assert_int_equal(check_all(t.store), ERR_OK);
	assert_int_equal(store_stat(t.store, &stat), ERR_OK);
	assert_true(stat.map_bytes > NAMES * LEAF_LEN);
	tmpstore_done(&t);
}

/* The front's life: open with a small map, say so, wait for a word, read everything. */
static int
front(struct tmpstore *t, int in, int out)
{
	struct problem why;
	struct store *store;
	char c = 'r';

	if (store_open_sized(t->dir, STORE_FRONT, &t->master, &tiny, &store, &why))
		return 100;
	if (write(out, &c, 1) != 1 || read(in, &c, 1) != 1)
		return 101;
	return (int)check_all(store);
}

static void
readers_of_other_processes_follow(void **state)
{
	struct store_stat stat;
	struct tmpstore t;
	int to[2], from[2], status;
	char c = 'g';
	pid_t pid;

	(void)state;
	open_tiny(&t);
	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	pid = fork();
	if (pid == 0)
		_exit(front(&t, to[0], from[1]));
	assert_int_equal(read(from[0], &c, 1), 1);
	assert_int_equal(put_all(&t), 0);
	assert_int_equal(store_stat(t.store, &stat), ERR_OK);
	assert_true(stat.map_bytes > (uint64_t)NAMES * LEAF_LEN);
	assert_int_equal(write(to[1], &c, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	tmpstore_done(&t);
}

/* More in one transaction than the map has: ERR_FULL, and each next try has twice the room. */
static void
a_transaction_larger_than_the_map_fits_later(void **state)
{
	struct buf chain = {0};
	struct tmpstore t;
	enum err err = ERR_FULL;
	int tries = 0;

	(void)state;
	open_tiny(&t);
	for (; err == ERR_FULL && tries < 10; tries++) {
		struct store_txn *txn = tmpstore_write(&t, STORE_SERVED);
		char text[32];

		for (int i = 0; i < NAMES; i++) {
			struct cert cert = tmpstore_cert((unsigned)i, LEAF_LEN);
			struct domain d;

			snprintf(text, sizeof(text), "n%d.example", i);
			d = tmpstore_domain(text, i);
			(void)!domain_put(txn, &d);
			(void)!cert_put(txn, &d.name, &cert, &chain);
			cert_done(&cert);
		}
		err = store_commit(txn);
	}
	assert_int_equal(err, ERR_OK);
	assert_in_range(tries, 3, 7);
	assert_int_equal(check_all(t.store), ERR_OK);
	tmpstore_done(&t);
}

static void
a_forgotten_reader_only_delays(void **state)
{
	struct store_txn *forgotten;
	struct tmpstore t;
	int i = 0;

	(void)state;
	open_tiny(&t);
	forgotten = tmpstore_read(&t, STORE_SERVED);
	while (put_number(&t, i) == ERR_OK)
		i++;
	assert_int_equal(put_number(&t, i), ERR_FULL); /* no growth with a reader in the map */
	store_abort(forgotten);
	assert_int_equal(put_number(&t, i), ERR_OK);
	tmpstore_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_map_grows_for_the_next_writer),
		cmocka_unit_test(readers_of_other_processes_follow),
		cmocka_unit_test(a_transaction_larger_than_the_map_fits_later),
		cmocka_unit_test(a_forgotten_reader_only_delays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
