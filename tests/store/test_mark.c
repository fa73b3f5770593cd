/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mark.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/backup.h"
#include "tests/support/rawdb.h"
#include "tests/support/tmpstore.h"

static void
compares(void **state)
{
	static const struct {
		struct store_mark noted, now;
		enum mark_verdict verdict;
	} cases[] = {
		{{10, 5}, {10, 5}, MARK_SAME},         {{10, 5}, {11, 4}, MARK_SAME},
		{{10, 5}, {20, 0}, MARK_SAME}, /* they were removed */
		{{0, 0}, {0, 0}, MARK_SAME},           {{10, 5}, {9, 5}, MARK_OLDER},
		{{10, 5}, {9, 3}, MARK_OLDER},         {{10, 0}, {9, 0}, MARK_OLDER},
		{{10, 5}, {9, 2}, MARK_LOST},          {{10, 1}, {0, 0}, MARK_LOST},
		{{10, UINT64_MAX}, {0, 0}, MARK_LOST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(store_mark_compare(&cases[i].noted, &cases[i].now),
		                 cases[i].verdict);
}

static void
add(struct tmpstore *t, const char *name)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct domain d = tmpstore_domain(name, 1000);

	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
}

static void
note(struct tmpstore *t, struct store_mark *ret_mark)
{
	assert_int_equal(store_mark_now(t->store, ret_mark), ERR_OK);
	assert_int_equal(store_mark_put(t->store, ret_mark), ERR_OK);
}

static void
is_noted_and_found_again(void **state)
{
	struct store_mark first, second, got = {7, 7};
	struct tmpstore t;

	(void)state;
	tmpstore_init(&t);
	tmpstore_open(&t);
	assert_int_equal(store_mark_get(t.store, &got), ERR_NOTFOUND);
	assert_int_equal(got.names, 7);
	add(&t, "a.example");
	note(&t, &first);
	assert_int_equal(first.names, 1);
	add(&t, "b.example");
	note(&t, &second);
	assert_int_equal(second.names, 2);
	assert_true(second.revision > first.revision);
	tmpstore_close(&t);
	tmpstore_open(&t);
	assert_int_equal(store_mark_get(t.store, &got), ERR_OK);
	assert_memory_equal(&got, &second, sizeof(got));
	tmpstore_done(&t);
}

/* A flip in the note is no reason to refuse a store. */
static void
is_not_believed_when_flipped(void **state)
{
	unsigned char data[RAWDB_MAX];
	struct store_mark mark;
	struct tmpstore t;

	(void)state;
	tmpstore_init(&t);
	tmpstore_open(&t);
	add(&t, "a.example");
	note(&t, &mark);
	for (size_t at = 0; at < 24; at++) {
		struct rawdb raw;
		size_t len;

		tmpstore_close(&t);
		raw = rawdb_open(t.dir, "private", "meta");
		len = rawdb_get(&raw, "served", 6, data);
		assert_int_equal(len, 24);
		data[at] ^= 0x40;
		rawdb_put(&raw, "served", 6, data, len);
		rawdb_close(&raw);
		tmpstore_open(&t);
		assert_int_equal(store_mark_get(t.store, &mark), ERR_NOTFOUND);
		note(&t, &mark);
		assert_int_equal(store_mark_get(t.store, &mark), ERR_OK);
	}
	tmpstore_done(&t);
}

static void
is_not_copied(void **state)
{
	struct store_copied copied;
	struct store_mark mark;
	struct problem why;
	struct tmpstore t;

	(void)state;
	tmpstore_init(&t);
	tmpstore_open(&t);
	add(&t, "a.example");
	note(&t, &mark);
	tmpstore_close(&t);
	assert_int_equal(store_compact(t.dir, &t.master, &copied, &why), ERR_OK);
	tmpstore_open(&t);
	assert_int_equal(store_mark_get(t.store, &mark), ERR_NOTFOUND);
	assert_int_equal(store_mark_now(t.store, &mark), ERR_OK);
	assert_int_equal(mark.names, 1);
	tmpstore_done(&t);
}

static void
a_careful_keeper_leaves_served_alone(void **state)
{
	struct store_mark mark;
	struct store_txn *txn;
	struct problem why;
	struct tmpstore t;

	(void)state;
	tmpstore_init(&t);
	tmpstore_open(&t);
	add(&t, "a.example");
	tmpstore_close(&t);
	assert_int_equal(store_open(t.dir, STORE_CAREFUL, &t.master, &t.store, &why), ERR_OK);
	assert_int_equal(store_begin_write(t.store, STORE_SERVED, &txn), ERR_CORRUPT);
	assert_int_equal(store_mark_now(t.store, &mark), ERR_OK);
	assert_int_equal(mark.names, 1);
	assert_int_equal(store_mark_put(t.store, &mark), ERR_OK); /* private/ */
	tmpstore_done(&t);
	/* It makes nothing. */
	tmpstore_init(&t);
	assert_int_not_equal(store_open(t.dir, STORE_CAREFUL, &t.master, &t.store, &why), ERR_OK);
	assert_false(store_exists(t.dir));
	t.store = NULL;
	tmpstore_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares),
		cmocka_unit_test(is_noted_and_found_again),
		cmocka_unit_test(is_not_believed_when_flipped),
		cmocka_unit_test(is_not_copied),
		cmocka_unit_test(a_careful_keeper_leaves_served_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
