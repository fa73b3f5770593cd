/* SPDX-License-Identifier: Apache-2.0 */
/* msg, nearest and units: what both ends of the control socket and the configuration agree on. */
#include "base/msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/nearest.h"
#include "base/problem.h"
#include "base/units.h"

static void
test_codes(void **state)
{
	static const struct {
		const char *code;
		enum msg_exit exit;
	} cases[] = {
		{"conflict", MSG_EXIT_CONFLICT},     {"not-found", MSG_EXIT_NOTFOUND},
		{"invalid-name", MSG_EXIT_USAGE},    {"unknown-ca", MSG_EXIT_USAGE},
		{"ca/refused", MSG_EXIT_CA},         {"ca/rate-limited", MSG_EXIT_CA},
		{"ca/unreachable", MSG_EXIT_FAILED}, {"authz/dns", MSG_EXIT_FAILED},
		{"config", MSG_EXIT_FAILED},         {"", MSG_EXIT_FAILED},
		{"never heard of", MSG_EXIT_FAILED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(msg_exit_of_code(cases[i].code), cases[i].exit);
	assert_int_equal(msg_exit_of_err(ERR_OK), MSG_EXIT_OK);
	assert_int_equal(msg_exit_of_err(ERR_PERM), MSG_EXIT_PERM);
	assert_int_equal(msg_exit_of_err(ERR_EXISTS), MSG_EXIT_CONFLICT);
	assert_int_equal(msg_exit_of_err(ERR_CORRUPT), MSG_EXIT_FAILED);
	assert_int_equal(msg_exit_of_code(problem_code(PROBLEM_CA_REFUSED)), MSG_EXIT_CA);
	assert_int_equal(msg_exit_of_code(problem_code(PROBLEM_CA_LIMITED)), MSG_EXIT_CA);
}

static void
test_combine(void **state)
{
	const unsigned ok = 1u << MSG_EXIT_OK, failed = 1u << MSG_EXIT_FAILED;
	const unsigned ca = 1u << MSG_EXIT_CA, partly = 1u << MSG_EXIT_PARTLY;

	(void)state;
	assert_int_equal(msg_exit_combine(0), MSG_EXIT_OK);
	assert_int_equal(msg_exit_combine(ok), MSG_EXIT_OK);
	assert_int_equal(msg_exit_combine(ca), MSG_EXIT_CA);
	assert_int_equal(msg_exit_combine(ca | failed), MSG_EXIT_FAILED);
	assert_int_equal(msg_exit_combine(ca | ok), MSG_EXIT_PARTLY);
	assert_int_equal(msg_exit_combine(partly), MSG_EXIT_PARTLY);
	assert_int_equal(msg_exit_combine(partly | ca), MSG_EXIT_PARTLY);
}

static void
test_words(void **state)
{
	enum msg_step step = MSG_STEP_STORED;

	(void)state;
	assert_string_equal(msg_exit_word(MSG_EXIT_NOTFOUND), "not-found");
	assert_string_equal(msg_exit_word((enum msg_exit)99), "unknown");
	assert_string_equal(msg_exit_text((enum msg_exit) - 1), "unknown exit code");
	for (int i = 0; i < MSG_STEP_COUNT; i++) {
		assert_int_equal(msg_step_parse(msg_step_word((enum msg_step)i), &step), ERR_OK);
		assert_int_equal(step, i);
	}
	assert_int_equal(msg_step_parse("Serving", &step), ERR_INVALID);
	assert_int_equal(msg_step_parse("", &step), ERR_INVALID);
	assert_int_equal(step, MSG_STEP_FAILED);
	assert_string_equal(msg_step_word(MSG_STEP_COUNT), "unknown");
}

static void
test_nearest(void **state)
{
	static const char *const words[] = {"listen", "list", "workers", "tls", NULL};
	static const struct {
		const char *word;
		const char *near; /* NULL: none */
	} cases[] = {
		{"lsit", "list"},
		{"list", "list"},
		{"listne", "listen"},
		{"worker", "workers"},
		{"wrokers", "workers"},
		{"tsl", "tls"},
		{"tl", "tls"},
		{"zebra", NULL},
		{"w", NULL},
		{"", NULL},
		{"tlsxyz", NULL},
		{"tlsx", "tls"},
		{"worke", "workers"},
		{"work", "workers"},
		{"workersandmore", NULL},
		{"workersetc", "workers"},
		{"lis", "list"},
		{"wo", NULL},
		{"workersworkersworkersworkersworkersworkersworkers", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *near = nearest_word(cases[i].word, nearest_in_list, words);

		if (cases[i].near)
			assert_string_equal(near, cases[i].near);
		else
			assert_null(near);
	}
	assert_int_equal(nearest_distance("", "", 3), 0);
	assert_int_equal(nearest_distance("abc", "", 3), 3);
	assert_int_equal(nearest_distance("abcd", "", 3), 4);
	assert_int_equal(nearest_distance("ab", "ba", 3), 1);
	assert_int_equal(nearest_distance("kitten", "sitting", 9), 3);
}

static void
test_units(void **state)
{
	static const struct {
		const char *text;
		enum err err;
		uint64_t ms;
		const char *written;
	} cases[] = {
		{"0s", ERR_OK, 0, "0ms"},
		{"500ms", ERR_OK, 500, "500ms"},
		{"1500ms", ERR_OK, 1500, "1500ms"},
		{"90s", ERR_OK, 90000, "90s"},
		{"60s", ERR_OK, 60000, "1m"},
		{"48h", ERR_OK, 172800000, "2d"},
		{"007m", ERR_OK, 420000, "7m"},
		{"", ERR_INVALID, 0, NULL},
		{"5", ERR_INVALID, 0, NULL},
		{"m", ERR_INVALID, 0, NULL},
		{"5 m", ERR_INVALID, 0, NULL},
		{" 5m", ERR_INVALID, 0, NULL},
		{"-5m", ERR_INVALID, 0, NULL},
		{"+5m", ERR_INVALID, 0, NULL},
		{"5M", ERR_INVALID, 0, NULL},
		{"1.5s", ERR_INVALID, 0, NULL},
		{"5m5s", ERR_INVALID, 0, NULL},
		{"9007199254740992ms", ERR_OK, UINT64_C(9007199254740992), NULL},
		{"9007199254740993ms", ERR_TOOBIG, 0, NULL},
		{"9007199254740992s", ERR_TOOBIG, 0, NULL},
		{"99999999999999999999999999s", ERR_TOOBIG, 0, NULL},
	};
	char text[UNITS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ms = 77;

		assert_int_equal(units_parse_ms(cases[i].text, &ms), cases[i].err);
		assert_int_equal(ms, cases[i].err ? 77 : cases[i].ms);
		if (cases[i].written)
			assert_string_equal(units_format_ms(ms, text), cases[i].written);
	}
}

static void
test_numbers(void **state)
{
	static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1e3", "1s"};
	uint64_t n = 0;

	(void)state;
	assert_int_equal(units_parse_number("0", &n), ERR_OK);
	assert_int_equal(n, 0);
	assert_int_equal(units_parse_number("0042", &n), ERR_OK);
	assert_int_equal(n, 42);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(units_parse_number(bad[i], &n), ERR_INVALID);
	assert_int_equal(units_parse_number("99999999999999999999", &n), ERR_TOOBIG);
	assert_int_equal(n, 42);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes), cmocka_unit_test(test_combine),
		cmocka_unit_test(test_words), cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_units), cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
