/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/problem.h"

#define CA     "https://ca.example"
#define NEEDED "\"newNonce\":\"" CA "/n\",\"newAccount\":\"" CA "/a\",\"newOrder\":\"" CA "/o\""

static const struct {
	const char *name;
	const char *body;
	const char *revoke_cert, *key_change, *terms, *website, *caa_identities; /* NULL: none */
	bool needs_binding;
} rows[] = {
	{"no meta", "{" NEEDED "}", NULL, NULL, NULL, NULL, NULL, false},
	{"the one of RFC 8555 7.1.1",
         "{" NEEDED ",\"newAuthz\":\"" CA "/z\",\"revokeCert\":\"" CA "/r\",\"keyChange\":\"" CA
         "/k\",\"meta\":{\"termsOfService\":\"" CA "/tos/2017-5-30\",\"website\":\"https://www."
         "example.com/\",\"caaIdentities\":[\"example.com\"],\"externalAccountRequired\":false}}",
         CA "/r", CA "/k", CA "/tos/2017-5-30", "https://www.example.com/", "example.com", false},
	{"all of it",
         "{" NEEDED ",\"meta\":{\"externalAccountRequired\":true,\"caaIdentities\":[\"a.example\","
         "\"b.example\"],\"profiles\":{\"x\":\"y\"},\"later\":[{}]},\"later\":{\"a\":[1]}}",
         NULL, NULL, NULL, NULL, "a.example b.example", true},
	{"meta of wrong types",
         "{" NEEDED ",\"meta\":{\"externalAccountRequired\":\"yes\",\"caaIdentities\":\"a\","
         "\"website\":7,\"termsOfService\":[\"x\"]}}",
         NULL, NULL, NULL, NULL, NULL, false},
	{"meta is a list, strangers among the identities", "{" NEEDED ",\"meta\":[1,2]}", NULL,
         NULL, NULL, NULL, NULL, false},
	{"identities that are no texts",
         "{" NEEDED ",\"meta\":{\"caaIdentities\":[1,\"\",\"c.example\",null]}}", NULL, NULL, NULL,
         NULL, "c.example", false},
	{"what is not needed may be nonsense",
         "{" NEEDED ",\"revokeCert\":\"http://ca.example/r\",\"keyChange\":7}", NULL, NULL, NULL,
         NULL, NULL, false},
};

static void
assert_text(const char *row, const char *got, const char *want)
{
	if (strcmp(got ? got : "none", want ? want : "none") != 0)
		fail_msg("%s: %s, not %s", row, got ? got : "none", want ? want : "none");
}

static void
directories_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct directory d = {0};
		struct problem why;

		if (directory_read(CA "/dir", rows[i].body, strlen(rows[i].body), &d, &why))
			fail_msg("%s: %s", rows[i].name, why.detail);
		assert_text(rows[i].name, d.new_order, CA "/o");
		assert_text(rows[i].name, d.revoke_cert, rows[i].revoke_cert);
		assert_text(rows[i].name, d.key_change, rows[i].key_change);
		assert_text(rows[i].name, d.terms, rows[i].terms);
		assert_text(rows[i].name, d.website, rows[i].website);
		assert_text(rows[i].name, d.caa_identities, rows[i].caa_identities);
		assert_int_equal(d.needs_binding, rows[i].needs_binding);
		assert_true(directory_names(&d, CA "/anything"));
		assert_false(directory_names(&d, "https://www.example.com/"));
		directory_done(&d);
	}
}

static void
what_is_shown_is_bounded(void **state)
{
	char body[2000], website[700];
	struct directory d = {0};
	struct problem why;

	(void)state;
	for (size_t len = 511; len <= 512; len++) {
		snprintf(website, sizeof(website), "%0*d", (int)len, 7);
		snprintf(body, sizeof(body), "{" NEEDED ",\"meta\":{\"website\":\"%s\"}}", website);
		assert_int_equal(directory_read(CA "/dir", body, strlen(body), &d, &why), ERR_OK);
		assert_text("website", d.website, len == 511 ? website : NULL);
	}
	directory_done(&d);
}

static const char *const bad[] = {
	"",
	"[]",
	"{}",
	"7",
	"{" NEEDED,
	"{\"newNonce\":\"" CA "/n\",\"newAccount\":\"" CA "/a\"}",
	"{\"newNonce\":\"" CA "/n\",\"newAccount\":\"/a\",\"newOrder\":\"" CA "/o\"}",
	"{\"newNonce\":\"" CA "/n\",\"newAccount\":7,\"newOrder\":\"" CA "/o\"}",
	"{" NEEDED ",\"newOrder\":\"" CA "/twice\"}",
};

/* The one from before stays. */
static void
others_are_refused(void **state)
{
	const char *body = "{" NEEDED "}";
	struct directory d = {0};
	struct problem why;

	(void)state;
	assert_int_equal(directory_read(CA "/dir", body, strlen(body), &d, &why), ERR_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (directory_read(CA "/dir", bad[i], strlen(bad[i]), &d, &why) != ERR_PROTO)
			fail_msg("%s is taken", bad[i]);
		assert_int_equal(why.kind, PROBLEM_CA_PROTOCOL);
	}
	assert_text("before", d.new_order, CA "/o");
	directory_done(&d);
}

/* draft-ietf-acme-dns-persist-02 4.1: it becomes part of a record that people set. */
static void
prefixes_of_accounts(void **state)
{
	static const struct {
		const char *json, *want;
	} cases[] = {
		{"\"" CA "/account-hash/\"", CA "/account-hash/"},
		{"\"\"", NULL},
		{"7", NULL},
		{"\"" CA "/a;policy=wildcard\"", NULL},
		{"\"" CA "/a b\"", NULL},
		{"\"" CA "/\\n\"", NULL},
		{"\"" CA "/\xc3\xbc\"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct directory d = {0};
		struct problem why;
		char body[500];

		snprintf(body, sizeof(body), "{" NEEDED ",\"meta\":{\"accountHashPrefix\":%s}}",
		         cases[i].json);
		assert_int_equal(directory_read(CA "/dir", body, strlen(body), &d, &why), ERR_OK);
		assert_text(cases[i].json, d.hash_prefix, cases[i].want);
		directory_done(&d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories_are_read),
		cmocka_unit_test(what_is_shown_is_bounded),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(prefixes_of_accounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
