/* SPDX-License-Identifier: Apache-2.0 */
/* The small rooms of base/: buffers and cursors, clock, JSON, log escaping, problems, secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/json.h"
#include "base/log.h"
#include "base/problem.h"
#include "base/secret.h"

static void
what_is_written_can_be_read(void **state)
{
	struct buf b = {0};
	struct cursor c;
	char text[8];

	(void)state;
	buf_u8(&b, 0xfe);
	buf_u16(&b, 0xfedc);
	buf_u32(&b, 0xfedcba98);
	buf_u64(&b, 0xfedcba9876543210);
	buf_bytes16(&b, "seven", 5);
	buf_bytes32(&b, "", 0);
	assert_true(buf_ok(&b));
	cursor_init(&c, b.data, b.len);
	assert_int_equal(cursor_u8(&c), 0xfe);
	assert_int_equal(cursor_u16(&c), 0xfedc);
	assert_int_equal(cursor_u32(&c), 0xfedcba98);
	assert_true(cursor_u64(&c) == 0xfedcba9876543210);
	cursor_text16(&c, text, sizeof(text));
	assert_string_equal(text, "seven");
	assert_int_equal(cursor_bytes32(&c).len, 0);
	assert_true(cursor_end(&c));
	for (size_t cut = 0; cut < b.len; cut++) {
		cursor_init(&c, b.data, cut);
		cursor_u8(&c);
		cursor_u16(&c);
		cursor_u32(&c);
		cursor_u64(&c);
		cursor_text16(&c, text, sizeof(text));
		cursor_bytes32(&c);
		assert_false(cursor_end(&c));
	}
	buf_done(&b);
}

static void
cursor_refuses(void **state)
{
	static const unsigned char too_long[] = {3, 0, 'a', 'b', 'c'}, with_nul[] = {2, 0, 'a', 0};
	struct cursor c;
	char text[3];

	(void)state;
	cursor_init(&c, too_long, sizeof(too_long));
	cursor_text16(&c, text, sizeof(text));
	assert_true(c.bad);
	assert_string_equal(text, "");
	cursor_init(&c, with_nul, sizeof(with_nul));
	cursor_text16(&c, text, sizeof(text));
	assert_true(c.bad);
	cursor_init(&c, too_long, sizeof(too_long));
	cursor_u8(&c);
	assert_false(cursor_end(&c)); /* bytes are left */
}

static void
buffers_grow_and_fail_once(void **state)
{
	static const char text[70000]; /* more than a u16 can say */
	struct buf b = {0}, other = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i);
	assert_memory_equal(buf_str(&b), "0,1,2,", 6);
	buf_eat(&b, 6);
	assert_memory_equal(b.data, "3,4,", 4);
	buf_take(&other, &b);
	assert_null(b.data);
	buf_bytes16(&other, "x", 1);
	assert_true(buf_ok(&other));
	buf_bytes16(&other, text, sizeof(text));
	assert_false(buf_ok(&other));
	buf_add(&other, "x", 1);
	assert_null(buf_str(&other));
	buf_done(&other);
}

static void
times(void **state)
{
	static const struct {
		const char *text;
		int64_t at; /* -1: refused */
	} rows[] = {
		{"1970-01-01T00:00:10Z", 10},
		{"2026-01-01T00:00:00Z", 1767225600},
		{"2026-01-01T01:00:00+01:00", 1767225600},
		{"2025-12-31T22:30:00.123456-01:30", 1767225600},
		{"2026-01-01", -1},
		{"2026-01-01T00:00:00", -1},
		{"2026-01-01T00:00:00+1:00", -1},
		{"2026-01-01T00:00:00Zx", -1},
		{"", -1},
		{"tomorrow", -1},
	};
	char text[CLOCK_TEXT_MAX];
	int64_t at;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum err err = clock_parse(rows[i].text, &at);

		assert_int_equal(err, rows[i].at < 0 ? ERR_INVALID : ERR_OK);
		if (!err)
			assert_int_equal(at, rows[i].at);
	}
	assert_string_equal(clock_format(1767225600, text), "2026-01-01T00:00:00Z");
	assert_string_equal(clock_format(0, text), "-");
	assert_int_equal(clock_parse_http("Sun, 06 Nov 1994 08:49:37 GMT", &at), ERR_OK);
	assert_int_equal(at, 784111777);
	assert_int_equal(clock_parse_http("120", &at), ERR_INVALID);
	clock_set_wall(42);
	assert_int_equal(clock_wall(), 42);
	clock_set_wall(-1);
	assert_true(clock_wall() > 1700000000);
}

static void
json_that_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"{}x",
		"{} {}",
		"{\"a\":1,\"a\":2}",
		"{\"b\":[{\"a\":1,\"a\":2}]}",
		"{\"a\":\"\\u0000\"}",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
	};
	cJSON *json = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (json_parse(bad[i], strlen(bad[i]), &json) == ERR_OK)
			print_error("accepted: %s\n", bad[i]);
		assert_null(json);
	}
	assert_int_equal(json_parse("{}\0", 3, &json), ERR_INVALID);
}

static void
json_of_many_members(void **state)
{
	struct buf b = {0};
	cJSON *json = NULL;

	(void)state;
	buf_add_str(&b, "{");
	for (int i = 0; i < 300; i++)
		buf_printf(&b, "\"m%d\":1,", i);
	buf_add_str(&b, "\"z\":1}");
	assert_int_equal(json_parse(b.data, b.len, &json), ERR_INVALID);
	buf_done(&b);
}

static void
json_accessors(void **state)
{
	static const char text[] =
		" {\"t\":\"x\",\"n\":7,\"big\":1e300,\"b\":true,\"o\":{},\"a\":[1]} \n";
	cJSON *json;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), &json), ERR_OK);
	assert_string_equal(json_text(json, "t"), "x");
	assert_null(json_text(json, "n"));
	assert_null(json_text(NULL, "n"));
	assert_int_equal(json_int(json, "n", -1), 7);
	assert_int_equal(json_int(json, "big", -1), -1);
	assert_int_equal(json_int(json, "t", -1), -1);
	assert_true(json_bool(json, "b", false));
	assert_true(json_bool(json, "n", true));
	assert_non_null(json_object(json, "o"));
	assert_null(json_object(json, "a"));
	assert_non_null(json_array(json, "a"));
	cJSON_Delete(json);
}

static void
foreign_text_is_escaped(void **state)
{
	static const struct {
		const char *raw, *shown;
	} rows[] = {
		{"plain", "plain"},
		{"\033]52;c;x\a", "\\x1b]52;c;x\\x07"},
		{"a\nlevel=err", "a\\x0alevel=err"},
		{"tab\there", "tab\\x09here"},
		{"\x7f", "\\x7f"},
		{"b\xc3\xbc"
	         "cher",
	         "b\xc3\xbc"
	         "cher"},
		{"\xe2\x80\xae"
	         "evil",
	         "\\xe2\\x80\\xae"
	         "evil"},
		{"\xe2\x80\x8b", "\\xe2\\x80\\x8b"},
		{"\xff\xc3", "\\xff\\xc3"},
		{"\xc0\xaf", "\\xc0\\xaf"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"},
		{"\xc2\x9b"
	         "0m",
	         "\\xc2\\x9b"
	         "0m"},
	};
	char shown[64], small[12];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(log_escape(rows[i].raw, shown, sizeof(shown)), rows[i].shown);
	log_escape("a very long text indeed", small, sizeof(small));
	assert_true(strlen(small) < sizeof(small));
	assert_non_null(strstr(small, "..."));
}

static void
problems_travel(void **state)
{
	struct problem p, q;
	struct buf b = {0};
	struct cursor c;

	(void)state;
	problem_set(&p, PROBLEM_AUTHZ_DNS, "no A record of %s", "a.example");
	snprintf(p.type, sizeof(p.type), "urn:ietf:params:acme:error:dns");
	p.status = 400;
	p.retry_at = 99;
	problem_encode(&p, &b);
	cursor_init(&c, b.data, b.len);
	problem_decode(&c, &q);
	assert_true(cursor_end(&c));
	assert_int_equal(q.kind, p.kind);
	assert_string_equal(q.detail, p.detail);
	assert_string_equal(q.type, p.type);
	assert_int_equal(q.status, 400);
	assert_int_equal(q.retry_at, 99);
	b.data[0] = 200;
	cursor_init(&c, b.data, b.len);
	problem_decode(&c, &q);
	assert_false(cursor_end(&c));
	buf_done(&b);
	assert_int_equal(problem_kind_of_acme("urn:ietf:params:acme:error:caa", 403),
	                 PROBLEM_AUTHZ_CAA);
	assert_int_equal(problem_kind_of_acme("urn:ietf:params:acme:error:new", 429),
	                 PROBLEM_CA_LIMITED);
	assert_int_equal(problem_kind_of_acme("", 503), PROBLEM_CA_ERROR);
	assert_int_equal(problem_kind_of_acme("about:blank", 403), PROBLEM_CA_REFUSED);
}

static void
secrets_move(void **state)
{
	struct secret a = {0}, b = {0};

	(void)state;
	assert_int_equal(secret_set(&a, "key", 3), ERR_OK);
	assert_int_equal(secret_copy(&b, &a), ERR_OK);
	assert_memory_equal(b.data, "key", 3);
	secret_take(&b, &a);
	assert_null(a.data);
	assert_int_equal(b.len, 3);
	secret_done(&b);
	secret_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(cursor_refuses),
		cmocka_unit_test(buffers_grow_and_fail_once),
		cmocka_unit_test(times),
		cmocka_unit_test(json_that_is_refused),
		cmocka_unit_test(json_of_many_members),
		cmocka_unit_test(json_accessors),
		cmocka_unit_test(foreign_text_is_escaped),
		cmocka_unit_test(problems_travel),
		cmocka_unit_test(secrets_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
