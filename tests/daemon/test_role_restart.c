/* SPDX-License-Identifier: Apache-2.0 */
/* When a dead keeper is started again, and whether it may write then. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/role_inside.h"

enum { HOUR_MS = 3600 * 1000 };

struct fixture {
	struct parent p;
	struct role *keeper;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(status_new(&f->p.status), ERR_OK);
	f->keeper = &f->p.roles[KEEPER];
	f->keeper->spawn = (struct spawn){.kind = SPAWN_KEEPER, .channel = -1};
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	status_free(f->p.status);
	free(f);
	return 0;
}

static void
begin(struct fixture *f, bool probe_says_damaged)
{
	f->p.careful = f->keeper->spawn.careful = probe_says_damaged;
}

static void
die(struct fixture *f, int number, int64_t lived_ms)
{
	f->keeper->state = ROLE_RUNNING;
	f->keeper->at = clock_mono_ms() - lived_ms;
	f->keeper->killed_by = number;
	role_plan_restart(&f->p, f->keeper, false);
}

/* An hour later. */
static void
retry(struct fixture *f)
{
	f->keeper->state = ROLE_RUNNING;
	f->keeper->at = clock_mono_ms() - HOUR_MS;
	role_retry_writing(&f->p, f->keeper, clock_mono_ms());
}

static void
three_crashes_in_a_row_make_it_careful_for_an_hour(void **state)
{
	struct fixture *f = *state;

	begin(f, false);
	die(f, SIGSEGV, 10);
	die(f, SIGKILL, 10); /* no crash, and no end of the row */
	die(f, SIGBUS, 10);
	assert_false(f->keeper->spawn.careful);
	die(f, SIGABRT, 10);
	assert_true(f->keeper->spawn.careful);
	retry(f);
	assert_false(f->keeper->spawn.careful);
	die(f, SIGSEGV, 10);
	assert_true(f->keeper->spawn.careful);
}

static void
a_damaged_free_list_is_never_written_with(void **state)
{
	struct fixture *f = *state;

	begin(f, true);
	for (int i = 0; i < 12; i++) { /* it waits long, too, in between */
		retry(f);
		assert_true(f->keeper->spawn.careful);
		die(f, SIGSEGV, 10);
		assert_true(f->keeper->spawn.careful);
	}
}

/* Crashes that have nothing to do with each other do not add up. */
static void
a_careful_one_that_lives_long_is_not_kept_away(void **state)
{
	struct fixture *f = *state;

	begin(f, true);
	for (int i = 0; i < 12; i++) {
		die(f, SIGSEGV, HOUR_MS);
		assert_true(f->keeper->delay_ms < HOUR_MS);
	}
}

static void
only_a_crash_says_that_a_scan_is_harmful(void **state)
{
	static const struct {
		int number;
		bool harmful;
	} cases[] = {
		{SIGSEGV, true}, {SIGBUS, true}, {SIGABRT, true}, {SIGKILL, false}, {0, false}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		atomic_store(&f->p.status->mending, true);
		die(f, cases[i].number, 10);
		assert_int_equal(atomic_load(&f->p.status->mending), cases[i].harmful);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(three_crashes_in_a_row_make_it_careful_for_an_hour),
		TEST(a_damaged_free_list_is_never_written_with),
		TEST(a_careful_one_that_lives_long_is_not_kept_away),
		TEST(only_a_crash_says_that_a_scan_is_harmful),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
