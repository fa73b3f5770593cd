/* SPDX-License-Identifier: Apache-2.0 */
/* What the owner of a name is to show. */
#include "daemon/dns/ownership.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/conf/conf.h"
#include "store/memo.h"
#include "tests/support/tmpstore.h"

#define TOKEN "0123456789012345678901234567890123456789"

static enum err
try(const struct tmpstore *t, const char *words, const struct conf **ret_conf, char *error)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/certd.conf", t->parent);
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "listen 127.0.0.1:1 { tls; }\n%s\n", words);
	fclose(out);
	return conf_load(path, ret_conf, error);
}

static const struct conf *
load(const struct tmpstore *t, const char *words)
{
	char error[CONF_ERROR_MAX + 1];
	const struct conf *conf;

	if (try(t, words, &conf, error))
		fail_msg("%s", error);
	return conf;
}

static void
token_of(struct tmpstore *t, const struct conf *conf, const char *name, const char *labels,
         char token[OWNERSHIP_TOKEN_MAX + 1])
{
	struct domain d = tmpstore_domain(name, 1);

	snprintf(d.labels, sizeof(d.labels), "%s", labels);
	assert_int_equal(ownership_token(t->store, conf, &d, token), ERR_OK);
	assert_int_equal(strlen(token), OWNERSHIP_TOKEN_MAX);
}

static void
a_token_is_of_its_name_label_and_store(void **state)
{
	static const struct {
		const char *name, *labels;
		bool same; /* as that of a.example with tenant=x */
	} rows[] = {
		{"a.example", "tenant=x\n", true},
		{"a.example", "plan=gold\ntenant=x\n", true},
		{"*.a.example", "tenant=x\n", true},
		{"a.example", "tenant=y\n", false},
		{"a.example", "", false},
		{"b.example", "tenant=x\n", false},
		{"x.a.example", "", false},
	};
	const struct conf *conf = load(*state, "ownership { txt _c; label tenant; }");
	char first[OWNERSHIP_TOKEN_MAX + 1], token[OWNERSHIP_TOKEN_MAX + 1];
	struct store_txn *txn;

	token_of(*state, conf, "a.example", "tenant=x\n", first);
	tmpstore_close(*state);
	tmpstore_open(*state);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		token_of(*state, conf, rows[i].name, rows[i].labels, token);
		if ((strcmp(token, first) == 0) != rows[i].same)
			fail_msg("row %zu", i);
	}
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(memo_del(txn, "ownership"), ERR_OK);
	tmpstore_commit(txn);
	token_of(*state, conf, "a.example", "tenant=x\n", token);
	assert_string_not_equal(token, first);
	conf_unref(conf);
}

static void
ways_depend_on_name_and_configuration(void **state)
{
	static const struct {
		const char *words, *name, *lines;
	} rows[] = {
		{"txt _c;", "a.example", "_c.a.example. TXT \"" TOKEN "\"\n"},
		{"txt _c;", "*.a.example", "_c.a.example. TXT \"" TOKEN "\"\n"},
		{"txt _c;", "192.0.2.1", ""},
		{"http /x;", "a.example", "http://a.example/x = " TOKEN "\n"},
		{"http /x;", "2001:db8::1", "http://[2001:db8::1]/x = " TOKEN "\n"},
		{"http /x;", "*.a.example", ""},
		{"http /x; txt _c;", "a.example",
	         "_c.a.example. TXT \"" TOKEN "\"\nhttp://a.example/x = " TOKEN "\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char words[128], lines[DIAGNOSIS_RECORD_MAX + 1];
		struct hostname name = tmpstore_name(rows[i].name);
		const struct conf *conf;

		snprintf(words, sizeof(words), "ownership { %s }", rows[i].words);
		conf = load(*state, words);
		assert_string_equal(ownership_lines(conf, &name, TOKEN, lines), rows[i].lines);
		conf_unref(conf);
	}
}

static void
the_longest_names_have_whole_lines(void **state)
{
	static const struct {
		size_t len;
		unsigned lines;
	} rows[] = {{HOSTNAME_MAX - 64, 2}, {HOSTNAME_MAX - 63, 1}, {HOSTNAME_MAX, 1}};
	char words[256], lines[DIAGNOSIS_RECORD_MAX + 1];
	const struct conf *conf;

	snprintf(words, sizeof(words),
	         "ownership { txt %063d; http /%095d; }\ndiagnose { probe-ports 65535 443; }", 0,
	         0);
	conf = load(*state, words);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hostname name = {.len = (uint8_t)rows[i].len};
		unsigned count = 0;

		memset(name.name, 'a', rows[i].len);
		ownership_lines(conf, &name, TOKEN, lines);
		for (const char *end = lines; (end = strchr(end, '\n')); end++)
			count++;
		assert_int_equal(count, rows[i].lines);
		assert_int_equal(lines[strlen(lines) - 1], '\n');
		assert_non_null(strstr(lines, " = " TOKEN "\n"));
	}
	conf_unref(conf);
}

static void
who_is_asked(void **state)
{
	static const struct {
		const char *words;
		enum domain_state state;
		uint64_t generation;
		bool asked;
	} rows[] = {
		{"ownership { txt _c; }", DOMAIN_PENDING, 0, true},
		{"ownership { http /x; }", DOMAIN_FAILING, 0, true},
		{"ownership { txt _c; }", DOMAIN_FAILING, 7, false},
		{"ownership { txt _c; }", DOMAIN_EXTERNAL, 0, false},
		{"", DOMAIN_PENDING, 0, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct conf *conf = load(*state, rows[i].words);
		struct domain d = {.state = rows[i].state, .generation = rows[i].generation};

		if (ownership_is_asked(conf, &d) != rows[i].asked)
			fail_msg("row %zu", i);
		conf_unref(conf);
	}
}

static void
what_was_shown_is_kept_with_the_diagnosis(void **state)
{
	struct diagnosis d = {.name = tmpstore_name("a.example"), .code = "ok", .owned = TOKEN};
	struct store_txn *txn;

	assert_false(ownership_is_shown(((struct tmpstore *)*state)->store, &d.name, TOKEN));
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(diagnosis_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	assert_true(ownership_is_shown(((struct tmpstore *)*state)->store, &d.name, TOKEN));
	assert_false(ownership_is_shown(((struct tmpstore *)*state)->store, &d.name, "another"));
}

static void
words_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		const char *words, *said;
	} rows[] = {
		{"ownership { }", "what is the owner to show"},
		{"ownership { label tenant; }", "what is the owner to show"},
		{"ownership { txt \"\"; }", "in front of a name"},
		{"ownership { txt UPPER; }", "in front of a name"},
		{"ownership { txt a..b; }", "in front of a name"},
		{"ownership { txt a.; }", "in front of a name"},
		{"ownership { http x; }", "is not a path"},
		{"ownership { http \"/a b\"; }", "is not a path"},
		{"ownership { http /a?b; }", "is not a path"},
		{"ownership { txt _c; label \"a b\"; }", "key of a label"},
		{"ownership { txt _c; }\ndiagnose { off; }", "needs the looks"},
		{"ownership { txt _c; }\nownership { txt _c; }", "already set"},
		{"keep-removed 50d;", "50d"},
		{"keep-removed 30;", "unit"},
		{"keep-removed 30d 0;", "0"},
		{"audit 5m;", "5m"},
		{"audit 6;", "unit"},
		{"audit 6h 0;", "0"},
		{"audit 6h 101;", "101"},
		{"audit 6h;\naudit 7h;", "already set"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char error[CONF_ERROR_MAX + 1];
		const struct conf *conf;

		if (try(*state, rows[i].words, &conf, error) != ERR_INVALID ||
		    !strstr(error, rows[i].said))
			fail_msg("row %zu: %s", i, error);
	}
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, tmpstore_setup, tmpstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_token_is_of_its_name_label_and_store),
		CASE(ways_depend_on_name_and_configuration),
		CASE(the_longest_names_have_whole_lines),
		CASE(who_is_asked),
		CASE(what_was_shown_is_kept_with_the_diagnosis),
		CASE(words_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
