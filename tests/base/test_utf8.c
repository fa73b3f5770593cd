/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"

static void
characters(void **state)
{
	static const struct {
		const char *text;
		size_t len, wanted;
		uint32_t c;
	} rows[] = {
		{"a", 1, 1, 'a'},
		{"", 1, 1, 0},
		{"\x7f", 1, 1, 0x7f},
		{"\xc2\x80", 2, 2, 0x80},
		{"\xc3\xbc", 3, 2, 0xfc},
		{"\xe2\x82\xac", 3, 3, 0x20ac},
		{"\xef\xbf\xbf", 3, 3, 0xffff},
		{"\xf0\x9f\x98\x80", 4, 4, 0x1f600},
		{"\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff},
		{"", 0, 0, 0},
		{"\x80", 1, 0, 0},
		{"\xc3", 1, 0, 0}, /* cut off */
		{"\xe2\x82", 2, 0, 0},
		{"\xf0\x9f\x98", 3, 0, 0},
		{"\xc3(", 2, 0, 0},
		{"\xc0\xaf", 2, 0, 0}, /* overlong */
		{"\xe0\x80\xaf", 3, 0, 0},
		{"\xf0\x8f\xbf\xbf", 4, 0, 0},
		{"\xed\xa0\x80", 3, 0, 0},     /* a surrogate */
		{"\xf4\x90\x80\x80", 4, 0, 0}, /* beyond the last */
		{"\xf5\x80\x80\x80", 4, 0, 0},
		{"\xff", 1, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t c = 0;
		size_t n = utf8_char(rows[i].text, rows[i].len, &c);

		if (n != rows[i].wanted || c != rows[i].c)
			fail_msg("row %zu: %zu U+%04X", i, n, c);
	}
}

static void
what_is_none_becomes_a_question_mark(void **state)
{
	char text[] = "a\xc3\xbc\xff\xe2\x82z\xc3";

	(void)state;
	utf8_mend(text, strlen(text));
	assert_string_equal(text, "a\xc3\xbc???z?");
}

/* Whatever it was made of, what we print is JSON (RFC 8259, 8.1). */
static void
what_is_printed_is_utf8(void **state)
{
	static const char text[] = "{\"a\xfc\":\"\xc3\xbc \xe2\x82\"}";
	cJSON *json = NULL;
	struct buf out = {0};

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), &json), ERR_OK);
	assert_int_equal(json_print(json, &out), ERR_OK);
	assert_string_equal((const char *)buf_str(&out), "{\"a?\":\"\xc3\xbc ??\"}");
	cJSON_Delete(json);
	buf_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters),
		cmocka_unit_test(what_is_none_becomes_a_question_mark),
		cmocka_unit_test(what_is_printed_is_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
