/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/problem.h"
#include "daemon/order/plan.h"

enum { DAY = 86400, NOW = 1800000000 };

static void
renewals(void **state)
{
	static const struct {
		int64_t life, left; /* renewed with this much left, apart from the spread */
	} rows[] = {
		{90 * DAY, 30 * DAY},
		{45 * DAY, 15 * DAY},
		{10 * DAY + 3, (10 * DAY + 3) / 3},
		{10 * DAY, 5 * DAY},
		{160 * 3600, 80 * 3600},
		{43200, 21600},
		{60, 30},
		{1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (uint32_t random = 0; random < 5; random++) {
			int64_t at = plan_renew_at(NOW, NOW + rows[i].life, random * 1000003u);
			int64_t plain = NOW + rows[i].life - rows[i].left;

			assert_true(at <= plain);
			assert_true(at >= plain - rows[i].life / 100);
		}
	/* spread: two certificates of one second do not come due in one second */
	assert_int_not_equal(plan_renew_at(NOW, NOW + 90 * DAY, 1),
	                     plan_renew_at(NOW, NOW + 90 * DAY, 2));
}

static void
retries(void **state)
{
	static const struct {
		uint32_t failures;
		enum problem_kind kind;
		int64_t left;  /* of a certificate, 0 = none */
		int64_t asked; /* by the CA, from now; 0 = nothing */
		int64_t wait;
	} rows[] = {
		{1, PROBLEM_AUTHZ_DNS, 0, 0, 60},
		{2, PROBLEM_AUTHZ_DNS, 0, 0, 600},
		{3, PROBLEM_AUTHZ_DNS, 0, 0, 6000},
		{4, PROBLEM_AUTHZ_DNS, 0, 0, DAY},
		{5, PROBLEM_AUTHZ_DNS, 0, 0, DAY},
		{4000000, PROBLEM_AUTHZ_DNS, 0, 0, DAY},
		{0, PROBLEM_AUTHZ_DNS, 0, 0, 60},
		/* never past half of what is left */
		{4, PROBLEM_AUTHZ_DNS, DAY, 0, DAY / 2},
		{2, PROBLEM_AUTHZ_DNS, 30, 0, 15},
		{1, PROBLEM_AUTHZ_DNS, 1, 0, 60}, /* half a second is no plan */
		{1, PROBLEM_AUTHZ_DNS, 2, 0, 1},
		{4, PROBLEM_AUTHZ_DNS, -5, 0, DAY}, /* expired already */
		/* the CA's own fault does not count against the name for long */
		{4, PROBLEM_CA_UNREACHABLE, 0, 0, 600},
		{1, PROBLEM_CA_UNREACHABLE, 0, 0, 60},
		{3, PROBLEM_CA_ERROR, 0, 0, 600},
		/* what the CA asks for */
		{1, PROBLEM_CA_LIMITED, 0, 3600, 3600},
		{4, PROBLEM_CA_LIMITED, 0, 10, DAY},
		{1, PROBLEM_CA_LIMITED, 0, 3650 * DAY, 7 * DAY},
		{1, PROBLEM_CA_LIMITED, 0, -100, 60},
		{1, PROBLEM_CA_LIMITED, 100, 3600, 50}, /* half of what is left comes first */
		{4, PROBLEM_CA_ACCOUNT, 0, 0, 600},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct problem p = {.kind = rows[i].kind};

		p.retry_at = rows[i].asked ? NOW + rows[i].asked : 0;
		assert_int_equal(plan_retry_at(rows[i].failures, NOW,
		                               rows[i].left ? NOW + rows[i].left : 0, &p, 0) -
		                         NOW,
		                 rows[i].wait);
		for (uint32_t random = 1; random < 3000000000u; random += 170000003u) {
			int64_t wait =
				plan_retry_at(rows[i].failures, NOW,
			                      rows[i].left ? NOW + rows[i].left : 0, &p, random) -
				NOW;

			assert_in_range(wait, rows[i].wait, rows[i].wait + rows[i].wait / 10);
			if (rows[i].left > 1) /* the jitter does not eat what is left either */
				assert_true(wait <= 1 || wait <= rows[i].left / 2);
		}
	}
}

/* What an attempt finds before expiry when each one fails: with any life there are several. */
static void
several_tries_before_the_end(void **state)
{
	static const int64_t lives[] = {90 * DAY, 45 * DAY, 160 * 3600, 43200, 3600};
	const struct problem p = {.kind = PROBLEM_AUTHZ_DNS};

	(void)state;
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		int64_t end = NOW + lives[i], at = plan_renew_at(NOW, end, 0);
		uint32_t tries = 0;

		while (at < end) {
			tries++;
			at = plan_retry_at(tries, at, end, &p, 0x9e3779b9u * tries);
		}
		assert_true(tries >= 10);
	}
}

static void
windows(void **state)
{
	static const struct {
		int64_t start, end, latest; /* from NOW */
		int64_t least, most;
	} rows[] = {
		{DAY, 2 * DAY, 30 * DAY, DAY, 2 * DAY - 1},
		{-2 * DAY, -DAY, 30 * DAY, -2 * DAY, -DAY - 1},
		{-DAY, DAY, 30 * DAY, -DAY, DAY - 1},
		{DAY, 9 * DAY, 2 * DAY, DAY, 2 * DAY},
		{5 * DAY, 9 * DAY, 2 * DAY, 2 * DAY, 2 * DAY},
		{DAY, DAY + 1, 30 * DAY, DAY, DAY},
		{DAY, 9000000 * (int64_t)DAY, 30 * DAY, DAY, 30 * DAY},
		{-NOW, 9000000 * (int64_t)DAY, 9000000 * (int64_t)DAY, -NOW,
	         9000000 * (int64_t)DAY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t width = rows[i].most - rows[i].least, low = INT64_MAX, high = INT64_MIN;

		for (uint64_t random = 0; random <= UINT32_MAX; random += UINT32_MAX / 100) {
			int64_t at = plan_window_at(NOW + rows[i].start, NOW + rows[i].end,
			                            NOW + rows[i].latest, (uint32_t)random) -
			             NOW;

			assert_true(at >= rows[i].least && at <= rows[i].most);
			low = at < low ? at : low;
			high = at > high ? at : high;
		}
		/* all of it is used */
		assert_true(low - rows[i].least <= width / 50);
		assert_true(rows[i].most - high <= width / 50);
	}
	assert_int_equal(plan_latest_at(NOW, NOW + 90 * DAY), NOW + 81 * DAY);
	assert_int_equal(plan_latest_at(NOW, NOW + 50), NOW + 45);
}

static void
polls(void **state)
{
	static const struct {
		int64_t asked_ms, wait; /* -1: the CA says nothing */
	} rows[] = {
		{-1, 6 * 3600},
		{0, 60},
		{1, 60},
		{59999, 60},
		{60001, 61},
		{3600000, 3600},
		{21600000, 21600},
		{(int64_t)DAY * 1000, DAY},
		{(int64_t)DAY * 3650000, DAY},
	};
	static const int64_t early[] = {0, 3600, 7200, 14400, 28800, 57600, DAY, DAY};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(plan_poll_at(NOW, rows[i].asked_ms, 0) - NOW, rows[i].wait);
		for (uint32_t random = 1; random < 3000000000u; random += 170000003u) {
			int64_t wait = plan_poll_at(NOW, rows[i].asked_ms, random) - NOW;

			assert_in_range(wait, rows[i].wait, rows[i].wait + rows[i].wait / 10);
			assert_true(wait <= DAY);
		}
	}
	for (uint32_t i = 0; i < sizeof(early) / sizeof(early[0]); i++)
		assert_int_equal(plan_early_wait(i), early[i]);
	assert_int_equal(plan_early_wait(UINT32_MAX), DAY);
}

static void
staples(void **state)
{
	static const struct {
		int64_t left, least, most; /* seconds */
	} rows[] = {
		{7 * DAY, 7 * DAY / 2 - 7 * DAY / 20, 7 * DAY / 2},
		{7200, 3240, 3600},
		{100, 60, 60},
		{1, 60, 60},
		{0, 60, 60},
		{-100, 60, 60},
	};
	int64_t far = -1;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (uint32_t r = 0; r < 100000; r += 777) {
			int64_t wait = plan_staple_at(NOW, NOW + rows[i].left, r * 41) - NOW;

			assert_in_range(wait, rows[i].least, rows[i].most);
			far = i == 0 && wait > far ? wait : far;
		}
	assert_true(far > 7 * DAY / 2 - 7 * DAY / 100);
	for (uint32_t failures = 0; failures < 100; failures++) {
		int64_t wait = failures < 2 ? 60 : failures < 10 ? 60 << (failures - 1) : 21600;

		wait = wait > 21600 ? 21600 : wait;
		assert_int_equal(plan_ask_again_at(failures, NOW, 0), NOW + wait);
		assert_in_range(plan_ask_again_at(failures, NOW, UINT32_MAX) - NOW, wait,
		                wait + wait / 4);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renewals),
		cmocka_unit_test(retries),
		cmocka_unit_test(several_tries_before_the_end),
		cmocka_unit_test(windows),
		cmocka_unit_test(polls),
		cmocka_unit_test(staples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
