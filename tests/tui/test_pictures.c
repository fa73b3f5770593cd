/* SPDX-License-Identifier: Apache-2.0 */
/* What is drawn: sparklines, bars, lives, histograms, columns, the look of a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "tui/columns.h"
#include "tui/event_row.h"
#include "tui/front_sheet.h"
#include "tui/histogram.h"
#include "tui/row.h"
#include "tui/spark.h"

static void
test_spark(void **state)
{
	static const double values[] = {0, 1, 2, 3, 4, 5, 6};
	char text[SPARK_ROOM(10)];

	(void)state;
	assert_string_equal(spark_line(values, 7, 10, false, text), " :-=+*#");
	assert_string_equal(spark_line(values, 7, 3, true, text), "▆▇█");
	assert_string_equal(spark_line(values, 1, 3, true, text), "▁");
	assert_string_equal(spark_line(values, 0, 3, true, text), "");
}

static void
test_bar(void **state)
{
	static const struct {
		double value, most;
		size_t width;
		const char *text;
	} cases[] = {
		{0, 10, 4, "...."},     {10, 10, 4, "####"}, {5, 10, 4, "##.."},
		{0.001, 10, 4, "#..."}, {20, 10, 4, "####"}, {5, 0, 4, "#..."},
		{5, 10, 0, ""},
	};
	char text[SPARK_ROOM(4)];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(spark_bar(cases[i].value, cases[i].most, cases[i].width, text),
		                    cases[i].text);
}

static void
test_life(void **state)
{
	static const struct {
		struct spark_life life;
		const char *text;
		int percent;
	} cases[] = {
		{{.from = 0, .until = 100, .now = 50}, "|=====>....|", 50},
		{{.from = 0, .until = 100, .now = 0}, "|>.........|", 0},
		{{.from = 0, .until = 100, .now = 100}, "|=========X|", 100},
		{{.from = 0, .until = 100, .now = 500}, "|=========X|", 100},
		{{.from = 0, .until = 100, .now = -5}, "|>.........|", 0},
		{{.from = 0, .until = 100, .now = 25, .renewal = 66}, "|==>...R...|", 25},
		{{.from = 0,
	          .until = 100,
	          .now = 25,
	          .window_from = 60,
	          .window_until = 80,
	          .renewal = 70},
	         "|==>...wRw.|",
	         25},
		{{.from = 10, .until = 10, .now = 10}, "|X.........|", 0},
	};
	char text[SPARK_ROOM(12)];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(spark_life(&cases[i].life, 12, text), cases[i].text);
		assert_int_equal(spark_life_percent(&cases[i].life), cases[i].percent);
	}
	assert_string_equal(spark_life(&cases[0].life, 2, text), "");
}

static void
test_columns(void **state)
{
	static const struct column columns[] = {
		{"NAME", 20, 0, 0}, {"STATE", 8, 8, 1}, {"LEFT", 7, 9, 2}, {"WHY", 10, 0, 3}};
	static const struct {
		size_t width, widths[4];
	} cases[] = {
		{100, {37, 8, 9, 43}}, {48, {20, 8, 7, 10}}, {47, {28, 8, 9, 0}},
		{37, {20, 8, 7, 0}},   {36, {27, 8, 0, 0}},  {10, {10, 0, 0, 0}},
		{0, {0, 0, 0, 0}},
	};
	size_t widths[4];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t sum = 0, gaps = 0;

		columns_fit(columns, 4, cases[i].width, widths);
		for (size_t k = 0; k < 4; k++) {
			sum += widths[k];
			gaps += widths[k] > 0;
			if (i)
				assert_int_equal(widths[k], cases[i].widths[k]);
		}
		assert_true(sum + (gaps ? gaps - 1 : 0) <= cases[i].width);
	}
}

static cJSON *
parsed(const char *text)
{
	cJSON *json;

	assert_int_equal(json_parse(text, strlen(text), &json), ERR_OK);
	return json;
}

static void
test_histogram(void **state)
{
	cJSON *expiry = parsed("{\"expired\":3,\"days\":[1,2,0,4,0,0,0,8],\"later\":9}");
	struct histogram h;
	char text[HISTOGRAM_TEXT_MAX];

	(void)state;
	histogram_take(&h, expiry);
	assert_int_equal(h.expired, 3);
	assert_int_equal(h.counts[0], 1);
	assert_int_equal(h.counts[1], 2);
	assert_int_equal(h.counts[2], 4);
	assert_int_equal(h.counts[3], 8);
	assert_int_equal(h.counts[4], 0);
	histogram_text(&h, 80, text);
	assert_string_equal(text,
	                    " expiry  1d # 1  3d # 2  7d # 4  14d ### 8  30d 0  60d 0  90d 0  "
	                    "later ### 9");
	histogram_text(&h, 20, text);
	assert_string_equal(text, " expiry  1d # 1");
	cJSON_Delete(expiry);
	histogram_take(&h, NULL);
	assert_int_equal(h.counts[0], 0);
}

static void
test_row(void **state)
{
	static const struct {
		const char *item;
		char sign;
		enum tone tone;
	} cases[] = {
		{"{\"state\":\"pending\"}", '-', TONE_WORK},
		{"{\"state\":\"expired\",\"not_after\":\"2026-01-01T00:00:00Z\"}", 'X', TONE_ALARM},
		{"{\"state\":\"failing\"}", '!', TONE_BAD},
		{"{\"state\":\"failing\",\"not_before\":\"2026-11-01T00:00:00Z\","
	         "\"not_after\":\"2027-01-30T00:00:00Z\"}",
	         '!', TONE_WARN},
		{"{\"state\":\"valid\",\"not_before\":\"2026-11-01T00:00:00Z\","
	         "\"not_after\":\"2027-01-30T00:00:00Z\"}",
	         '.', TONE_PLAIN},
		{"{\"state\":\"valid\",\"not_before\":\"2026-09-01T00:00:00Z\","
	         "\"not_after\":\"2026-12-01T00:00:00Z\"}",
	         '!', TONE_BAD},
		/* two days are much for one that lives six */
		{"{\"state\":\"valid\",\"not_before\":\"2026-11-18T00:00:00Z\","
	         "\"not_after\":\"2026-11-24T00:00:00Z\"}",
	         '.', TONE_PLAIN},
		{"{\"state\":\"paused\"}", 'p', TONE_DIM},
		{"{\"state\":\"external\"}", 'e', TONE_DIM},
		/* nobody here renews these: that they end soon is told in time */
		{"{\"state\":\"external\",\"not_before\":\"2026-09-01T00:00:00Z\","
	         "\"not_after\":\"2026-12-01T00:00:00Z\"}",
	         '!', TONE_BAD},
		{"{\"state\":\"paused\",\"not_before\":\"2026-09-01T00:00:00Z\","
	         "\"not_after\":\"2026-12-01T00:00:00Z\"}",
	         '!', TONE_BAD},
		{"{\"state\":\"paused\",\"not_before\":\"2026-11-01T00:00:00Z\","
	         "\"not_after\":\"2027-01-30T00:00:00Z\"}",
	         'p', TONE_DIM},
		{"{\"state\":\"moved\",\"not_before\":\"2026-09-01T00:00:00Z\","
	         "\"not_after\":\"2026-12-01T00:00:00Z\"}",
	         'm', TONE_DIM},
		{"{\"state\":\"removed\"}", 'r', TONE_DIM},
		{"{\"state\":\"moved\"}", 'm', TONE_DIM},
		{"{\"state\":\"renewing\"}", '~', TONE_WORK},
		{"{}", '.', TONE_PLAIN},
	};
	int64_t now;

	(void)state;
	assert_int_equal(clock_parse("2026-11-22T12:00:00Z", &now), ERR_OK);
	now = now / 86400 * 86400; /* of 12-01: nine days of 91 are left */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *item = parsed(cases[i].item);
		struct row_look look = row_look(item, now);

		assert_int_equal(look.sign, cases[i].sign);
		assert_int_equal(look.tone, cases[i].tone);
		cJSON_Delete(item);
	}
}

/* Its severity is a letter, and a colour only repeats it; seen to, it is neither. */
static void
test_event(void **state)
{
	static const struct {
		const char *event;
		enum tone tone;
		const char *line;
	} cases[] = {
		{"\"severity\":\"crit\",\"type\":\"cert.expired\"", TONE_ALARM,
	         "X 05:00:00       cert.expired     a.test       x"},
		{"\"severity\":\"err\",\"type\":\"order.failed\"", TONE_BAD,
	         "E 05:00:00       order.failed     a.test       x"},
		{"\"severity\":\"warn\",\"type\":\"mismatch.sni_unknown\",\"count\":1204",
	         TONE_WARN, "! 05:00:00 1,204 mismatch.sni_un\u2026 a.test       x"},
		{"\"severity\":\"info\",\"type\":\"cert.stored\"", TONE_PLAIN,
	         "  05:00:00       cert.stored      a.test       x"},
		{"\"type\":\"of.before\"", TONE_PLAIN,
	         "  05:00:00       of.before        a.test       x"},
		{"\"severity\":\"err\",\"type\":\"a.b\",\"acknowledged\":{}", TONE_PLAIN,
	         "a 05:00:00       a.b              a.test       x"},
	};
	char text[256];
	int64_t now;

	(void)state;
	assert_int_equal(clock_parse("2026-11-22T12:00:00Z", &now), ERR_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf line = {0};
		struct event_row r;
		cJSON *event;

		snprintf(text, sizeof(text),
		         "{\"id\":7,\"at\":\"2026-11-22T05:00:00Z\",\"name\":\"a.test\",\"detail\":"
		         "\"x\",%s}",
		         cases[i].event);
		event = parsed(text);
		assert_true(event_row_take(&r, event));
		assert_int_equal(event_row_tone(&r), cases[i].tone);
		event_row_line(&r, now, 60, &line);
		assert_string_equal(buf_str(&line), cases[i].line);
		event_row_done(&r);
		buf_done(&line);
		cJSON_Delete(event);
	}
}

static void
take_rates(struct front_rates *rates, int second, int accepted)
{
	char text[256];
	cJSON *front;

	snprintf(text, sizeof(text),
	         "{\"at\":\"2026-11-22T05:00:%02dZ\",\"listeners\":[{\"address\":\"a:443\","
	         "\"accepted\":%d},"
	         "{\"address\":\"a:80\",\"accepted\":7}]}",
	         second, accepted);
	front = parsed(text);
	front_rates_take(rates, front, 1000000 + 1000 * second);
	cJSON_Delete(front);
}

/* What a listener accepts in a second is the difference of two answers. */
static void
test_front_rates(void **state)
{
	struct front_rates rates = {0};

	(void)state;
	front_rates_take(&rates, NULL, 5);
	assert_int_equal(rates.count, 0);
	take_rates(&rates, 1, 100);
	assert_int_equal(rates.count, 2);
	assert_true(rates.of[0].rate == 0);
	take_rates(&rates, 6, 150);
	assert_true(rates.of[0].rate == 10);
	assert_true(rates.of[1].rate == 0);
	take_rates(&rates, 6, 150); /* drawn again: the other answers have come */
	assert_true(rates.of[0].rate == 10);
	take_rates(&rates, 9, 3); /* another certd */
	assert_true(rates.of[0].rate == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spark),     cmocka_unit_test(test_bar),
		cmocka_unit_test(test_life),      cmocka_unit_test(test_columns),
		cmocka_unit_test(test_histogram), cmocka_unit_test(test_row),
		cmocka_unit_test(test_event),     cmocka_unit_test(test_front_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
