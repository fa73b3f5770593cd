/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/common/wheel.h"

enum { START = 1000000, FAR = WHEEL_TICK_MS * WHEEL_SLOTS * 3 };

static struct wheel wheel;
static struct wheel_entry entries[4];
static int fired[4];

static void
note(struct wheel_entry *entry, void *arg)
{
	(void)arg;
	fired[entry - entries]++;
}

static int
setup(void **state)
{
	(void)state;
	memset(entries, 0, sizeof(entries));
	memset(fired, 0, sizeof(fired));
	wheel_init(&wheel, START);
	return 0;
}

/* Sweeps each tick up to UNTIL; returns when ENTRY fired, or 0. */
static int64_t
fires_at(int which, int64_t until)
{
	for (int64_t now = START; now <= until; now += WHEEL_TICK_MS) {
		wheel_sweep(&wheel, now, note, NULL);
		if (fired[which])
			return now;
	}
	return 0;
}

static void
test_never_early_and_a_tick_late_at_most(void **state)
{
	static const int after[] = {1, 249, 250, 251, 10000, 63999, 64000, 64001, 300000, FAR};

	for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		int64_t at;

		setup(state);
		wheel_set(&wheel, &entries[0], START + after[i]);
		at = fires_at(0, START + after[i] + 2 * WHEEL_TICK_MS);
		assert_true(at >= START + after[i]);
		assert_true(at <= START + after[i] + WHEEL_TICK_MS);
		assert_int_equal(fired[0], 1);
		assert_int_equal(entries[0].tick, 0);
	}
}

static void
test_moving(void **state)
{
	(void)state;
	wheel_set(&wheel, &entries[0], START + 1000);
	wheel_set(&wheel, &entries[0], START + 5000); /* later: stays where it is */
	assert_true(fires_at(0, START + 4750) == 0);
	wheel_sweep(&wheel, START + 5000, note, NULL);
	assert_int_equal(fired[0], 1);
	wheel_set(&wheel, &entries[1], START + 60000);
	wheel_set(&wheel, &entries[1], START + 6000); /* sooner: moves */
	wheel_sweep(&wheel, START + 6250, note, NULL);
	assert_int_equal(fired[1], 1);
}

static void
test_deleted_never_fires(void **state)
{
	(void)state;
	wheel_set(&wheel, &entries[0], START + 1000);
	wheel_set(&wheel, &entries[1], START + 1000);
	wheel_del(&wheel, &entries[0]);
	wheel_del(&wheel, &entries[0]);
	wheel_sweep(&wheel, START + 2000, note, NULL);
	assert_int_equal(fired[0], 0);
	assert_int_equal(fired[1], 1);
}

static void
delete_neighbour(struct wheel_entry *entry, void *arg)
{
	note(entry, arg);
	wheel_del(&wheel, &entries[entry == &entries[0] ? 1 : 0]);
	wheel_set(&wheel, entry, entry->deadline_ms + 1000);
}

static void
test_callback_may_change_the_wheel(void **state)
{
	(void)state;
	wheel_set(&wheel, &entries[0], START + 1000);
	wheel_set(&wheel, &entries[1], START + 1000);
	wheel_sweep(&wheel, START + 1000, delete_neighbour, NULL);
	assert_int_equal(fired[0] + fired[1], 1);
	wheel_sweep(&wheel, START + 2000, note, NULL);
	assert_int_equal(fired[0] + fired[1], 2);
}

static void
test_after_a_long_stop(void **state)
{
	(void)state;
	wheel_set(&wheel, &entries[0], START + 1000);
	wheel_set(&wheel, &entries[1], START + FAR);
	wheel_set(&wheel, &entries[2], START + 2 * FAR);
	wheel_sweep(&wheel, START + FAR + 500, note, NULL);
	assert_int_equal(fired[0], 1);
	assert_int_equal(fired[1], 1);
	assert_int_equal(fired[2], 0);
	wheel_sweep(&wheel, START + 3 * FAR, note, NULL);
	assert_int_equal(fired[2], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_never_early_and_a_tick_late_at_most, setup),
		cmocka_unit_test_setup(test_moving, setup),
		cmocka_unit_test_setup(test_deleted_never_fires, setup),
		cmocka_unit_test_setup(test_callback_may_change_the_wheel, setup),
		cmocka_unit_test_setup(test_after_a_long_stop, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
