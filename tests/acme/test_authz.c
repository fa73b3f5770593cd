/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/authz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "acme/transport.h"
#include "base/problem.h"

#define PERSIST(issuers)                                                                           \
	"{\"type\":\"dns-persist-01\",\"url\":\"https://ca.test/"                                  \
	"c1\",\"status\":\"pending\"," issuers "}"
#define HTTP                                                                                       \
	"{\"type\":\"http-01\",\"url\":\"https://ca.test/c2\",\"status\":\"pending\","             \
	"\"token\":\"abc\"}"
#define ACCOUNT                                                                                    \
	"{\"type\":\"dns-account-01\",\"url\":\"https://ca.test/c3\",\"status\":\"pending\","      \
	"\"token\":\"abc\"}"
#define L63  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L253 L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* What is chosen of the challenges, with dns-persist-01, dns-account-01 and http-01 allowed in this
 * order; the CA's names one after the other. */
static const struct {
	const char *challenges;
	enum err err;
	const char *type, *issuers, *why;
} cases[] = {
	{PERSIST("\"issuer-domain-names\":[\"ca.test\"]"), ERR_OK, "dns-persist-01", " ca.test",
         ""},
	{PERSIST("\"issuerDomainNames\":[\"ca.test\",\"b.test\"]"), ERR_OK, "dns-persist-01",
         " ca.test b.test", ""},
	{HTTP "," PERSIST("\"issuerDomainNames\":[\"xn--bcher-kva.test\"]"), ERR_OK,
         "dns-persist-01", " xn--bcher-kva.test", ""},
	{PERSIST("\"issuerDomainNames\":[\"" L253 "\"]"), ERR_OK, "dns-persist-01", " " L253, ""},
	{PERSIST("\"issuerDomainNames\":[\"0.t\",\"1.t\",\"2.t\",\"3.t\",\"4.t\",\"5.t\",\"6.t\","
                 "\"7.t\",\"8.t\",\"9.t\"]"),
         ERR_OK, "dns-persist-01", " 0.t 1.t 2.t 3.t 4.t 5.t 6.t 7.t 8.t 9.t", ""},
	{HTTP "," ACCOUNT, ERR_OK, "dns-account-01", "", ""},

	{PERSIST("\"issuerDomainNames\":[\"0.t\",\"1.t\",\"2.t\",\"3.t\",\"4.t\",\"5.t\",\"6.t\","
                 "\"7.t\",\"8.t\",\"9.t\",\"a.t\"]"),
         ERR_PROTO, NULL, NULL, "no usable issuer domain names"},
	{PERSIST("\"issuerDomainNames\":[]"), ERR_PROTO, NULL, NULL,
         "no usable issuer domain names"},
	{PERSIST("\"x\":1"), ERR_PROTO, NULL, NULL, "no usable issuer domain names"},
	{PERSIST("\"issuerDomainNames\":\"ca.test\""), ERR_PROTO, NULL, NULL,
         "issuer domain names"},
	{PERSIST("\"issuerDomainNames\":[\"ca.test\",5]"), ERR_PROTO, NULL, NULL,
         "no usable issuer domain names"},
	{PERSIST("\"issuerDomainNames\":[\"CA.test\"]"), ERR_PROTO, NULL, NULL,
         "issuer domain names"},
	{PERSIST("\"issuerDomainNames\":[\"ca.test.\"]"), ERR_PROTO, NULL, NULL,
         "no usable issuer domain names"},
	{PERSIST("\"issuerDomainNames\":[\"*.ca.test\"]"), ERR_PROTO, NULL, NULL,
         "no usable issuer domain names"},
	{PERSIST("\"issuerDomainNames\":[\"b\xc3\xbc"
                 "cher.test\"]"),
         ERR_PROTO, NULL, NULL, "no usable issuer domain names"},
	{PERSIST("\"issuerDomainNames\":[\"a; accounturi=x\"]"), ERR_PROTO, NULL, NULL,
         "no usable issuer domain names"},
	{PERSIST("\"issuerDomainNames\":[\"" L253 "a\"]"), ERR_PROTO, NULL, NULL,
         "no usable issuer domain names"},
	/* another one is as good */
	{PERSIST("\"issuerDomainNames\":[]") "," HTTP, ERR_OK, "http-01", "", ""},
	{"{\"type\":\"dns-account-01\",\"url\":\"https://ca.test/c3\",\"status\":\"pending\"}",
         ERR_PROTO, NULL, NULL, "no usable token"},
	{"{\"type\":\"tls-alpn-01\",\"url\":\"https://ca.test/c3\",\"status\":\"pending\"}",
         ERR_NOTFOUND, NULL, NULL, "only: tls-alpn-01"},
};

static void
test_choose(void **state)
{
	static const char *const types[] = {"dns-persist-01", "dns-account-01", "http-01"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char body[4096], issuers[2048] = "";
		struct transport_reply reply = {.status = 200};
		struct authz_challenge c = {0};
		struct problem why = {0};
		struct authz a;
		size_t type;
		enum err err;

		snprintf(body, sizeof(body),
		         "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\","
		         "\"value\":\"a.test\"},\"challenges\":[%s]}",
		         cases[i].challenges);
		reply.body.data = (unsigned char *)body;
		reply.body.len = strlen(body);
		assert_int_equal(authz_read(&reply, &a, &why), ERR_OK);
		err = authz_choose(&a, types, 3, &c, &type, &why);
		if (err != cases[i].err || !strstr(why.detail, cases[i].why))
			fail_msg("%s: %s, %s", cases[i].challenges, err_word(err), why.detail);
		if (!err) {
			assert_string_equal(types[type], cases[i].type);
			assert_string_equal(c.type, cases[i].type);
			for (size_t k = 0; k < c.issuer_count; k++) {
				strcat(issuers, " ");
				strcat(issuers, c.issuers[k]);
			}
			assert_string_equal(issuers, cases[i].issuers);
			assert_string_equal(c.token, *cases[i].issuers ? "" : "abc");
		}
		authz_done(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_choose)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
