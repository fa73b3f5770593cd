/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
