/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/budget.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

enum { NOW = 1800000000, HOUR = 3600 };

static void
none_is_no_limit(void **state)
{
	struct budget b = {0};

	(void)state;
	budget_take(&b, NOW);
	assert_true(budget_room(&b, NOW) == SIZE_MAX);
	assert_int_equal(budget_next(&b, NOW), NOW);
}

/* Let's Encrypt's: 300 in 3 hours, so one each 36 s. */
static void
three_hundred_in_three_hours(void **state)
{
	struct budget b = {0};

	(void)state;
	budget_set(&b, 300, 3 * HOUR, NOW);
	for (int left = 300; left > 0; left--) {
		assert_int_equal(budget_room(&b, NOW), left);
		budget_take(&b, NOW);
	}
	assert_int_equal(budget_room(&b, NOW), 0);
	assert_int_equal(budget_next(&b, NOW), NOW + 36);
	assert_int_equal(budget_room(&b, NOW + 35), 0);
	assert_int_equal(budget_next(&b, NOW + 35), NOW + 36);
	assert_int_equal(budget_room(&b, NOW + 36), 1);
	assert_int_equal(budget_room(&b, NOW + HOUR), 100);
	assert_int_equal(budget_room(&b, NOW + 100 * HOUR), 300);
	budget_return(&b);
	assert_int_equal(budget_room(&b, NOW + 100 * HOUR), 300);
}

static void
clocks_that_jump(void **state)
{
	struct budget b = {0};

	(void)state;
	budget_set(&b, 2, 60, NOW);
	budget_take(&b, NOW);
	budget_take(&b, NOW);
	budget_take(&b, NOW); /* without room: the level stays at nothing */
	budget_return(&b);
	assert_int_equal(budget_room(&b, NOW), 1);
	budget_take(&b, NOW);
	assert_int_equal(budget_room(&b, NOW - 86400), 0);
	assert_int_equal(budget_room(&b, NOW - 86400 + 30), 1);
	assert_int_equal(budget_room(&b, NOW + (INT64_C(1) << 40)), 2);
}

static void
a_reload_keeps_what_is_spent(void **state)
{
	static const struct {
		uint32_t orders, period;
		size_t room;
	} rows[] = {{10, 600, 4}, {20, 600, 14}, {10, 60, 4}, {6, 600, 0}, {3, 600, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct budget b = {0};

		budget_set(&b, 10, 600, NOW);
		for (int k = 0; k < 6; k++)
			budget_take(&b, NOW);
		budget_set(&b, rows[i].orders, rows[i].period, NOW);
		assert_int_equal(budget_room(&b, NOW), rows[i].room);
	}
}

static void
the_largest_numbers(void **state)
{
	struct budget b = {0};

	(void)state;
	budget_set(&b, 1000000, 31 * 86400, NOW);
	budget_take(&b, NOW);
	assert_int_equal(budget_room(&b, NOW), 999999);
	assert_int_equal(budget_room(&b, NOW + 3), 1000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_is_no_limit),
		cmocka_unit_test(three_hundred_in_three_hours),
		cmocka_unit_test(clocks_that_jump),
		cmocka_unit_test(a_reload_keeps_what_is_spent),
		cmocka_unit_test(the_largest_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
