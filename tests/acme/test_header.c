/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "acme/url.h"

enum { NOW_S = 1445412480 }; /* Wed, 21 Oct 2015 07:28:00 GMT */

static void
retry_after_in_all_its_forms(void **state)
{
	static const struct {
		const char *value;
		int64_t ms;
	} rows[] = {
		{"0", 0},
		{"120", 120000},
		{"Wed, 21 Oct 2015 07:28:30 GMT", 30000},
		{"Wed, 21 Oct 2015 07:27:00 GMT", 0},
		{"315360000", INT64_C(315360000000)},
		{"-5", -1},
		{"", -1},
		{"soon", -1},
		{"1.5", -1},
		{"99999999999999999999", -1},
		{"10 ", -1},
		{"Wed, 21 Oct 2015 07:28:30 CET", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t ms = header_retry_after(rows[i].value, NOW_S * INT64_C(1000));

		if (ms != rows[i].ms)
			fail_msg("\"%s\": %lld", rows[i].value, (long long)ms);
	}
}

static void
nonces_are_base64url(void **state)
{
	(void)state;
	assert_true(header_is_base64url("oFvnlFP1wIhRlYS2jTaXbA"));
	assert_true(header_is_base64url("-_9"));
	assert_false(header_is_base64url(""));
	assert_false(header_is_base64url("a=="));
	assert_false(header_is_base64url("a b"));
	assert_false(header_is_base64url("a+b/"));
	assert_false(header_is_base64url("../x"));
	assert_false(header_is_base64url("\x1b]52"));
}

/* All links of a value as "rel=url|rel=url". */
static void
list_links(const char *value, char *dst, size_t size)
{
	struct header_link link;

	*dst = '\0';
	while (header_next_link(&value, &link)) {
		size_t used = strlen(dst);

		snprintf(dst + used, size - used, "%s%.*s=%.*s", used ? "|" : "", (int)link.rel_len,
		         link.rel ? link.rel : "", (int)link.url_len, link.url);
	}
}

static void
links_one_or_many(void **state)
{
	static const struct {
		const char *value;
		const char *links;
	} rows[] = {
		{"<https://ca/dir>;rel=\"index\"", "index=https://ca/dir"},
		{"<https://ca/dir>; rel=index", "index=https://ca/dir"},
		{"</a>;rel=\"next\", </b>;rel=\"alternate\"", "next=/a|alternate=/b"},
		{"</a,b;c>;rel=next,</d>;rel=up", "next=/a,b;c|up=/d"},
		{"</a>; title=\"x, y; z\\\" <q>\"; REL=\"next last\"", "next=/a"},
		{"</a>;rel=next;rel=index", "next=/a"},
		{"</a>;; rel=next;", "next=/a"},
		{"</a>;rel = \" next\"", "next=/a"},
		{"</a>", "=/a"},
		{"</a>;rel", "=/a"},
		{" , </a>;rel=next", "next=/a"},
		{"", ""},
		{"https://ca/dir; rel=index", ""},
		{"<https://ca/dir", ""},
		{"</a>;rel=\"next", ""},
		{"</a>;rel=next garbage, </b>;rel=up", ""},
		{"</a>;=next", ""},
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		list_links(rows[i].value, text, sizeof(text));
		if (strcmp(text, rows[i].links) != 0)
			fail_msg("%s: %s", rows[i].value, text);
	}
}

static void
origins(void **state)
{
	static const struct {
		const char *url;
		const char *origin; /* NULL: not sane */
	} rows[] = {
		{"https://ca.example/x", "ca.example:443"},
		{"HTTPS://CA.example:443/", "ca.example:443"},
		{"https://ca.example:14000?x", "ca.example:14000"},
		{"https://ca.example", "ca.example:443"},
		{"https://[2001:DB8::1]:8443/x", "[2001:db8::1]:8443"},
		{"https://[::1]/x", "[::1]:443"},
		{"http://ca.example/x", NULL},
		{"https:/ca.example/x", NULL},
		{"https:///x", NULL},
		{"https://:443/x", NULL},
		{"https://u:p@ca.example/x", NULL},
		{"https://ca.example@evil/x", NULL},
		{"https://ca.example:/x", NULL},
		{"https://ca.example:x/", NULL},
		{"https://ca.example:123456/", NULL},
		{"https://ca%2eexample/", NULL},
		{"https://ca.example/a\nb", NULL},
		{"https://ca.example/a\"b", NULL},
		{"https://ca.example\\@evil/", NULL},
		{"https://b\xc3\xbc"
	         "cher.example/",
	         NULL},
		{"ftp://ca.example/", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char origin[URL_ORIGIN_MAX + 1] = "";
		enum err err = url_origin(rows[i].url, origin);

		if ((err == ERR_OK) != (rows[i].origin != NULL) ||
		    (!err && strcmp(origin, rows[i].origin) != 0))
			fail_msg("%s: %s %s", rows[i].url, err_word(err), origin);
	}
}

static void
urls_have_an_end(void **state)
{
	char url[URL_MAX + 8] = "https://ca.example/";

	(void)state;
	memset(url + strlen(url), 'a', URL_MAX - strlen(url));
	assert_int_equal(strlen(url), URL_MAX);
	assert_true(url_is_sane(url));
	strcat(url, "a");
	assert_false(url_is_sane(url));
	snprintf(url, sizeof(url), "https://%0300d/", 1);
	assert_false(url_is_sane(url));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retry_after_in_all_its_forms),
		cmocka_unit_test(nonces_are_base64url),
		cmocka_unit_test(links_one_or_many),
		cmocka_unit_test(origins),
		cmocka_unit_test(urls_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
