/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is. */
#include "daemon/due.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/store.h"
#include "tests/support/tmpstore.h"

enum { NOW = 1800000000, DAY = 86400, HOUR = 3600 };

static const struct {
	const char *name;
	int64_t due;        /* since when, seconds */
	int64_t life, left; /* of its certificate, life 0: it has none */
} rows[] = {
	{"a.example", 9 * DAY, 90 * DAY, 21 * DAY}, /* 233 permille */
	{"b.example", 8 * DAY, 0, 0},               /* 200 */
	{"c.example", 7 * DAY, 90 * DAY, 29 * DAY}, /* 322 */
	{"d.example", 6 * HOUR, 6 * DAY, DAY},      /* 167 */
	{"e.example", 5 * HOUR, 6 * DAY, -DAY},     /* expired */
	{"f.example", 4 * HOUR, 0, 0},
	{"g.example", 3 * HOUR, 45 * DAY, 2 * DAY}, /* 44 */
	{"h.example", -HOUR, 45 * DAY, DAY},        /* not due */
};

static int
setup(void **state)
{
	struct tmpstore *t = calloc(1, sizeof(*t));
	struct store_txn *txn;

	tmpstore_init(t);
	tmpstore_open(t);
	txn = tmpstore_write(t, STORE_SERVED);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct domain d = tmpstore_domain(rows[i].name, NOW - rows[i].due);

		d.generation = rows[i].life ? 1 : 0;
		d.not_after = rows[i].life ? NOW + rows[i].left : 0;
		d.not_before = d.not_after - rows[i].life;
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	tmpstore_commit(txn);
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

static void
the_order(void **state)
{
	static const struct {
		size_t room;
		const char *order;
	} cases[] = {
		{1, "egdbfac"},
		{6, "egdbfac"},
		{7, "abcdefg"}, /* room for all: as they come */
		{64, "abcdefg"},
	};
	static struct hostname names[DUE_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_txn *txn = tmpstore_read(*state, STORE_SERVED);
		char order[16] = "";
		size_t count = 0;

		assert_int_equal(due_read(txn, "le", NOW, cases[i].room, names, &count), ERR_OK);
		store_abort(txn);
		for (size_t k = 0; k < count && k < sizeof(order) - 1; k++)
			order[k] = names[k].name[0];
		assert_string_equal(order, cases[i].order);
	}
}

static void
as_many_as_there_is_room_for(void **state)
{
	static struct hostname names[DUE_MAX];
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	size_t count = 0;
	char name[32];

	for (int i = 0; i < DUE_MAX + 50; i++) {
		struct domain d;

		snprintf(name, sizeof(name), "n%d.example", i);
		d = tmpstore_domain(name, NOW - DAY);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	assert_int_equal(due_read(txn, "le", NOW, 1, names, &count), ERR_OK);
	assert_int_equal(count, DUE_LOOK);
	assert_int_equal(due_read(txn, "le", NOW, 500, names, &count), ERR_OK);
	assert_int_equal(count, 500 + DUE_DAMAGED);
	assert_int_equal(due_read(txn, "le", NOW, 5000, names, &count), ERR_OK);
	assert_int_equal(count, DUE_MAX);
	assert_int_equal(due_read(txn, "none", NOW, 5, names, &count), ERR_OK);
	assert_int_equal(count, 0);
	store_abort(txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_order, setup, teardown),
		cmocka_unit_test_setup_teardown(as_many_as_there_is_room_for, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
