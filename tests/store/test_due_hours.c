/* SPDX-License-Identifier: Apache-2.0 */
#include "store/due_hours.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/domain_due.h"
#include "tests/support/tmpstore.h"

enum { FROM = 1800000000, HOUR = 3600 };

static const struct domain_queue le = {.ca = "le", .lane = LANE_FIRST};

static void
put(struct store_txn *txn, const char *name, const char *ca, int64_t due_at)
{
	struct domain d = tmpstore_domain(name, due_at);

	snprintf(d.ca, sizeof(d.ca), "%s", ca);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
}

static struct due_count
count(struct store_txn *txn, const struct domain_queue *queue, size_t most, size_t *ret_steps)
{
	struct due_count sum = {.from = FROM};
	struct due_place place = {.len = 0};
	size_t looked, steps = 0;

	do {
		assert_int_equal(domain_due_hours(txn, queue, &place, most, &sum, &looked), ERR_OK);
		assert_true(looked <= most);
		steps++;
	} while (looked == most);
	*ret_steps = steps;
	return sum;
}

static void
hours_are_told_apart(void **state)
{
	static const struct {
		const char *name, *ca;
		int64_t at;
	} names[] = {
		{"long.example", "le", 1},
		{"now.example", "le", FROM},
		{"next.example", "le", FROM + 1},
		{"hour.example", "le", FROM + HOUR},
		{"second.example", "le", FROM + HOUR + 1},
		{"last.example", "le", FROM + 24 * HOUR},
		{"later.example", "le", FROM + 24 * HOUR + 1},
		{"never.example", "le", 0},
		{"other.example", "lf", FROM + 1},
		{"prefix.example", "l", FROM + 1},
	};
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain_queue nobody = {.ca = "nobody", .lane = LANE_RENEW};
	struct due_count sum;
	size_t steps;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		put(txn, names[i].name, names[i].ca, names[i].at);
	for (size_t most = 1; most < 10; most++) {
		sum = count(txn, &le, most, &steps);
		assert_int_equal(sum.waiting, 2);
		assert_int_equal(sum.hours[0], 2);
		assert_int_equal(sum.hours[1], 1);
		assert_int_equal(sum.hours[23], 1);
		for (int i = 2; i < 23; i++)
			assert_int_equal(sum.hours[i], 0);
		assert_int_equal(steps, 6 / most + 1);
	}
	sum = count(txn, &nobody, 5, &steps);
	assert_int_equal(sum.waiting + sum.hours[0], 0);
	tmpstore_commit(txn);
}

/* The entry that a step ended with goes before the next one. */
static void
a_step_goes_on_behind_what_is_gone(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct due_count sum = {.from = FROM};
	struct due_place place = {.len = 0};
	struct hostname second = tmpstore_name("b.example");
	size_t looked;

	put(txn, "a.example", "le", FROM + 1);
	put(txn, "b.example", "le", FROM + 2);
	put(txn, "c.example", "le", FROM + 3);
	assert_int_equal(domain_due_hours(txn, &le, &place, 2, &sum, &looked), ERR_OK);
	assert_int_equal(looked, 2);
	assert_int_equal(domain_del(txn, &second), ERR_OK);
	assert_int_equal(domain_due_hours(txn, &le, &place, 2, &sum, &looked), ERR_OK);
	assert_int_equal(looked, 1);
	assert_int_equal(sum.hours[0], 3);
	tmpstore_commit(txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hours_are_told_apart, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test_setup_teardown(a_step_goes_on_behind_what_is_gone, tmpstore_setup,
	                                        tmpstore_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
