/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dns/diagnose_caa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { RECORDS_MAX = 4 };

#define OURS "https://ca.example/acct/1"

/* FLAGS TAG VALUE of each record; what stands in the row is judged for account OURS, by http-01 or
 * dns-01, at a CA that is ca.example and ca2.example. */
struct row {
	enum caa_verdict plain, wild;
	struct {
		unsigned flags;
		const char *tag, *value;
	} records[RECORDS_MAX];
};

static const struct row rows[] = {
	{CAA_ALLOWS, CAA_ALLOWS, {{0, "issue", "ca.example"}}},
	{CAA_ALLOWS, CAA_ALLOWS, {{0, "ISSUE", "  CA2.Example\t"}}},
	{CAA_ALLOWS, CAA_ALLOWS, {{0, "iodef", "mailto:x@y"}}},
	{CAA_ALLOWS, CAA_ALLOWS, {{128, "issue", "ca.example"}}},
	{CAA_ALLOWS, CAA_ALLOWS, {{0, "future", "x"}, {0, "issue", "ca.example"}}},
	{CAA_OTHERS, CAA_OTHERS, {{0, "issue", ";"}}},
	{CAA_OTHERS, CAA_OTHERS, {{0, "issue", ""}}},
	{CAA_OTHERS, CAA_OTHERS, {{0, "issue", "other.example"}}},
	{CAA_OTHERS, CAA_OTHERS, {{0, "issue", "xca.example"}}},
	{CAA_OTHERS, CAA_OTHERS, {{0, "issue", "ca.example ca2.example"}}},
	{CAA_ALLOWS, CAA_ALLOWS, {{0, "issue", "other.example"}, {0, "issue", "ca.example"}}},
	/* issuewild stands in the place of issue, for wildcards alone (RFC 8659 4.3) */
	{CAA_ALLOWS, CAA_OTHERS, {{0, "issue", "ca.example"}, {0, "issuewild", ";"}}},
	{CAA_OTHERS, CAA_ALLOWS, {{0, "issue", ";"}, {0, "issuewild", "ca.example"}}},
	{CAA_ALLOWS, CAA_OTHERS, {{0, "issuewild", "other.example"}}},
	/* the critical flag (RFC 8659 4.1) */
	{CAA_CRITICAL, CAA_CRITICAL, {{128, "future", "x"}, {0, "issue", "ca.example"}}},
	{CAA_CRITICAL, CAA_CRITICAL, {{255, "tbs", "Unknown"}}},
	/* RFC 8657 */
	{CAA_ALLOWS, CAA_ALLOWS, {{0, "issue", "ca.example; accounturi=" OURS}}},
	{CAA_ALLOWS, CAA_ALLOWS, {{0, "issue", "ca.example ;accounturi=" OURS " ; "}}},
	{CAA_ACCOUNT, CAA_ACCOUNT, {{0, "issue", "ca.example; accounturi=" OURS "0"}}},
	{CAA_ACCOUNT,
         CAA_ACCOUNT,
         {{0, "issue", "ca.example; accounturi=" OURS "; accounturi=" OURS}}},
	{CAA_ALLOWS,
         CAA_ALLOWS,
         {{0, "issue", "ca.example; accounturi=x"}, {0, "issue", "ca.example; accounturi=" OURS}}},
	{CAA_ALLOWS, CAA_ALLOWS, {{0, "issue", "ca.example; validationmethods=dns-01"}}},
	{CAA_ALLOWS, CAA_ALLOWS, {{0, "issue", "ca.example; validationmethods=x,http-01"}}},
	{CAA_METHOD, CAA_METHOD, {{0, "issue", "ca.example; validationmethods=tls-alpn-01"}}},
	{CAA_METHOD, CAA_METHOD, {{0, "issue", "ca.example; validationmethods="}}},
	{CAA_METHOD,
         CAA_METHOD,
         {{0, "issue", "ca.example; accounturi=" OURS "; validationmethods=dns-02"}}},
	{CAA_ALLOWS, CAA_ALLOWS, {{0, "issue", "ca.example; other=1"}}},
	{CAA_OTHERS, CAA_OTHERS, {{0, "issue", "ca.example; %%%%%"}}},
};

static size_t
make(const struct row *row, unsigned char bytes[RECORDS_MAX][256],
     struct caa_record records[RECORDS_MAX])
{
	size_t n = 0;

	for (; n < RECORDS_MAX && row->records[n].tag; n++) {
		size_t tag = strlen(row->records[n].tag), value = strlen(row->records[n].value);

		bytes[n][0] = (unsigned char)row->records[n].flags;
		bytes[n][1] = (unsigned char)tag;
		memcpy(bytes[n] + 2, row->records[n].tag, tag);
		memcpy(bytes[n] + 2 + tag, row->records[n].value, value);
		records[n] = (struct caa_record){bytes[n], 2 + tag + value};
	}
	return n;
}

static void
sets_are_judged(void **state)
{
	unsigned char bytes[RECORDS_MAX][256];
	struct caa_record records[RECORDS_MAX];
	struct caa_question q = {.identities = "ca.example ca2.example",
	                         .account = OURS,
	                         .methods = {"http-01", "dns-01"}};
	char critical[CAA_TEXT_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = make(&rows[i], bytes, records);
		enum caa_verdict plain, wild;

		q.wildcard = false;
		plain = caa_judge(records, n, &q, critical);
		q.wildcard = true;
		wild = caa_judge(records, n, &q, critical);
		if (plain != rows[i].plain || wild != rows[i].wild)
			fail_msg("row %zu (%s): %d %d", i, rows[i].records[0].value, plain, wild);
	}
	assert_int_equal(caa_judge(records, 0, &q, critical), CAA_ALLOWS);
}

static void
a_ca_without_a_name_is_not_judged(void **state)
{
	unsigned char bytes[RECORDS_MAX][256];
	struct caa_record records[RECORDS_MAX];
	struct caa_question q = {.identities = "", .account = "", .methods = {"http-01"}};
	char critical[CAA_TEXT_MAX + 1];
	size_t n = make(&rows[0], bytes, records);

	(void)state;
	assert_int_equal(caa_judge(records, n, &q, critical), CAA_UNKNOWN);
	q.identities = "ca.example";
	n = make(&(struct row){.records = {{0, "issue", "ca.example; accounturi=x"}}}, bytes,
	         records);
	assert_int_equal(caa_judge(records, n, &q, critical), CAA_ALLOWS);
}

static void
records_are_shown_and_broken_ones_survived(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *text;
	} texts[] = {
		{"\0\5issueca.example", 17, "0 issue \"ca.example\""},
		{"\200\3tbs\"\\\n", 8, "128 tbs \"\\\"\\\\\\010\""},
		{"\0\5issue", 7, "0 issue \"\""},
		{"\0\6issue", 7, "(malformed)"},
		{"\0\0", 2, "(malformed)"},
		{"\0\2i;x", 5, "(malformed)"},
		{"", 0, "(malformed)"},
	};
	struct caa_question q = {.identities = "ca.example", .account = ""};
	char text[CAA_TEXT_MAX + 1];
	unsigned char bytes[2000];
	struct caa_record record;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		record = (struct caa_record){texts[i].data, texts[i].len};
		caa_text(&record, text);
		assert_string_equal(text, texts[i].text);
		(void)caa_judge(&record, 1, &q, text);
	}
	memset(bytes, 0x80, sizeof(bytes));
	memcpy(bytes, "\0\5issue", 7);
	record = (struct caa_record){bytes, sizeof(bytes)};
	caa_text(&record, text);
	assert_true(strlen(text) <= CAA_TEXT_MAX && text[strlen(text) - 1] == '"');
	assert_int_equal(caa_judge(&record, 1, &q, text), CAA_OTHERS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_are_judged),
		cmocka_unit_test(a_ca_without_a_name_is_not_judged),
		cmocka_unit_test(records_are_shown_and_broken_ones_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
