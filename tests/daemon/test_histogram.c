/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured (daemon/common/histogram.h), and who is asked for most (daemon/common/top.h). */
#include "daemon/common/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/common/top.h"

enum { MINUTE_MS = 60 * 1000 };

static void
buckets_follow_one_another(void **state)
{
	uint64_t begin = 0;

	(void)state;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t end = histogram_end(i);

		assert_int_equal(histogram_bucket(begin), i);
		assert_int_equal(histogram_bucket(end - 1), i);
		assert_true(end - begin <= 1 + begin / 4);
		begin = end;
	}
	assert_int_equal(histogram_bucket(begin), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
	assert_true(begin >= 240 * 1000000ull);
}

static void
quantiles_are_right_to_an_eighth(void **state)
{
	static const struct {
		unsigned permille;
		uint64_t us;
	} cases[] = {{1, 10}, {500, 5000}, {900, 9000}, {990, 9900}, {1000, 10000}};
	struct histogram *h = calloc(1, sizeof(*h));
	struct histogram_counts counts = {.sum_us = 0}, before = {.sum_us = 0};

	(void)state;
	assert_non_null(h);
	assert_int_equal(histogram_quantile(&counts, 500), 0);
	for (int us = 10; us <= 10000; us += 10)
		histogram_add(h, us);
	histogram_read(h, &counts);
	assert_int_equal(histogram_count(&counts), 1000);
	assert_int_equal(counts.sum_us, 10 * 1000 * 1001 / 2);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t us = histogram_quantile(&counts, cases[i].permille);

		assert_true(us >= cases[i].us - cases[i].us / 8);
		assert_true(us <= cases[i].us + cases[i].us / 8 + 1);
	}
	histogram_read(h, &before);
	histogram_add(h, -5); /* a clock that goes back: no time */
	counts = (struct histogram_counts){.sum_us = 0};
	histogram_read(h, &counts);
	histogram_since(&counts, &before);
	assert_int_equal(histogram_count(&counts), 1);
	assert_int_equal(counts.buckets[0], 1);
	assert_int_equal(counts.sum_us, 0);
	free(h);
}

static uint64_t
recent_count(const struct histogram_recent *h, int64_t mono_ms)
{
	struct histogram_counts counts = {.sum_us = 0};

	histogram_recent_read(h, mono_ms, &counts);
	return histogram_count(&counts);
}

static void
recent_ones_are_forgotten(void **state)
{
	static struct histogram_recent h;
	int64_t t = 1000 * (int64_t)MINUTE_MS;

	(void)state;
	memset(&h, 0, sizeof(h));
	assert_int_equal(recent_count(&h, t), 0);
	assert_int_equal(recent_count(&h, 0), 0);
	histogram_recent_add(&h, 100, t);
	histogram_recent_add(&h, 100, t + MINUTE_MS - 1);
	assert_int_equal(recent_count(&h, t + MINUTE_MS - 1), 2);
	histogram_recent_add(&h, 100, t + MINUTE_MS);
	assert_int_equal(recent_count(&h, t + MINUTE_MS), 3);
	assert_int_equal(recent_count(&h, t + 2 * MINUTE_MS), 1);
	histogram_recent_add(&h, 100, t + 2 * MINUTE_MS);
	assert_int_equal(recent_count(&h, t + 2 * MINUTE_MS), 2);
	assert_int_equal(recent_count(&h, t + 4 * MINUTE_MS), 0);
}

/* ---- names ---------------------------------------------------------------------------------- */

static void
add(struct top *top, const char *text, int64_t mono_ms, int times)
{
	struct hostname name;

	assert_int_equal(hostname_parse(text, &name, NULL), ERR_OK);
	while (times-- > 0)
		top_add(top, &name, mono_ms);
}

static size_t
read_top(const struct top *a, const struct top *b, int64_t mono_ms, struct top_name names[4])
{
	struct top_sum *sum = top_sum_new(mono_ms);
	int64_t seconds = -1;
	size_t count;

	assert_non_null(sum);
	top_sum_add(sum, a);
	if (b)
		top_sum_add(sum, b);
	count = top_sum_end(sum, names, 4, &seconds);
	assert_in_range(seconds, 0, 120);
	return count;
}

static void
the_most_frequent_are_found(void **state)
{
	static struct top a, b;
	struct top_name names[4];
	int64_t t = 1000 * (int64_t)MINUTE_MS;
	char text[64];

	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	assert_int_equal(read_top(&a, &b, t, names), 0);
	/* Two of them, in ten times as many that come once: in turn, so that they are pushed. */
	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "n%d.example", i);
		add(&a, text, t, 1);
		if (i % 10 == 0)
			add(&a, "shop.example", t, 2);
		if (i % 20 == 0)
			add(&b, "api.example", t, 1);
	}
	assert_int_equal(read_top(&a, &b, t, names), 4);
	assert_string_equal(names[0].name.name, "shop.example");
	assert_in_range(names[0].count, 200, 400);
	assert_string_equal(names[1].name.name, "api.example");
	assert_int_equal(names[1].count, 100);
}

static void
workers_and_minutes_are_added_up(void **state)
{
	static struct top a, b;
	struct top_name names[4];
	int64_t t = 1000 * (int64_t)MINUTE_MS;
	struct hostname longest = {.len = HOSTNAME_MAX};

	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	memset(longest.name, 'x', HOSTNAME_MAX);
	for (int i = 50; i < HOSTNAME_MAX; i += 50)
		longest.name[i] = '.';
	add(&a, "shop.example", t, 3);
	add(&b, "shop.example", t, 4);
	add(&a, "shop.example", t + MINUTE_MS, 5);
	top_add(&b, &longest, t + MINUTE_MS);
	assert_int_equal(read_top(&a, &b, t + MINUTE_MS, names), 2);
	assert_int_equal(names[0].count, 12);
	assert_string_equal(names[1].name.name, longest.name);
	assert_int_equal(names[1].name.len, HOSTNAME_MAX);
	assert_int_equal(read_top(&a, NULL, t + 2 * MINUTE_MS, names), 1);
	assert_int_equal(names[0].count, 5);
	assert_int_equal(read_top(&a, &b, t + 3 * MINUTE_MS, names), 0);
}

/* A worker that was killed in the middle, or has gone mad. */
static void
what_is_no_name_is_left_out(void **state)
{
	static struct top a;
	struct top_name names[4];
	int64_t t = 1000 * (int64_t)MINUTE_MS;
	struct top_minute *m;

	(void)state;
	memset(&a, 0, sizeof(a));
	add(&a, "shop.example", t, 2);
	add(&a, "api.example", t, 1);
	m = a.of[0].minute ? &a.of[0] : &a.of[1];
	atomic_store(&m->names[0][0], 0x4141414141414141);
	assert_int_equal(read_top(&a, NULL, t, names), 1);
	assert_string_equal(names[0].name.name, "api.example");
	for (int i = 0; i < TOP_NAME_WORDS; i++)
		atomic_store(&m->names[1][i], UINT64_MAX);
	assert_int_equal(read_top(&a, NULL, t, names), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_follow_one_another),
		cmocka_unit_test(quantiles_are_right_to_an_eighth),
		cmocka_unit_test(recent_ones_are_forgotten),
		cmocka_unit_test(the_most_frequent_are_found),
		cmocka_unit_test(workers_and_minutes_are_added_up),
		cmocka_unit_test(what_is_no_name_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
