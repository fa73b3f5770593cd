/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/text.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
expect_wide(const wchar_t *got, const char *wanted)
{
	char utf8[1024];

	assert_true(wcstombs(utf8, got, sizeof(utf8)) < sizeof(utf8));
	assert_string_equal(utf8, wanted);
}

static void
test_cut(void **state)
{
	static const struct {
		const char *source;
		size_t width;
		const char *utf8;
		size_t cells;
	} cases[] = {
		{"", 5, "", 0},
		{"abc", 0, "", 0},
		{"abc", 3, "abc", 3},
		{"abcd", 3, "ab…", 3},
		{"abcd", 1, "…", 1},
		{"你好", 4, "你好", 4},
		{"你好吗", 4, "你…", 3}, /* half a character is not shown */
		{"你好吗", 5, "你好…", 5},
		{"a\x1b[2Jb", 20, "a\\x1b[2Jb", 9},
		{"\xe2\x80\xae"
	         "evil",
	         30, "\\xe2\\x80\\xaeevil", 16},
		{"e\xcc\x81x", 30, "e<U+301>x", 9},
		{"\xff\xfe", 30, "\\xff\\xfe", 8},
		{"tab\tline\nend", 30, "tab\\x09line\\x0aend", 18},
	};
	wchar_t cells[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(text_cut(cases[i].source, cases[i].width, false, cells),
		                 cases[i].cells);
		expect_wide(cells, cases[i].utf8);
	}
}

static void
test_ascii(void **state)
{
	wchar_t cells[64];

	(void)state;
	assert_int_equal(text_cut("bücher 你", 40, true, cells), 6 + 6 + 1 + 8 - 1);
	expect_wide(cells, "b<U+FC>cher <U+4F60>");
	assert_int_equal(text_cut("abcdef", 4, true, cells), 4);
	expect_wide(cells, "abc~");
}

/* Columns of cells, whatever bytes the text has. */
static void
test_columns(void **state)
{
	static const struct {
		const char *source;
		size_t cells;
		bool ascii;
		const char *padded, *fitted;
	} cases[] = {
		{"abc", 5, false, "abc  ", "abc  "},
		{"abcde", 5, false, "abcde", "abcde"},
		{"abcdef", 5, false, "abcdef", "abcd…"},
		{"bücher", 8, false, "bücher  ", "bücher  "},
		{"你好", 6, false, "你好  ", "你好  "},
		{"你好吗", 4, false, "你好吗", "你… "},
		{"你好吗", 5, false, "你好吗", "你好…"},
		{"\x1b", 6, false, "\\x1b  ", "\\x1b  "},
		{"bü", 8, true, "b<U+FC> ", "b<U+FC> "},
		{"abcdef", 3, true, "abcdef", "ab~"},
		{"", 2, false, "  ", "  "},
		{"a", 0, false, "a", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf padded = {0}, fitted = {0};

		text_pad(&padded, cases[i].source, cases[i].cells, cases[i].ascii);
		text_fit(&fitted, cases[i].source, cases[i].cells, cases[i].ascii);
		assert_string_equal(buf_str(&padded), cases[i].padded);
		assert_string_equal(fitted.len ? buf_str(&fitted) : "", cases[i].fitted);
		buf_done(&padded);
		buf_done(&fitted);
	}
}

static void
test_lines(void **state)
{
	static const struct {
		const char *text;
		size_t width, bytes;
	} cases[] = {
		{"short", 10, 5}, {"two words", 5, 4}, {"two words", 4, 4}, {"unbroken", 3, 3},
		{"", 5, 0},       {"你好", 3, 3},      {"你", 1, 3},        {"a b c", 4, 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(text_line(cases[i].text, cases[i].width), cases[i].bytes);
}

static void
test_skip(void **state)
{
	(void)state;
	assert_string_equal(text_skip("a b c", 0), "a b c");
	assert_string_equal(text_skip("a b c", 3), " c");
	assert_string_equal(text_skip("b\u00fccher", 2), "cher");
	assert_string_equal(text_skip("\u4f60\u597d!", 3), "!"); /* half of one is none */
	assert_string_equal(text_skip("abc", 9), "");
}

static void
test_numbers(void **state)
{
	static const struct {
		int64_t n;
		const char *count, *bytes;
	} cases[] = {
		{0, "0", "0 B"},
		{999, "999", "999 B"},
		{1000, "1,000", "1000 B"},
		{-1234567, "-1,234,567", NULL},
		{1024, "1,024", "1.0 KiB"},
		{6549825126, "6,549,825,126", "6.1 GiB"},
		{200LL << 30, "214,748,364,800", "200 GiB"},
	};
	char text[TEXT_NUMBER_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(text_count(cases[i].n, text), cases[i].count);
		if (cases[i].bytes)
			assert_string_equal(text_bytes(cases[i].n, text), cases[i].bytes);
	}
}

static void
test_times(void **state)
{
	const int64_t now = 1795314600; /* 2026-11-22T02:30:00Z */
	char text[TEXT_NUMBER_MAX];

	(void)state;
	assert_string_equal(text_left(0, now, text), "-");
	assert_string_equal(text_left(now, now, text), "now");
	assert_string_equal(text_left(now + 5 * 86400 + 7 * 3600, now, text), "5d 7h");
	assert_string_equal(text_left(now - 14 * 3600, now, text), "-14h");
	assert_string_equal(text_day(now, now, text), "11-22 02:30");
	assert_string_equal(text_day(now + 50 * 86400, now, text), "2027-01-11");
	assert_string_equal(text_day(0, now, text), "-");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),     cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_columns), cmocka_unit_test(test_lines),
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_times),
		cmocka_unit_test(test_skip),
	};

	if (!setlocale(LC_ALL, "C.UTF-8"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
