/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/dns_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/hostname.h"

#define URL        "https://ca.example/acct/123"
#define THUMBPRINT "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
#define PREFIX     "https://ca.example/account-hash/"
/* draft-ietf-acme-dns-persist-02, 10.2: of example.com, and of any name */
#define HASHED     PREFIX "sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"
#define ANY_HASHED PREFIX "sha-256/NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug"
#define ENDS       INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

static struct hostname
host(const char *text)
{
	struct hostname h;

	assert_int_equal(hostname_parse(text, &h, NULL), ERR_OK);
	return h;
}

static void
test_names(void **state)
{
	static const struct {
		const char *type, *name, *account, *want;
	} cases[] = {
		{"dns-01", "example.org", NULL, "_acme-challenge.example.org"},
		{"dns-01", "*.example.org", NULL, "_acme-challenge.example.org"},
		{"dns-01", "a.b.example.org", URL, "_acme-challenge.a.b.example.org"},
		{"dns-account-01", "example.org", "https://example.com/acme/acct/ExampleAccount",
	         "_ujmmovf2vn55tgye._acme-challenge.example.org"},
		{"dns-account-01", "*.example.org", "https://example.com/acme/acct/ExampleAccount",
	         "_ujmmovf2vn55tgye._acme-challenge.example.org"},
		{"dns-persist-01", "*.example.org", NULL, "_validation-persist.example.org"},
	};
	char name[DNS_RECORD_NAME_MAX + 1];
	enum dns_record_method method;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hostname h = host(cases[i].name);

		assert_int_equal(dns_record_method(cases[i].type, &method), ERR_OK);
		assert_int_equal(dns_record_name(method, &h, cases[i].account, name), ERR_OK);
		assert_string_equal(name, cases[i].want);
	}
	assert_int_equal(dns_record_method("http-01", &method), ERR_NOTFOUND);
	assert_int_equal(dns_record_method("dns-02", &method), ERR_NOTFOUND);
}

static void
test_long_names(void **state)
{
	char text[HOSTNAME_MAX + 1], name[DNS_RECORD_NAME_MAX + 1];
	struct hostname h;

	(void)state;
	for (size_t len = 200; len <= HOSTNAME_MAX; len++) {
		memset(text, 'a', len);
		for (size_t at = 50; at < len - 1; at += 50)
			text[at] = '.';
		text[len] = '\0';
		h = host(text);
		assert_int_equal(dns_record_name(DNS_RECORD_01, &h, NULL, name),
		                 len + strlen("_acme-challenge.") > DNS_RECORD_NAME_MAX ? ERR_TOOBIG
		                                                                        : ERR_OK);
	}
}

static void
test_value(void **state)
{
	char value[DNS_RECORD_VALUE_LEN + 1];

	(void)state;
	/* printf %s TOKEN.THUMBPRINT | openssl dgst -sha256 -binary | basenc --base64url */
	assert_int_equal(
		dns_record_value("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA." THUMBPRINT, value),
		ERR_OK);
	assert_string_equal(value, "ZTRx1Ckl1-tM05o5zaizTTA0yUy5AGereMgSNWC6Ll8");
}

static void
test_accounts(void **state)
{
	struct dns_persist_account plain = {URL, THUMBPRINT, NULL};
	struct dns_persist_account hashed = {URL, THUMBPRINT, PREFIX};
	struct hostname h = host("example.com"), wild = host("*.example.com");
	struct buf text = {0};

	(void)state;
	assert_int_equal(dns_persist_account(&plain, &h, &text), ERR_OK);
	assert_string_equal(buf_str(&text), URL);
	buf_reset(&text);
	assert_int_equal(dns_persist_account(&hashed, &h, &text), ERR_OK);
	assert_string_equal(buf_str(&text), HASHED);
	buf_reset(&text);
	assert_int_equal(dns_persist_account(&hashed, &wild, &text), ERR_OK);
	assert_string_equal(buf_str(&text), HASHED);
	buf_done(&text);
}

static void
test_format(void **state)
{
	static const struct {
		struct dns_persist record;
		const char *want;
	} cases[] = {
		{{"ca.example", URL, false, false, 0}, "ca.example; accounturi=" URL},
		{{"ca.example", URL, true, false, 0},
	         "ca.example; accounturi=" URL "; policy=wildcard"},
		{{"ca.example", URL, false, true, ENDS},
	         "ca.example; accounturi=" URL "; persistUntil=1767225600"},
		{{"ca.example", HASHED, true, true, 0},
	         "ca.example; accounturi=" HASHED "; policy=wildcard; persistUntil=0"},
	};
	struct buf text = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct dns_persist *record = &cases[i].record;
		struct dns_persist again;
		const char *why;

		buf_reset(&text);
		dns_persist_format(record, &text);
		assert_string_equal(buf_str(&text), cases[i].want);
		assert_int_equal(dns_persist_parse((char *)text.data, text.len, &again, &why),
		                 ERR_OK);
		assert_string_equal(again.issuer, record->issuer);
		assert_string_equal(again.account, record->account);
		assert_int_equal(again.wildcard, record->wildcard);
		assert_int_equal(again.ends, record->ends);
		assert_int_equal(again.until, record->until);
	}
	buf_done(&text);
}

static void
test_quote(void **state)
{
	char text[600], want[700];
	struct buf out = {0};

	(void)state;
	dns_record_quote("a \"b\" \\", &out);
	assert_string_equal(buf_str(&out), "\"a \\\"b\\\" \\\\\"");
	for (size_t len = 0; len < sizeof(text); len++) {
		size_t used = 0;

		memset(text, 'x', len);
		text[len] = '\0';
		for (size_t at = 0; at < len || at == 0; at += 255)
			used += (size_t)snprintf(want + used, sizeof(want) - used, "%s\"%.255s\"",
			                         at ? " " : "", text + at);
		buf_reset(&out);
		dns_record_quote(text, &out);
		assert_string_equal(buf_str(&out), want);
	}
	buf_done(&out);
}

#define OURS "ca.example; accounturi=" URL

/* What CAs refuse is refused; what they skip is skipped. The times are those of the table in the
 * CA/Browser Forum's Baseline Requirements, 3.2.2.4.22. */
static const struct {
	const char *record;
	int64_t now;
	bool wildcard;
	enum dns_persist_verdict want;
	const char *why;
} judged[] = {
	{OURS, 0, false, DNS_PERSIST_GOOD, "good"},
	{"CA.Example;accounturi=" URL, 0, false, DNS_PERSIST_GOOD, "good"},
	{" \tca.example \t;\t accounturi \t= " URL " ", 0, false, DNS_PERSIST_GOOD, "good"},
	{"ca.example;ACCOUNTURI=" URL, 0, false, DNS_PERSIST_GOOD, "good"},
	{"second.example; accounturi=" URL, 0, false, DNS_PERSIST_GOOD, "good"},
	{OURS "; unknown=x; unknown=y; an-other=", 0, false, DNS_PERSIST_GOOD, "good"},
	{"ca.example; policy=wildcard; accounturi=" URL, 0, true, DNS_PERSIST_GOOD, "good"},
	{OURS "; policy=WildCard", 0, true, DNS_PERSIST_GOOD, "good"},
	{OURS "; policy=wildcard", 0, false, DNS_PERSIST_GOOD, "good"},
	{OURS "; policy=other", 0, false, DNS_PERSIST_GOOD, "good"},
	{OURS "; policy=", 0, false, DNS_PERSIST_GOOD, "good"},

	{OURS "; persistUntil=1767225600", ENDS - 1, false, DNS_PERSIST_GOOD, "good"},
	{OURS "; persistUntil=1767225600", ENDS, false, DNS_PERSIST_GOOD, "good"},
	{OURS "; persistuntil=1767225600", ENDS + 1, false, DNS_PERSIST_EXPIRED, "is over"},
	{OURS "; persistUntil=1767225600", ENDS + 1, false, DNS_PERSIST_EXPIRED, "is over"},
	{OURS "; persistUntil=0", ENDS, false, DNS_PERSIST_EXPIRED, "is over"},
	{OURS "; persistUntil=-1", 0, false, DNS_PERSIST_EXPIRED, "is over"},
	{OURS "; persistUntil=9223372036854775807", ENDS, false, DNS_PERSIST_GOOD, "good"},

	{"", 0, false, DNS_PERSIST_NONE, "not for this CA"},
	{";", 0, false, DNS_PERSIST_NONE, "not for this CA"},
	{"v=spf1 -all", 0, false, DNS_PERSIST_NONE, "not for this CA"},
	{"other.example; accounturi=" URL, 0, false, DNS_PERSIST_NONE, "not for this CA"},
	{"ca.example.; accounturi=" URL, 0, false, DNS_PERSIST_NONE, "not for this CA"},
	{"; accounturi=" URL, 0, false, DNS_PERSIST_NONE, "not for this CA"},
	{"other.example; junk", 0, false, DNS_PERSIST_NONE, "not for this CA"},

	{"ca.example; accounturi=" URL "4", 0, false, DNS_PERSIST_ACCOUNT, "another account"},
	{"ca.example; accounturi=https://ca.example/acct/12", 0, false, DNS_PERSIST_ACCOUNT,
         "another account"},
	{"ca.example; accounturi=HTTPS://ca.example/acct/123", 0, false, DNS_PERSIST_ACCOUNT,
         "another account"},
	{"ca.example; accounturi=" HASHED, 0, false, DNS_PERSIST_ACCOUNT, "another account"},
	{OURS, 0, true, DNS_PERSIST_POLICY, "policy=wildcard"},
	{OURS "; policy=wildcards", 0, true, DNS_PERSIST_POLICY, "policy=wildcard"},

	{"ca.example", 0, false, DNS_PERSIST_MALFORMED, "no accounturi"},
	{"ca.example;", 0, false, DNS_PERSIST_MALFORMED, "no accounturi"},
	{"ca.example; policy=wildcard", 0, false, DNS_PERSIST_MALFORMED, "no accounturi"},
	{"ca.example; accounturi=", 0, false, DNS_PERSIST_MALFORMED, "an empty accounturi"},
	{OURS ";", 0, false, DNS_PERSIST_MALFORMED, "ends with \";\""},
	{"ca.example;; accounturi=" URL, 0, false, DNS_PERSIST_MALFORMED, "an empty parameter"},
	{OURS "; AccountURI=" URL, 0, false, DNS_PERSIST_MALFORMED, "accounturi twice"},
	{OURS "; policy=a; policy=b", 0, false, DNS_PERSIST_MALFORMED, "policy twice"},
	{OURS "; persistUntil=5; persistUntil=5", 0, false, DNS_PERSIST_MALFORMED, "twice"},
	{OURS "; policy=wild card", 0, false, DNS_PERSIST_MALFORMED, "blank or odd"},
	{OURS "; x=\x7f", 0, false, DNS_PERSIST_MALFORMED, "blank or odd"},
	{OURS "; policy", 0, false, DNS_PERSIST_MALFORMED, "without \"=\""},
	{OURS "; =x", 0, false, DNS_PERSIST_MALFORMED, "without a right name"},
	{OURS "; -a=x", 0, false, DNS_PERSIST_MALFORMED, "without a right name"},
	{OURS "; a_b=x", 0, false, DNS_PERSIST_MALFORMED, "without a right name"},
	{OURS "; persistUntil=", 0, false, DNS_PERSIST_MALFORMED, "no number"},
	{OURS "; persistUntil=soon", 0, false, DNS_PERSIST_MALFORMED, "no number"},
	{OURS "; persistUntil=1e9", 0, false, DNS_PERSIST_MALFORMED, "no number"},
	{OURS "; persistUntil=0x10", 0, false, DNS_PERSIST_MALFORMED, "no number"},
	{OURS "; persistUntil=1767225600.5", 0, false, DNS_PERSIST_MALFORMED, "no number"},
	{OURS "; persistUntil=2026-01-01T00:00:00Z", 0, false, DNS_PERSIST_MALFORMED, "no number"},
	{OURS "; persistUntil=9223372036854775808", 0, false, DNS_PERSIST_MALFORMED, "no number"},
	{OURS "; persistUntil=111111111111111111111", 0, false, DNS_PERSIST_MALFORMED, "no number"},
};

static const char *const issuers[] = {"ca.example", "second.example"};

static void
test_judge(void **state)
{
	struct dns_persist_account account = {URL, THUMBPRINT, NULL};
	struct hostname plain = host("example.com"), wild = host("*.example.com");

	(void)state;
	for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
		struct dns_persist_want want = {&account, judged[i].wildcard ? &wild : &plain,
		                                issuers, 2, judged[i].now};
		struct dns_persist record;
		const char *why = "", *text = judged[i].record;
		enum dns_persist_verdict verdict =
			dns_persist_judge(text, strlen(text), &want, &record, &why);

		if (verdict != judged[i].want || !strstr(why, judged[i].why))
			fail_msg("%s: %d, %s", text, (int)verdict, why);
	}
}

static void
test_judge_hashed(void **state)
{
	static const struct {
		const char *account, *name;
		enum dns_persist_verdict want;
	} cases[] = {
		{HASHED, "example.com", DNS_PERSIST_GOOD},
		{HASHED, "*.example.com", DNS_PERSIST_POLICY},
		{HASHED, "www.example.com", DNS_PERSIST_ACCOUNT},
		{ANY_HASHED, "example.com", DNS_PERSIST_GOOD},
		{ANY_HASHED, "other.example", DNS_PERSIST_GOOD},
		{URL, "example.com", DNS_PERSIST_ACCOUNT},
		{PREFIX "sha-512/5SQm7n6tPh2", "example.com", DNS_PERSIST_ACCOUNT},
	};
	struct dns_persist_account account = {URL, THUMBPRINT, PREFIX};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hostname name = host(cases[i].name);
		struct dns_persist_want want = {&account, &name, issuers, 2, 0};
		struct dns_persist record;
		const char *why;
		char text[256];

		snprintf(text, sizeof(text), "ca.example; accounturi=%s", cases[i].account);
		assert_int_equal(dns_persist_judge(text, strlen(text), &want, &record, &why),
		                 cases[i].want);
	}
}

/* Bytes as a TXT record may have: NUL, long, none. */
static void
test_bytes(void **state)
{
	static char big[70000];
	struct dns_persist record;
	const char *why;
	size_t len = (size_t)snprintf(big, sizeof(big), "ca.example; accounturi=");

	(void)state;
	memset(big + len, 'u', sizeof(big) - len);
	assert_int_equal(dns_persist_parse(big, len + DNS_PERSIST_URL_MAX, &record, &why), ERR_OK);
	assert_int_equal(strlen(record.account), DNS_PERSIST_URL_MAX);
	assert_int_equal(dns_persist_parse(big, len + DNS_PERSIST_URL_MAX + 1, &record, &why),
	                 ERR_INVALID);
	assert_int_equal(dns_persist_parse(big, sizeof(big), &record, &why), ERR_INVALID);
	memset(big, ';', sizeof(big));
	assert_int_equal(dns_persist_parse(big, sizeof(big), &record, &why), ERR_INVALID);
	memset(big, 'a', sizeof(big));
	assert_int_equal(dns_persist_parse(big, sizeof(big), &record, &why), ERR_INVALID);
	assert_int_equal(dns_persist_parse("ca\0.example; accounturi=x", 25, &record, &why),
	                 ERR_INVALID);
	assert_string_equal(record.issuer, "");
	assert_int_equal(dns_persist_parse("ca.example; accounturi=x\0y", 26, &record, &why),
	                 ERR_INVALID);
	assert_int_equal(dns_persist_parse(NULL, 0, &record, &why), ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),  cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_value),  cmocka_unit_test(test_accounts),
		cmocka_unit_test(test_format), cmocka_unit_test(test_quote),
		cmocka_unit_test(test_judge),  cmocka_unit_test(test_judge_hashed),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
