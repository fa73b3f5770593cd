/* SPDX-License-Identifier: Apache-2.0 */
#include "store/due_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/domain_due.h"
#include "store/domain_window.h"
#include "tests/support/tmpstore.h"

enum { NAMES = 200, PAGE = 7, TIMES = 50 };

static struct domain made[NAMES]; /* in the order they should have */

static int
compare(const void *a, const void *b)
{
	const struct domain *x = a, *y = b;

	if (x->due_at != y->due_at)
		return x->due_at < y->due_at ? -1 : 1;
	return strcmp(x->name.name, y->name.name);
}

/* Of five CAs and all lanes, many due at the same time; and some that are not planned. */
static void
make(struct store_txn *txn)
{
	char name[32];

	srand(7);
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "n%03d.example", i);
		made[i] = tmpstore_domain(name, 1 + rand() % TIMES);
		snprintf(made[i].ca, sizeof(made[i].ca), "%.*s", 1 + rand() % 5, "abcde");
		made[i].failures = (uint32_t)(rand() % 6);
		made[i].generation = rand() % 2;
		assert_int_equal(domain_put(txn, &made[i]), ERR_OK);
	}
	for (int i = 0; i < 5; i++) {
		struct domain d;

		snprintf(name, sizeof(name), "never%d.example", i);
		d = tmpstore_domain(name, i % 2 ? 0 : 3);
		d.state = i % 2 ? DOMAIN_PENDING : DOMAIN_PAUSED;
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	qsort(made, NAMES, sizeof(made[0]), compare);
}

static void
is_row(const struct domain *row, size_t at)
{
	assert_true(at < NAMES);
	assert_string_equal(row->name.name, made[at].name.name);
	assert_int_equal(row->due_at, made[at].due_at);
	assert_string_equal(row->ca, made[at].ca);
}

static void
all_queues_are_one_list(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain page[PAGE];
	struct domain_window w = {.place = WINDOW_FROM, .at = INT64_MIN};
	uint64_t total;
	size_t count, seen = 0;

	assert_int_equal(due_window(txn, &w, PAGE, page, &count), ERR_OK);
	assert_int_equal(count, 0);
	make(txn);
	assert_int_equal(due_count_all(txn, &total), ERR_OK);
	assert_int_equal(total, NAMES);
	do {
		assert_int_equal(due_window(txn, &w, PAGE, page, &count), ERR_OK);
		for (size_t i = 0; i < count; i++)
			is_row(&page[i], seen++);
		w.place = WINDOW_BEHIND;
		w.at = page[count ? count - 1 : 0].due_at;
		w.name = page[count ? count - 1 : 0].name;
	} while (count == PAGE);
	assert_int_equal(seen, NAMES);
	w.place = WINDOW_LAST;
	do {
		assert_int_equal(due_window(txn, &w, PAGE, page, &count), ERR_OK);
		for (size_t i = 0; i < count; i++)
			is_row(&page[i], --seen);
		w.place = WINDOW_BEFORE;
		w.at = page[count ? count - 1 : 0].due_at;
		w.name = page[count ? count - 1 : 0].name;
	} while (count == PAGE);
	assert_int_equal(seen, 0);
	tmpstore_commit(txn);
}

static void
places_need_not_be_there(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain page[PAGE];
	struct domain_window w = {.place = WINDOW_FROM};
	size_t count, first = 0;

	make(txn);
	w.at = TIMES / 2;
	while (made[first].due_at < w.at)
		first++;
	assert_int_equal(due_window(txn, &w, PAGE, page, &count), ERR_OK);
	assert_int_equal(count, PAGE);
	is_row(&page[0], first);
	w.place = WINDOW_BEFORE; /* of a time, without a name */
	assert_int_equal(due_window(txn, &w, PAGE, page, &count), ERR_OK);
	assert_int_equal(count, PAGE);
	is_row(&page[0], first - 1);
	w = (struct domain_window){.place = WINDOW_BEHIND, .at = INT64_MAX};
	assert_int_equal(due_window(txn, &w, PAGE, page, &count), ERR_OK);
	assert_int_equal(count, 0);
	w = (struct domain_window){.place = WINDOW_BEFORE, .at = 0};
	assert_int_equal(due_window(txn, &w, PAGE, page, &count), ERR_OK);
	assert_int_equal(count, 0);
	tmpstore_commit(txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_queues_are_one_list, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test_setup_teardown(places_need_not_be_there, tmpstore_setup,
	                                        tmpstore_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
