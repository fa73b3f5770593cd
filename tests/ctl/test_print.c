/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "ctl/table.h"

static const int64_t day = 86400;

static void
test_times(void **state)
{
	const struct {
		int64_t at;
		const char *text;
	} cases[] = {
		{0, "-"},
		{1000000, "now"},
		{1000001, "in 1s"},
		{1000059, "in 59s"},
		{1000060, "in 1m"},
		{1000061, "in 1m 1s"},
		{1000000 + 3600, "in 1h"},
		{1000000 + 3600 + 59, "in 1h"},
		{1000000 + 12 * day + 4 * 3600 + 59 * 60, "in 12d 4h"},
		{1000000 - 90, "1m 30s ago"},
		{1000000 + 36500 * day, "in 36500d"},
		{1, "11d 13h ago"},
	};
	char text[PRINT_TIME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(print_relative(cases[i].at, 1000000, text), cases[i].text);
	assert_string_equal(print_span(0, text), "0s");
}

static void
test_ascii(void **state)
{
	const struct {
		const char *json;
		const char *ascii;
	} cases[] = {
		{"{\"a\":1}", "{\"a\":1}"},
		{"\"b\xc3\xbc\"", "\"b\\u00fc\""},
		{"\"\xe2\x80\xae\"", "\"\\u202e\""},
		{"\"\xf0\x9f\x98\x80\"", "\"\\ud83d\\ude00\""},
		{"\"\xc2\x9b"
	         "2J\x7f\"",
	         "\"\\u009b2J\\u007f\""},
		/* malformed: overlong, surrogate, alone, cut, too large */
		{"\xc0\x80", "\\ufffd\\ufffd"},
		{"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},
		{"\xff", "\\ufffd"},
		{"\xe2\x80", "\\ufffd\\ufffd"},
		{"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = {0};

		print_ascii(cases[i].json, &out);
		assert_string_equal(buf_str(&out), cases[i].ascii);
		buf_done(&out);
	}
}

static void
test_formats(void **state)
{
	struct print print;

	(void)state;
	assert_int_equal(print_init(&print, "table"), ERR_OK);
	assert_int_equal(print.format, PRINT_TABLE);
	assert_false(print.wide);
	assert_int_equal(print_init(&print, "wide"), ERR_OK);
	assert_int_equal(print.format, PRINT_TABLE);
	assert_true(print.wide);
	assert_int_equal(print_init(&print, "ndjson"), ERR_OK);
	assert_int_equal(print.format, PRINT_NDJSON);
	assert_int_equal(print_init(&print, "JSON"), ERR_INVALID);
	assert_int_equal(print_init(&print, ""), ERR_INVALID);
}

static void
test_time_of(void **state)
{
	static const char text[] = "{\"a\":\"1970-01-02T00:00:00Z\",\"b\":\"soon\",\"c\":5}";
	cJSON *json = NULL;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), &json), ERR_OK);
	assert_int_equal(print_time_of(json, "a"), day);
	assert_int_equal(print_time_of(json, "b"), 0);
	assert_int_equal(print_time_of(json, "c"), 0);
	assert_int_equal(print_time_of(json, "d"), 0);
	assert_int_equal(print_time_of(NULL, "d"), 0);
	cJSON_Delete(json);
}

/* What F writes to stdout. */
static char *
capture(void (*f)(size_t width), size_t width)
{
	static char text[65536];
	int fd = memfd_create("out", MFD_CLOEXEC), saved;
	ssize_t n;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	dup2(fd, STDOUT_FILENO);
	f(width);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	n = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
	return text;
}

static const char *const titles[] = {"NAME", "STATE", "REASON"};

static void
print_table(size_t width)
{
	struct table *t = table_new(titles, 3, width);

	table_row(t, (const char *[]){"shop.example.com", "valid", NULL});
	table_row(t, (const char *[]){"b\xc3\xbc"
	                              "cher.a-rather-long-name.example",
	                              "x", "the reason is \x1b[31m long and long and long"});
	table_flush(t);
	table_flush(t);
	table_row(t, (const char *[]){"c", "", "behind"});
	table_flush(t);
	table_free(t);
}

static void
test_table(void **state)
{
	(void)state;
	assert_string_equal(capture(print_table, 0),
	                    "NAME                               STATE  REASON\n"
	                    "shop.example.com                   valid  -\n"
	                    "b\xc3\xbc"
	                    "cher.a-rather-long-name.example  x      the reason is \\x1b[31m "
	                    "long and long and long\n"
	                    "c                                  -      behind\n");
	assert_string_equal(capture(print_table, 60),
	                    "NAME                               STATE  REASON\n"
	                    "shop.example.com                   valid  -\n"
	                    "b\xc3\xbc"
	                    "cher.a-rather-long-name.example  x      the reason is \\...\n"
	                    "c                                  -      behind\n");
	assert_string_equal(capture(print_table, 40), "NAME                   STATE  REASON\n"
	                                              "shop.example.com       valid  -\n"
	                                              "b\xc3\xbc"
	                                              "cher.a-rather-lo...  x      the rea...\n"
	                                              "c                      -      behind\n");
	assert_string_equal(capture(print_table, 1), "NAME                  STATE  REASON\n"
	                                             "shop.example.com      valid  -\n"
	                                             "b\xc3\xbc"
	                                             "cher.a-rather-l...  x      the rea...\n"
	                                             "c                     -      behind\n");
}

static void
print_nothing(size_t width)
{
	struct table *t = table_new(titles, 3, width);

	table_flush(t);
	table_free(t);
}

static void
print_thousands(size_t width)
{
	struct table *t = table_new(titles, 3, width);

	for (int i = 0; i < 1500; i++)
		table_row(t, (const char *[]){"a", "b", "c"});
	table_flush(t);
	table_free(t);
}

static void
test_table_sizes(void **state)
{
	size_t lines = 0;

	(void)state;
	assert_string_equal(capture(print_nothing, 80), "");
	for (const char *p = capture(print_thousands, 80); *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 1501);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),   cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_formats), cmocka_unit_test(test_time_of),
		cmocka_unit_test(test_table),   cmocka_unit_test(test_table_sizes),
	};

	return cmocka_run_group_tests_name("print", tests, NULL, NULL);
}
