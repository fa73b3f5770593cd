/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tombstone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/change.h"
#include "tests/support/tmpstore.h"

static void
put(struct tmpstore *t, const char *name, int64_t at, const char *why)
{
	struct tombstone stone = {.name = tmpstore_name(name), .removed_at = at, .uid = 1000};
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);

	snprintf(stone.by, sizeof(stone.by), "remove");
	snprintf(stone.why, sizeof(stone.why), "%s", why);
	assert_int_equal(tombstone_put(txn, &stone), ERR_OK);
	tmpstore_commit(txn);
}

static enum err
find(struct tmpstore *t, const char *name, int64_t from_at, struct tombstone *ret)
{
	struct store_txn *txn = tmpstore_read(t, STORE_SERVED);
	struct hostname h = tmpstore_name(name);
	enum err err = tombstone_find(txn, &h, from_at, ret);

	store_abort(txn);
	return err;
}

static void
who_was_removed_is_known(void **state)
{
	struct tombstone got;

	put(*state, "a.example", 100, "moved away");
	tmpstore_close(*state);
	tmpstore_open(*state);
	assert_int_equal(find(*state, "a.example", INT64_MIN, &got), ERR_OK);
	assert_true(got.removed_at == 100 && got.uid == 1000);
	assert_string_equal(got.by, "remove");
	assert_string_equal(got.why, "moved away");
	assert_int_equal(find(*state, "a.example", 100, &got), ERR_OK);
	assert_int_equal(find(*state, "a.example", 101, &got), ERR_NOTFOUND);
	assert_int_equal(find(*state, "b.example", INT64_MIN, &got), ERR_NOTFOUND);
	put(*state, "a.example", 200, "");
	assert_int_equal(find(*state, "a.example", 101, &got), ERR_OK);
	assert_string_equal(got.why, "");
}

static void
a_domain_of_the_name_clears_it(void **state)
{
	struct domain d = tmpstore_domain("a.example", 1);
	struct tombstone got;
	struct store_txn *txn;

	put(*state, "a.example", 100, "");
	put(*state, "b.example", 100, "");
	txn = tmpstore_write(*state, STORE_SERVED);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	assert_int_equal(find(*state, "a.example", INT64_MIN, &got), ERR_NOTFOUND);
	assert_int_equal(find(*state, "b.example", INT64_MIN, &got), ERR_OK);
}

static void
pages_are_by_name(void **state)
{
	struct tombstone page[3];
	struct store_txn *txn;
	struct hostname last;
	uint64_t all;
	size_t count;

	for (int i = 4; i >= 0; i--) {
		char name[32];

		snprintf(name, sizeof(name), "n%d.example", i);
		put(*state, name, 10 * i, "");
	}
	txn = tmpstore_read(*state, STORE_SERVED);
	assert_int_equal(tombstone_count(txn, &all), ERR_OK);
	assert_true(all == 5);
	assert_int_equal(tombstone_page(txn, NULL, 3, page, &count), ERR_OK);
	assert_int_equal(count, 3);
	assert_string_equal(page[2].name.name, "n2.example");
	assert_true(page[2].removed_at == 20);
	last = page[2].name;
	assert_int_equal(tombstone_page(txn, &last, 3, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_string_equal(page[1].name.name, "n4.example");
	assert_int_equal(tombstone_page_from(txn, &last, 3, page, &count), ERR_OK);
	assert_int_equal(count, 3);
	assert_string_equal(page[0].name.name, "n2.example");
	assert_int_equal(tombstone_page_before(txn, &last, 3, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_string_equal(page[0].name.name, "n1.example");
	assert_true(page[1].removed_at == 0);
	assert_int_equal(tombstone_page_before(txn, NULL, 3, page, &count), ERR_OK);
	assert_int_equal(count, 3);
	assert_string_equal(page[0].name.name, "n4.example");
	store_abort(txn);
}

static void
what_cannot_be_kept_is_refused(void **state)
{
	struct tombstone stone = {.name = tmpstore_name("a.example")};
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);

	memset(stone.why, 'x', sizeof(stone.why));
	assert_int_equal(tombstone_put(txn, &stone), ERR_INVALID);
	store_abort(txn);
	txn = tmpstore_read(*state, STORE_SERVED);
	assert_int_equal(tombstone_put(txn, &stone), ERR_WRONGSTATE);
	store_abort(txn);
}

/* A replica hears who was removed, too. */
static void
it_is_in_the_log_of_changes(void **state)
{
	struct change page[4];
	struct store_txn *txn;
	size_t count;

	for (int i = 0; i < 4; i++)
		change_init(&page[i]);
	put(*state, "a.example", 100, "");
	txn = tmpstore_read(*state, STORE_SERVED);
	assert_int_equal(change_page(txn, 0, 4, page, &count), ERR_OK);
	store_abort(txn);
	assert_int_equal(count, 1);
	assert_string_equal(page[0].table, "tombstone");
	assert_false(page[0].gone);
	for (int i = 0; i < 4; i++)
		change_done(&page[i]);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, tmpstore_setup, tmpstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_was_removed_is_known),    CASE(a_domain_of_the_name_clears_it),
		CASE(pages_are_by_name),           CASE(what_cannot_be_kept_is_refused),
		CASE(it_is_in_the_log_of_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
