/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks as tables: what is seen in turn, and whether the clock is suspect then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/watch/clockwatch.h"

#define DAY  INT64_C(86400)
#define NOW  INT64_C(4000000000) /* later than any build */
#define LAST 12

enum what { END, TICK, CA };
struct seen {
	enum what what;
	int64_t mono_s, wall; /* wall: less NOW */
	int64_t date;         /* CA: less NOW */
	bool suspect;
	const char *why; /* of the change that the tick tells, a part of it; NULL: no change */
};

static const struct {
	const char *name;
	int64_t stored; /* less NOW; 1: none */
	struct seen seen[LAST];
} cases[] = {
	{"an ordinary day",
         -3600,
         {{TICK, 1, 1, 0, false, NULL},
          {TICK, 2, 2, 0, false, NULL},
          {TICK, 90000, 90000, 0, false, NULL}}},
	{"the first start", 1, {{TICK, 1, 1, 0, false, NULL}}},
	{"small steps and a slow drift",
         0,
         {{TICK, 10, 300, 0, false, NULL},
          {TICK, 20, 10, 0, false, NULL},
          {TICK, 30, 300, 0, false, NULL},
          {TICK, 40, 600, 0, false, NULL}}},
	{"80 days ahead and back",
         0,
         {{TICK, 1, 1, 0, false, NULL},
          {TICK, 2, 80 * DAY, 0, true, "jumped by +69119"},
          {TICK, 3, 80 * DAY + 1, 0, true, NULL},
          {TICK, 60, 60, 0, false, "back where it was"}}},
	{"5 days back, and the CA says that it is right",
         0,
         {{TICK, 2, -5 * DAY, 0, true, "jumped by -4320"},
          {CA, 3, -5 * DAY + 1, -5 * DAY, false, NULL},
          {TICK, 4, -5 * DAY + 2, 0, false, "has the same time"},
          {TICK, 5, -5 * DAY + 3, 0, false, NULL}}},
	{"started 80 days ahead",
         -80 * DAY,
         {{TICK, 0, 0, 0, true, "long after the time certd has seen last"},
          {CA, 5, 5, -80 * DAY, true, NULL},
          {TICK, 6, 6, 0, true, NULL},
          {TICK, 10, -80 * DAY + 10, 0, false, "back where it was"}}},
	{"off for 80 days, and the CA agrees",
         -80 * DAY,
         {{TICK, 0, 0, 0, true, "long after"},
          {CA, 5, 5, 4, false, NULL},
          {TICK, 6, 6, 0, false, "has the same time"}}},
	{"off for a week", -7 * DAY, {{TICK, 0, 0, 0, false, NULL}}},
	{"started before the last time",
         3600,
         {{TICK, 0, 0, 0, true, "before the time certd has seen last"}}},
	{"1970",
         1,
         {{TICK, 0, -NOW, 0, true, "before this certd was built"},
          {TICK, 90000, -NOW + 90000, 0, true, NULL},
          {TICK, 90001, 90001, 0, false, "for a day"}}},
	{"nothing speaks against it for a day",
         0,
         {{TICK, 2, 80 * DAY, 0, true, "jumped"},
          {TICK, 80000, 80 * DAY + 79998, 0, true, NULL},
          {TICK, 90000, 80 * DAY + 89998, 0, false, "for a day"}}},
	{"a CA speaks against it now and then",
         0,
         {{TICK, 2, 80 * DAY, 0, true, "jumped"},
          {CA, 80000, 80 * DAY + 79998, 79998, true, NULL},
          {TICK, 90000, 80 * DAY + 89998, 0, true, NULL},
          {TICK, 170000, 80 * DAY + 169998, 0, false, "for a day"}}},
	{"a CA that is away by two hours",
         0,
         {{CA, 1, 1, 7200, true, NULL},
          {TICK, 2, 2, 0, true, "differs by +7199"},
          {TICK, 3, 3, 0, true, NULL}, /* that nothing of ours has moved does not help */
          {TICK, 4, 7204, 0, true, NULL},
          {CA, 5, 7205, 7205, false, NULL},
          {TICK, 6, 7206, 0, false, "has the same time"}}},
	{"a CA without a Date, and one that is away by minutes",
         0,
         {{CA, 1, 1, -NOW, false, NULL},
          {CA, 1, 1, 1200, false, NULL},
          {TICK, 2, 2, 0, false, NULL}}},
};

static void
clocks_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct seen *first = &cases[i].seen[0];
		int64_t begin = first->wall == -NOW ? 0 : NOW;
		struct clockwatch *w;
		char why[CLOCK_WHY_MAX];
		bool suspect, changed;

		assert_int_equal(clockwatch_new(cases[i].stored == 1 ? 0 : NOW + cases[i].stored,
		                                begin, 0, &w),
		                 ERR_OK);
		for (const struct seen *s = first; s->what != END; s++) {
			changed = false;
			if (s->what == CA)
				clockwatch_ca_says(w, "le", NOW + s->date, NOW + s->wall,
				                   s->mono_s * 1000);
			else
				changed = clockwatch_tick(w, NOW + s->wall, s->mono_s * 1000,
				                          &suspect, why);
			if (clockwatch_is_suspect(w) != s->suspect)
				fail_msg("%s: step %zd: %s", cases[i].name, s - first, why);
			if (s->why && (!changed || !strstr(why, s->why)))
				fail_msg("%s: step %zd: wanted %s, got %s", cases[i].name,
				         s - first, s->why, changed ? why : "no change");
		}
		clockwatch_free(w);
	}
}

static void
orders_are_few_in_doubt(void **state)
{
	struct clockwatch *w;
	char why[CLOCK_WHY_MAX];
	bool suspect;
	size_t began = 0;

	(void)state;
	assert_int_equal(clockwatch_new(0, NOW, 1, &w), ERR_OK);
	assert_int_equal(clockwatch_room(w, 64, NOW, 1), 64);
	assert_true(clockwatch_tick(w, NOW + 80 * DAY, 1, &suspect, why));
	assert_true(suspect);
	assert_int_equal(clockwatch_room(w, 0, NOW + 80 * DAY, 1), 0);
	for (int64_t ms = 1; ms <= 60 * 1000; ms += 100)
		if (clockwatch_room(w, 64, NOW + 80 * DAY, ms)) {
			clockwatch_began(w, ms);
			began++;
		}
	assert_int_equal(began, 4);
	clockwatch_free(w);
}

/* Between two ticks, too. */
/* When it has moved, until a CA has said that it is wrong where it is now. */
static void
a_date_is_asked_for(void **state)
{
	char why[CLOCK_WHY_MAX];
	struct clockwatch *w;
	bool suspect;

	(void)state;
	assert_int_equal(clockwatch_new(NOW, NOW, 0, &w), ERR_OK);
	assert_false(clockwatch_wants_date(w));
	(void)clockwatch_tick(w, NOW + 10000, 1000, &suspect, why);
	assert_true(clockwatch_wants_date(w));
	clockwatch_ca_says(w, "le", NOW, NOW + 10001, 2000);
	assert_false(clockwatch_wants_date(w));
	(void)clockwatch_tick(w, NOW + 10002, 3000, &suspect, why);
	assert_false(clockwatch_wants_date(w));
	(void)clockwatch_tick(w, NOW + 5000, 4000, &suspect, why);
	assert_true(suspect && clockwatch_wants_date(w));
	clockwatch_ca_says(w, "le", NOW + 5001, NOW + 5001, 5000);
	assert_false(clockwatch_wants_date(w));
	clockwatch_free(w);
	/* one that was wrong from the start, and a CA has said so first */
	assert_int_equal(clockwatch_new(NOW, NOW, 0, &w), ERR_OK);
	clockwatch_ca_says(w, "le", NOW - 10000, NOW, 1000);
	assert_false(clockwatch_wants_date(w));
	(void)clockwatch_tick(w, NOW - 9998, 2000, &suspect, why);
	assert_true(clockwatch_wants_date(w));
	clockwatch_free(w);
	assert_int_equal(clockwatch_new(NOW - 80 * DAY, NOW, 0, &w), ERR_OK);
	assert_true(clockwatch_wants_date(w));
	clockwatch_free(w);
}

static void
a_jump_counts_before_it_is_told(void **state)
{
	struct clockwatch *w;
	char why[CLOCK_WHY_MAX];
	bool suspect;

	(void)state;
	assert_int_equal(clockwatch_new(0, NOW, 1, &w), ERR_OK);
	assert_int_equal(clockwatch_room(w, 64, NOW + 80 * DAY, 500), 1);
	assert_true(clockwatch_is_suspect(w));
	assert_true(clockwatch_tick(w, NOW + 80 * DAY, 1000, &suspect, why));
	assert_true(suspect);
	assert_false(clockwatch_tick(w, NOW + 80 * DAY, 2000, &suspect, why));
	assert_int_equal(clockwatch_room(w, 64, NOW, 2500), 64);
	assert_true(clockwatch_tick(w, NOW, 3000, &suspect, why));
	assert_false(suspect);
	clockwatch_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks_are_judged),
		cmocka_unit_test(orders_are_few_in_doubt),
		cmocka_unit_test(a_date_is_asked_for),
		cmocka_unit_test(a_jump_counts_before_it_is_told),
	};

	return cmocka_run_group_tests_name("clockwatch", tests, NULL, NULL);
}
