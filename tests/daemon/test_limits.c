/* SPDX-License-Identifier: Apache-2.0 */
/* What a CA's limits leave, by scope; what its sentences block. */
#include "daemon/order/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hostname.h"
#include "base/problem.h"
#include "daemon/order/suffix.h"
#include "store/store.h"
#include "tests/support/tmpstore.h"

enum { NOW = 1800000000, HOUR = 3600, DAY = 86400, WEEK = 7 * DAY };

static struct suffix *suffix;
static struct limits_rules le;

static int
setup(void **state)
{
	struct tmpstore *t = calloc(1, sizeof(*t));

	tmpstore_init(t);
	tmpstore_open(t);
	assert_true(limits_profile("letsencrypt", &le));
	assert_int_equal(suffix_new(NULL, &suffix), ERR_OK);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	suffix_free(suffix);
	tmpstore_done(*state);
	free(*state);
	return 0;
}

static struct hostname
name_of(const char *text)
{
	struct hostname name;

	assert_int_equal(hostname_parse_any(text, &name, NULL), ERR_OK);
	return name;
}

static struct limits_order
order_of(const struct hostname *names, size_t count, enum limits_kind kind)
{
	return (struct limits_order){"le", &le, suffix, names, count, kind};
}

/* Commits; answers the end of what is in the way, 0 = nothing. */
static int64_t
take(void **state, const char *text, enum limits_kind kind, int64_t now)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
	struct hostname name = name_of(text);
	struct limits_order o = order_of(&name, 1, kind);
	struct limits_verdict v;

	assert_int_equal(limits_take(txn, &o, now, &v), ERR_OK);
	tmpstore_commit(txn);
	return v.until;
}

static void
the_registered_domain(void **state)
{
	static const struct {
		const char *name, *domain;
	} rows[] = {
		{"example.com", "example.com"},
		{"a.b.example.com", "example.com"},
		{"*.example.com", "example.com"},
		{"shop.example.co.uk", "example.co.uk"},
		{"a.me.github.io", "me.github.io"},
		{"co.uk", "co.uk"},
		{"a.b.nosuchtoplevel", "b.nosuchtoplevel"},
		{"192.0.2.7", "192.0.2.7"},
		{"2001:db8::1", "2001:db8::/64"},
		{"2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"},
	};
	char domain[HOSTNAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hostname name = name_of(rows[i].name);

		suffix_domain(suffix, &name, domain);
		assert_string_equal(domain, rows[i].domain);
		assert_int_equal(suffix_is_public(suffix, &name),
		                 strcmp(rows[i].name, "co.uk") == 0);
	}
}

/* 50 in 7 days, then one each 202 minutes; nobody else is touched. */
static void
certificates_of_a_domain(void **state)
{
	char name[64];

	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "n%d.example.com", i);
		assert_int_equal(take(state, name, LIMITS_NEW, NOW), 0);
	}
	assert_int_equal(take(state, "x.example.com", LIMITS_NEW, NOW), NOW + WEEK / 50);
	assert_int_equal(take(state, "x.example.org", LIMITS_NEW, NOW), 0);
	/* another process: what is spent is in the store */
	tmpstore_close(*state);
	tmpstore_open(*state);
	assert_int_equal(take(state, "x.example.com", LIMITS_NEW, NOW + WEEK / 50 - 1),
	                 NOW + WEEK / 50);
	assert_int_equal(take(state, "x.example.com", LIMITS_RENEWAL, NOW), 0);
	assert_int_equal(take(state, "y.example.com", LIMITS_REPLACES, NOW), 0);
	assert_int_equal(take(state, "z.example.com", LIMITS_NEW, NOW + WEEK / 50), 0);
	assert_int_equal(take(state, "z.example.com", LIMITS_NEW, NOW + WEEK / 50),
	                 NOW + 2 * WEEK / 50);
}

/* The same names, in any order: 5 in 7 days, whatever the domain has left. */
static void
certificates_of_a_set(void **state)
{
	struct hostname names[3] = {name_of("a.example.com"), name_of("b.example.com"),
	                            name_of("c.example.com")};
	struct hostname turned[3] = {names[2], names[0], names[1]};

	for (int i = 0; i < 7; i++) {
		struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
		struct limits_order o = order_of(i % 2 ? turned : names, i < 6 ? 3 : 2,
		                                 i ? LIMITS_RENEWAL : LIMITS_NEW);
		struct limits_verdict v;

		assert_int_equal(limits_take(txn, &o, NOW, &v), ERR_OK);
		assert_int_equal(v.until, i == 5 ? NOW + WEEK / 5 : 0);
		assert_int_equal(v.id.scope, i == 5 ? LIMIT_SET : LIMIT_ACCOUNT);
		tmpstore_commit(txn);
	}
}

static void
what_came_to_nothing_is_given_back(void **state)
{
	struct hostname name = name_of("a.example.com");
	struct limits_order o = order_of(&name, 1, LIMITS_NEW);

	for (int i = 0; i < 20; i++) {
		struct store_txn *txn;

		assert_int_equal(take(state, "a.example.com", LIMITS_NEW, NOW), 0);
		txn = tmpstore_write(*state, STORE_PRIVATE);
		assert_int_equal(limits_return(txn, &o, NOW), ERR_OK);
		tmpstore_commit(txn);
	}
}

/* 5 failed authorizations of a name in an hour; no kind of order is free of that. */
static void
failed_authorizations(void **state)
{
	struct hostname name = name_of("a.example.com");
	struct limits_order o = order_of(&name, 1, LIMITS_NEW);

	for (int i = 0; i < 5; i++) {
		struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);

		assert_int_equal(limits_failed(txn, &o, NOW), ERR_OK);
		tmpstore_commit(txn);
		assert_int_equal(take(state, "a.example.com", LIMITS_REPLACES, NOW),
		                 i < 4 ? 0 : NOW + HOUR / 5);
	}
	assert_int_equal(take(state, "b.example.com", LIMITS_NEW, NOW), 0);
	assert_int_equal(take(state, "a.example.com", LIMITS_NEW, NOW + HOUR / 5), 0);
}

static const char paused[] =
	"Your account is temporarily prevented from requesting certificates for a.example.com and "
	"possibly others. Please visit: https://portal.letsencrypt.org/sfe/v1/unpause?jwt=abc";

/* table: what Let's Encrypt says; who waits then: a.example.com, b.example.com, a.example.org */
static const struct {
	const char *detail;
	int64_t retry_after, blocked; /* seconds */
	enum limit_scope scope;
	const char *key; /* NULL: a set's */
	bool waits[3];
} sentences[] = {
	{"too many certificates (50) already issued for \"example.com\" in the last 168h0m0s, "
         "retry "
         "after 2027-01-15 10:00:00 UTC: see https://letsencrypt.org/docs/rate-limits/",
         7200,
         7200,
         LIMIT_DOMAIN,
         "example.com",
         {true, true, false}},
	{"too many certificates already issued for: example.com",
         0,
         HOUR,
         LIMIT_DOMAIN,
         "example.com",
         {true, true, false}},
	/* of a domain that is not ours: no way to block others */
	{"too many certificates (50) already issued for \"example.org\" in the last 168h0m0s",
         60,
         60,
         LIMIT_DOMAIN,
         "example.com",
         {true, true, false}},
	{"too many certificates (5) already issued for this exact set of identifiers in the last "
         "168h0m0s, retry after 2027-01-15 10:00:00 UTC",
         7200,
         7200,
         LIMIT_SET,
         NULL,
         {true, false, false}},
	{"too many failed authorizations (5) for \"a.example.com\" in the last 1h0m0s",
         720,
         720,
         LIMIT_NAME,
         "a.example.com",
         {true, false, false}},
	{paused, 0, DAY, LIMIT_NAME, "a.example.com", {true, false, false}},
	{"too many new orders (300) from this account in the last 3h0m0s",
         36,
         60,
         LIMIT_ACCOUNT,
         "",
         {false, false, false}}, /* the CA's hold: daemon/order/authority.c */
	{"slow down", 600, 0, LIMIT_ACCOUNT, NULL, {false, false, false}},
	{"slow down", 0, 0, LIMIT_ACCOUNT, NULL, {false, false, false}},
	{"of this exact set of names", 10 * 365 * DAY, WEEK, LIMIT_SET, NULL, {true, false, false}},
	{"of this exact set of names", -5, HOUR, LIMIT_SET, NULL, {true, false, false}},
};

static void
a_block_has_one_scope_and_an_end(void **state)
{
	static const char *const names[3] = {"a.example.com", "b.example.com", "a.example.org"};
	struct hostname name = name_of("a.example.com");
	struct limits_order o = order_of(&name, 1, LIMITS_NEW);

	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
		struct problem why;
		struct limit_record l;

		problem_set(&why, PROBLEM_CA_LIMITED, "%s", sentences[i].detail);
		why.retry_at = sentences[i].retry_after ? NOW + sentences[i].retry_after : 0;
		assert_int_equal(limits_block(txn, &o, &why, NOW, &l), ERR_OK);
		assert_int_equal(l.id.scope, sentences[i].scope);
		assert_int_equal(l.until, sentences[i].blocked ? NOW + sentences[i].blocked : 0);
		assert_string_equal(l.text, l.until ? sentences[i].detail : "");
		if (sentences[i].key && l.until)
			assert_string_equal(l.id.key, sentences[i].key);
		tmpstore_commit(txn);
		for (int k = 0; k < 3; k++) {
			int64_t until = NOW + sentences[i].blocked;

			assert_int_equal(take(state, names[k], LIMITS_NEW, NOW + 1),
			                 sentences[i].waits[k] ? until : 0);
			assert_int_equal(take(state, names[k], LIMITS_NEW, until + 1), 0);
			/* the clock was ahead when it was said */
			assert_int_equal(take(state, names[k], LIMITS_NEW, NOW - DAY), 0);
		}
		txn = tmpstore_write(*state, STORE_PRIVATE); /* all of it goes again */
		for (bool any = true; any;) {
			size_t count;

			assert_int_equal(limit_page(txn, NULL, 1, &l, &count), ERR_OK);
			any = count > 0;
			if (any)
				assert_int_equal(limit_del(txn, &l.id), ERR_OK);
		}
		tmpstore_commit(txn);
	}
}

static void
what_is_full_again_is_forgotten(void **state)
{
	struct limit_id at = {.scope = LIMIT_ACCOUNT};
	struct store_txn *txn;
	struct limit_record page[4];
	size_t count;

	assert_int_equal(take(state, "a.example.com", LIMITS_NEW, NOW), 0);
	assert_int_equal(take(state, "a.example.org", LIMITS_NEW, NOW + DAY), 0);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(limits_expire(txn, &at, NOW + WEEK / 5), ERR_OK);
	assert_string_equal(at.ca, "le");
	assert_int_equal(limits_expire(txn, &at, NOW + WEEK / 5), ERR_OK);
	assert_string_equal(at.ca, "");
	assert_int_equal(limit_page(txn, NULL, 4, page, &count), ERR_OK);
	assert_int_equal(count, 1); /* of a.example.org: the set; a domain's token is back sooner */
	assert_string_equal(page[0].title, "a.example.org");
	store_abort(txn);
}

static void
a_pardon_ends_what_is_its_own(void **state)
{
	struct hostname name = name_of("a.example.com");
	struct limits_order o = order_of(&name, 1, LIMITS_NEW);
	struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
	struct limit_record l;
	struct problem why;

	problem_set(&why, PROBLEM_CA_LIMITED, "%s", paused);
	assert_int_equal(limits_block(txn, &o, &why, NOW, &l), ERR_OK);
	tmpstore_commit(txn);
	assert_int_equal(take(state, "a.example.com", LIMITS_NEW, NOW), NOW + DAY);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(limits_forgive(txn, &o), ERR_OK);
	tmpstore_commit(txn);
	assert_int_equal(take(state, "a.example.com", LIMITS_NEW, NOW), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_registered_domain),           TEST(certificates_of_a_domain),
		TEST(certificates_of_a_set),           TEST(what_came_to_nothing_is_given_back),
		TEST(failed_authorizations),           TEST(a_block_has_one_scope_and_an_end),
		TEST(what_is_full_again_is_forgotten), TEST(a_pardon_ends_what_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
