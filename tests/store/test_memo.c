/* SPDX-License-Identifier: Apache-2.0 */
/* Tables memo and late, and what the log of events says that it has dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "store/event.h"
#include "store/fault.h"
#include "store/late.h"
#include "store/memo.h"
#include "tests/support/tmpstore.h"

static int
setup(void **state)
{
	static struct tmpstore t;

	tmpstore_init(&t);
	tmpstore_open(&t);
	*state = &t;
	return 0;
}

static int
teardown(void **state)
{
	tmpstore_done(*state);
	return 0;
}

static void
put(struct tmpstore *t, const char *key, const char *text)
{
	struct store_txn *txn = tmpstore_write(t, STORE_PRIVATE);

	assert_int_equal(memo_put(txn, key, text, strlen(text)), ERR_OK);
	tmpstore_commit(txn);
}

static void
memos_outlive_the_store(void **state)
{
	struct tmpstore *t = *state;
	struct store_txn *txn;
	struct buf out = {0};

	put(t, "clock", "one");
	put(t, "clock", "two");
	tmpstore_close(t);
	tmpstore_open(t);
	txn = tmpstore_read(t, STORE_PRIVATE);
	assert_int_equal(memo_get(txn, "clock", &out), ERR_OK);
	assert_string_equal(buf_str(&out), "two");
	assert_int_equal(memo_get(txn, "cloc", &out), ERR_NOTFOUND);
	store_abort(txn);
	buf_done(&out);
}

static void
memos_are_found_by_prefix(void **state)
{
	static const char *const keys[] = {"a/1", "a/2", "a/22", "ab", "b/1"};
	struct tmpstore *t = *state;
	struct store_txn *txn;
	char key[MEMO_KEY_MAX + 1] = "", found[8 * sizeof(key)] = "";

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		put(t, keys[i], "x");
	txn = tmpstore_read(t, STORE_PRIVATE);
	while (memo_next(txn, "a/", key, key) == ERR_OK)
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s ", key);
	assert_string_equal(found, "a/1 a/2 a/22 ");
	assert_int_equal(memo_next(txn, "c/", "", key), ERR_NOTFOUND);
	store_abort(txn);
	txn = tmpstore_write(t, STORE_PRIVATE);
	assert_int_equal(memo_del(txn, "a/1"), ERR_OK);
	assert_int_equal(memo_del(txn, "a/1"), ERR_OK);
	assert_int_equal(memo_next(txn, "a/", "", key), ERR_OK);
	assert_string_equal(key, "a/2");
	store_abort(txn);
}

static void
odd_memos_are_refused(void **state)
{
	static char big[MEMO_MAX + 1], key[MEMO_KEY_MAX + 2];
	struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
	struct buf out = {0};

	memset(key, 'k', sizeof(key) - 1);
	assert_int_equal(memo_put(txn, "", "x", 1), ERR_INVALID);
	store_abort(txn);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(memo_put(txn, key, "x", 1), ERR_INVALID);
	store_abort(txn);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(memo_put(txn, "big", big, sizeof(big)), ERR_TOOBIG);
	store_abort(txn);
	txn = tmpstore_read(*state, STORE_PRIVATE);
	assert_int_equal(memo_put(txn, "x", "x", 1), ERR_WRONGSTATE);
	assert_int_equal(memo_get(txn, key, &out), ERR_INVALID);
	store_abort(txn);
}

static void
late_names_are_counted(void **state)
{
	static const char *const names[] = {"a.example", "b.example", "c.example"};
	struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
	struct late late, page[4];
	uint64_t count;
	size_t n;

	for (size_t i = 0; i < 3; i++) {
		late = (struct late){.name = tmpstore_name(names[i]), .generation = i + 1};
		assert_int_equal(late_put(txn, &late), ERR_OK);
		assert_int_equal(late_put(txn, &late), ERR_OK);
	}
	tmpstore_commit(txn);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(late_count(txn, &count), ERR_OK);
	assert_int_equal(count, 3);
	assert_int_equal(late_page(txn, NULL, 2, page, &n), ERR_OK);
	assert_int_equal(n, 2);
	assert_string_equal(page[1].name.name, "b.example");
	assert_int_equal(page[1].generation, 2);
	assert_int_equal(late_page(txn, &page[1].name, 4, page, &n), ERR_OK);
	assert_int_equal(n, 1);
	assert_int_equal(late_del(txn, &page[0].name), ERR_OK);
	assert_int_equal(late_del(txn, &page[0].name), ERR_OK);
	assert_int_equal(late_count(txn, &count), ERR_OK);
	assert_int_equal(count, 2);
	tmpstore_commit(txn);
}

static void
faults_are_kept(void **state)
{
	struct fault f = {.name = tmpstore_name("a.example"), .open = 5, .told = 4, .since = 77};
	struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
	struct hostname page[4];
	struct fault got;
	uint64_t count;
	size_t n;

	assert_int_equal(fault_put(txn, &f), ERR_OK);
	f.asked = true;
	strcpy(f.why, "it is another one's key");
	f.acked = 1;
	f.acked_at = 99;
	f.acked_by = 1000;
	assert_int_equal(fault_put(txn, &f), ERR_OK);
	f.name = tmpstore_name("b.example");
	assert_int_equal(fault_put(txn, &f), ERR_OK);
	tmpstore_commit(txn);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(fault_page(txn, NULL, 4, page, &n), ERR_OK);
	assert_int_equal(n, 2);
	assert_string_equal(page[1].name, "b.example");
	assert_int_equal(fault_get(txn, &page[0], &got), ERR_OK);
	assert_true(got.open == 5 && got.told == 4 && got.asked && got.since == 77);
	assert_string_equal(got.why, "it is another one's key");
	assert_true(got.acked == 1 && got.acked_at == 99 && got.acked_by == 1000);
	assert_int_equal(fault_del(txn, &page[0]), ERR_OK);
	assert_int_equal(fault_del(txn, &page[0]), ERR_OK);
	assert_int_equal(fault_get(txn, &page[0], &got), ERR_NOTFOUND);
	assert_int_equal(fault_page(txn, &page[1], 4, page, &n), ERR_OK);
	assert_int_equal(n, 0);
	assert_int_equal(fault_count(txn, &count), ERR_OK);
	assert_int_equal(count, 1);
	f.open = 0;
	assert_int_equal(fault_put(txn, &f), ERR_INVALID);
	store_abort(txn);
}

/* Old ones go by age here; a fold moves a row and drops nothing. */
static void
the_log_says_what_it_dropped(void **state)
{
	struct event e = {.at = 1000, .type = "x.y", .detail = "same"};
	struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
	uint64_t id;

	for (int i = 0; i < 5; i++)
		assert_int_equal(event_put(txn, &e), ERR_OK);
	assert_int_equal(event_dropped(txn, &id), ERR_OK);
	assert_int_equal(id, 0);
	e.at += EVENT_KEEP_S + 1;
	strcpy(e.detail, "other");
	assert_int_equal(event_put(txn, &e), ERR_OK);
	assert_int_equal(event_dropped(txn, &id), ERR_OK);
	assert_int_equal(id, 5);
	store_abort(txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(memos_outlive_the_store, setup, teardown),
		cmocka_unit_test_setup_teardown(memos_are_found_by_prefix, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_memos_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(late_names_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(faults_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(the_log_says_what_it_dropped, setup, teardown),
	};

	return cmocka_run_group_tests_name("memo", tests, NULL, NULL);
}
