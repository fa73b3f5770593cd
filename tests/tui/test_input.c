/* SPDX-License-Identifier: Apache-2.0 */
/* What is typed: keys, the prompt, filters, completion, the words of a command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "tui/child.h"
#include "tui/command.h"
#include "tui/complete.h"
#include "tui/filter.h"
#include "tui/keys.h"
#include "tui/prompt.h"
#include "tui/term.h"

static void
test_keys(void **state)
{
	static const struct {
		enum view_kind kind;
		int key;
		enum request request;
	} cases[] = {
		{VIEW_NAMES, 'j', REQUEST_DOWN},       {VIEW_NAMES, TERM_DOWN, REQUEST_DOWN},
		{VIEW_NAMES, '\r', REQUEST_OPEN},      {VIEW_NAME, '\r', REQUEST_NONE},
		{VIEW_NAMES, 'd', REQUEST_DIAGNOSE},   {VIEW_FRONT, 'd', REQUEST_DRAIN},
		{VIEW_EVENTS, 'd', REQUEST_NONE},      {VIEW_PAGER, '3', REQUEST_CA},
		{VIEW_PAGER, 'l', REQUEST_RIGHT},      {VIEW_NAMES, 'l', REQUEST_NONE},
		{VIEW_STORE, 0x1b, REQUEST_BACK},      {VIEW_STORE, 0, REQUEST_NONE},
		{VIEW_STORE, TERM_NONE, REQUEST_NONE}, {VIEW_STORE, 'Z', REQUEST_NONE},
		{VIEW_PAGER, '/', REQUEST_FILTER},     {VIEW_NAMES, 'N', REQUEST_PREVIOUS},
		{VIEW_EVENTS, 't', REQUEST_TYPE},      {VIEW_CA, 't', REQUEST_TEST_CA},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(keys_request(cases[i].kind, cases[i].key), cases[i].request);
	assert_true(keys_changes(REQUEST_RENEW));
	assert_true(keys_changes(REQUEST_DRAIN));
	assert_false(keys_changes(REQUEST_OPEN));
	assert_false(keys_changes(REQUEST_COMMAND)); /* judged by what is typed */
}

/* No key means two things in one view, and each has its help. */
static void
test_keys_are_unique(void **state)
{
	struct key_help help;

	(void)state;
	for (int kind = VIEW_NAMES; kind <= VIEW_PAGER; kind++) {
		size_t count = 0;

		for (; keys_help((enum view_kind)kind, count, &help); count++) {
			assert_non_null(help.keys);
			assert_non_null(help.help);
		}
		assert_in_range(count, 15, 40);
	}
}

static enum prompt_step
type(struct prompt *p, const char *text)
{
	enum prompt_step step = PROMPT_MORE;

	for (; *text; text++)
		step = prompt_key(p, *text);
	return step;
}

static void
test_prompt(void **state)
{
	struct prompt p = {0};

	(void)state;
	prompt_begin(&p, PROMPT_COMMAND, ":", "");
	type(&p, "show a");
	prompt_key(&p, 0xfc); /* two bytes */
	assert_string_equal(p.text, "show a\xc3\xbc");
	prompt_key(&p, TERM_LEFT);
	assert_int_equal(p.at, 6);
	prompt_key(&p, 0x7f);
	assert_string_equal(p.text, "show \xc3\xbc");
	prompt_key(&p, TERM_DELETE);
	assert_string_equal(p.text, "show ");
	assert_int_equal(prompt_key(&p, '\t'), PROMPT_COMPLETE);
	prompt_key(&p, 'W' - '@');
	assert_string_equal(p.text, "");
	type(&p, "list");
	assert_int_equal(prompt_key(&p, '\r'), PROMPT_DONE);
	assert_int_equal(p.use, PROMPT_OFF);
	prompt_begin(&p, PROMPT_COMMAND, ":", "");
	prompt_key(&p, TERM_UP);
	assert_string_equal(p.text, "list");
	prompt_key(&p, TERM_UP);
	assert_string_equal(p.text, "list");
	prompt_key(&p, TERM_DOWN);
	assert_string_equal(p.text, "");
	assert_int_equal(prompt_key(&p, 0x7f), PROMPT_GIVEN_UP); /* nothing left to rub out */
}

static void
test_prompt_is_bounded(void **state)
{
	struct prompt p = {0};

	(void)state;
	prompt_begin(&p, PROMPT_FILTER, "filter:", "");
	for (int i = 0; i < 2 * PROMPT_MAX; i++)
		prompt_key(&p, 'x');
	assert_int_equal(p.len, PROMPT_MAX - 1);
	assert_int_equal(strlen(p.text), p.len);
	prompt_key(&p, 0x7f);
	prompt_key(&p, 0x4f60); /* three bytes, room for one */
	assert_int_equal(p.len, PROMPT_MAX - 2);
}

static void
test_confirmation(void **state)
{
	struct prompt p = {0};

	(void)state;
	prompt_begin(&p, PROMPT_CONFIRM, "renew?", "");
	assert_int_equal(prompt_key(&p, 'y'), PROMPT_DONE);
	prompt_begin(&p, PROMPT_CONFIRM, "renew?", "");
	assert_int_equal(prompt_key(&p, '\r'), PROMPT_GIVEN_UP);
	strcpy(p.expected, "a.test");
	prompt_begin(&p, PROMPT_TYPE, "type", "");
	assert_int_equal(type(&p, "a.tes\r"), PROMPT_GIVEN_UP);
	prompt_begin(&p, PROMPT_TYPE, "type", "");
	assert_int_equal(type(&p, "a.test\r"), PROMPT_DONE);
}

static void
expect_json(cJSON *request, const char *wanted)
{
	struct buf text = {0};

	assert_int_equal(json_print(request, &text), ERR_OK);
	assert_string_equal(buf_str(&text), wanted);
	buf_done(&text);
	cJSON_Delete(request);
}

static void
test_filter_names(void **state)
{
	static const struct {
		const char *text, *json, *from;
		bool by_expiry;
	} cases[] = {
		{"", "{}", "", false},
		{"failing", "{\"state\":\"failing\"}", "", false},
		{"state:valid expires<14d", "{\"state\":\"valid\",\"expires_in\":1209600}", "",
	         true},
		{"expired", "{\"state\":\"expired\"}", "", true},
		{"error:authz/dns ca:one", "{\"error\":\"authz/dns\",\"ca\":\"one\"}", "", false},
		{"tenant=acme label:plan=gold",
	         "{\"labels\":{\"tenant\":\"acme\",\"plan\":\"gold\"}}", "", false},
		{"  shop ", "{}", "shop", false},
		{"moved backend:app", "{\"state\":\"moved\",\"backend\":\"app\"}", "", false},
		{"removed", "{\"state\":\"removed\"}", "", false},
		{"failing pending", "{\"state\":\"pending\"}", "", false},
	};
	static const char *const refused[] = {"state:green", "expires<",   "expires<5x",
	                                      "label:x",     "stat:valid", "expires>3d"};
	struct filter filter;
	char why[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *request = cJSON_CreateObject();

		assert_true(filter_names(cases[i].text, request, &filter, why, sizeof(why)));
		assert_string_equal(filter.from, cases[i].from);
		assert_int_equal(filter.by_expiry, cases[i].by_expiry);
		expect_json(request, cases[i].json);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		cJSON *request = cJSON_CreateObject();

		why[0] = '\0';
		assert_false(filter_names(refused[i], request, &filter, why, sizeof(why)));
		assert_int_not_equal(strlen(why), 0);
		cJSON_Delete(request);
	}
}

/* What is taken for the beginning of a name, and may have been meant for something else. */
static void
test_filter_near(void **state)
{
	static const char *const near[][2] = {{"failng", "failing"}, {"fail", "failing"},
	                                      {"expird", "expired"}, {"paus", "paused"},
	                                      {"shop", NULL},        {"failing.test", NULL},
	                                      {"va", NULL},          {"state:failing", NULL}};
	cJSON *request = cJSON_CreateObject();
	struct filter filter;
	char why[128];

	(void)state;
	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
		assert_true(filter_names(near[i][0], request, &filter, why, sizeof(why)));
		if (near[i][1])
			assert_string_equal(filter.near, near[i][1]);
		else
			assert_null(filter.near);
	}
	assert_false(filter_names("stat:failing", request, &filter, why, sizeof(why)));
	assert_string_equal(why, "\"stat:\" is no filter; did you mean state:?");
	cJSON_Delete(request);
}

static void
test_filter_events(void **state)
{
	static const char *const refused[] = {"since:yesterday", "nam:x", "mismatch", "type:cert",
	                                      "severity:bad"};
	cJSON *request = cJSON_CreateObject();
	char why[128];

	(void)state;
	assert_true(filter_events("mismatch.* type:cert.expired name:a.test since:2h severity:err",
	                          10000, request, why, sizeof(why)));
	expect_json(request, "{\"types\":[\"mismatch.*\",\"cert.expired\"],\"name\":\"a.test\","
	                     "\"since\":2800,\"severity\":\"err\"}");
	request = cJSON_CreateObject();
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_false(filter_events(refused[i], 10000, request, why, sizeof(why)));
	cJSON_Delete(request);
}

static void
test_filter_set(void **state)
{
	static const struct {
		const char *text, *prefix, *value, *after, *was;
	} cases[] = {
		{"", "since:", "1h", "since:1h", ""},
		{"since:1h", "since:", "24h", "since:24h", "1h"},
		{"type:a.* since:1h name:x", "since:", NULL, "type:a.* name:x", "1h"},
		{" a.*  b.* ", "type:", "c.d", "a.* b.* type:c.d", ""},
		{"type:a.b type:c.d", "type:", NULL, "", "c.d"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64], was[64] = "";

		strcpy(text, cases[i].text);
		filter_set(text, sizeof(text), cases[i].prefix, cases[i].value, was);
		assert_string_equal(text, cases[i].after);
		assert_string_equal(was, cases[i].was);
	}
}

static void
test_completion(void **state)
{
	static const struct {
		const char *line, *common;
		size_t count;
		bool wants_name;
	} cases[] = {
		{"sho", "w", 1, false},
		{"re", "", 6, false},
		{"list --sta", "te", 1, false},
		{"list --state fail", "ing", 1, false},
		{"ca t", "est", 1, false},
		{"show a", "", 0, true},
		{"renew a.test b", "", 0, true},
		{"nonsense x", "", 0, false},
		{"list --timeout", "", 0, false},
		{"zzz", "", 0, false},
		{"", "", 25, false},
	};
	struct completion c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		complete(cases[i].line, &c);
		assert_string_equal(c.common, cases[i].common);
		if (*cases[i].line)
			assert_int_equal(c.count, cases[i].count);
		else
			assert_true(c.count >= cases[i].count);
		assert_int_equal(c.wants_name, cases[i].wants_name);
	}
}

static void
test_commands(void **state)
{
	static const struct {
		const char *line;
		enum command_kind kind;
		const char *about;
	} cases[] = {
		{"list", COMMAND_LOOKS, ""},
		{"show a.test", COMMAND_LOOKS, ""},
		{"-o json show a.test", COMMAND_LOOKS, ""},
		{"ca list", COMMAND_LOOKS, ""},
		{"db stat", COMMAND_LOOKS, ""},
		{"events --follow", COMMAND_LOOKS, ""},
		{"", COMMAND_LOOKS, ""},
		{"remove --help", COMMAND_LOOKS, ""},
		{"--help", COMMAND_LOOKS, ""},
		{"diagnose a.test", COMMAND_TRIES, ""},
		{"ca test one", COMMAND_TRIES, ""},
		{"db check", COMMAND_TRIES, ""},
		{"ca rollover one", COMMAND_CHANGES, ""},
		{"db backup /x", COMMAND_CHANGES, ""},
		{"renew a.test", COMMAND_CHANGES, ""},
		{"--socket x list", COMMAND_CHANGES, ""},
		{"export a --private-key", COMMAND_CHANGES, ""},
		{"ca", COMMAND_CHANGES, ""},
		{"key rotate", COMMAND_CHANGES, ""},
		{"remove", COMMAND_CHANGES, ""},
		{"remove a.test", COMMAND_ENDS, "a.test"},
		{"remove a.test --reason x", COMMAND_ENDS, "a.test"},
		{"remove a.test --reason=x", COMMAND_ENDS, "a.test"},
		{"remove a.test --reas 'b.test c.test'", COMMAND_ENDS, "a.test"},
		{"-o json remove a.test", COMMAND_ENDS, "a.test"},
		{"-ojson 'remove' \"a.test\"", COMMAND_ENDS, "a.test"},
		{"--progress remove a.test b.test", COMMAND_ENDS, "2"},
		{"remove -- a.test --reason", COMMAND_ENDS, "2"},
		{"revoke a.test --reason keyCompromise --no-renew", COMMAND_ENDS, "a.test"},
		{"ca deactivate one --confirm two", COMMAND_ENDS, "one"},
		{"lists a.test", COMMAND_UNKNOWN, ""},
		{"qqqqqqq x", COMMAND_UNKNOWN, ""},
	};
	struct command c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(command_read(cases[i].line, &c));
		assert_int_equal(c.kind, cases[i].kind);
		assert_string_equal(c.about, cases[i].about);
	}
	assert_true(command_read("lsit", &c));
	assert_string_equal(c.near, "list");
	assert_true(command_read("qqqqqqq", &c));
	assert_null(c.near);
	assert_false(command_read("remove 'a.test", &c));
}

static void
test_words(void **state)
{
	char copy[64], *words[CHILD_WORDS_MAX], line[4 * CHILD_WORDS_MAX] = "";

	(void)state;
	assert_int_equal(child_split("show  a.test ", copy, words), 2);
	assert_string_equal(words[1], "a.test");
	assert_null(words[2]);
	assert_int_equal(child_split("events --type 'cert.*' \"a b\"c ''", copy, words), 5);
	assert_string_equal(words[2], "cert.*");
	assert_string_equal(words[3], "a bc");
	assert_string_equal(words[4], "");
	assert_int_equal(child_split("show 'a", copy, words), -1);
	assert_int_equal(child_split("", copy, words), 0);
	for (int i = 0; i < CHILD_WORDS_MAX; i++)
		strcat(line, "x ");
	assert_int_equal(child_split(line, (char[256]){0}, words), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),          cmocka_unit_test(test_keys_are_unique),
		cmocka_unit_test(test_prompt),        cmocka_unit_test(test_prompt_is_bounded),
		cmocka_unit_test(test_confirmation),  cmocka_unit_test(test_filter_names),
		cmocka_unit_test(test_filter_near),   cmocka_unit_test(test_filter_set),
		cmocka_unit_test(test_filter_events), cmocka_unit_test(test_completion),
		cmocka_unit_test(test_commands),      cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
