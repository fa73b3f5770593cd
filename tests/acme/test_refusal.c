/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "acme/transport.h"
#include "base/buf.h"

#define CAA "{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"no\"}"

/* Where a problem document may be. */
static const struct {
	const char *body, *document;
} rows[] = {
	{CAA, CAA},
	{"{\"detail\":\"x\",\"type\":\"about:blank\"}",
         "{\"detail\":\"x\",\"type\":\"about:blank\"}"},
	{"{\"status\":\"invalid\",\"error\":" CAA "}", CAA},
	{"{\"type\":\"http-01\",\"status\":\"invalid\",\"error\":" CAA "}", CAA},
	{"{\"status\":\"invalid\",\"challenges\":[{\"type\":\"dns-01\"},"
         "{\"type\":\"http-01\",\"error\":" CAA "}]}",
         CAA},
	{"{\"type\":\"http-01\",\"status\":\"valid\"}", ""},
	{"{\"status\":\"pending\"}", ""},
	{"[" CAA "]", ""},
	{"\"type\"", ""},
	{"-----BEGIN CERTIFICATE-----", ""},
	{"", ""},
	{"{\"error\":\"text\"}", ""},
	{"{\"challenges\":7}", ""},
	{"{\"type\":\"urn:x\",\"type\":\"urn:y\"}", ""},
};

static void
documents_are_found(void **state)
{
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		refusal_document(rows[i].body, strlen(rows[i].body), text, sizeof(text));
		assert_string_equal(text, rows[i].document);
	}
	refusal_document(CAA, strlen(CAA), text, strlen(CAA));
	assert_string_equal(text, "");
	refusal_document(CAA, strlen(CAA), text, strlen(CAA) + 1);
	assert_string_equal(text, CAA);
}

/* RFC 8555 6.7: where a person may read more. */
static void
help_is_shown_once(void **state)
{
	static struct transport_reply reply = {.status = 429, .retry_after_ms = -1};
	static const struct {
		const char *detail, *said;
	} helps[] = {
		{"too many", "too many; see https://ca.test/limits"},
		{"see https://ca.test/limits", "see https://ca.test/limits"},
	};
	struct problem p;

	(void)state;
	reply.link_count = 2;
	strcpy(reply.links[0].rel, "index");
	strcpy(reply.links[0].url, "https://ca.test/directory");
	strcpy(reply.links[1].rel, "help");
	strcpy(reply.links[1].url, "https://ca.test/limits");
	for (size_t i = 0; i < sizeof(helps) / sizeof(helps[0]); i++) {
		buf_reset(&reply.body);
		buf_printf(&reply.body,
		           "{\"type\":\"urn:ietf:params:acme:error:rateLimited\","
		           "\"detail\":\"%s\"}",
		           helps[i].detail);
		refusal_judge(&reply, &p);
		assert_int_equal(p.kind, PROBLEM_CA_LIMITED);
		assert_string_equal(p.detail, helps[i].said);
	}
	buf_done(&reply.body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_found),
		cmocka_unit_test(help_is_shown_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
