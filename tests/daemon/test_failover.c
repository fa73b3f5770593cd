/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/failover.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/problem.h"
#include "store/domain_cas.h"

/* ARG: the words of the CAs on hold. */
static bool
is_usable(void *arg, const char *ca)
{
	return !strstr(arg, ca);
}

static const struct {
	const char *cas, *ca, *held, *next; /* next "": none */
} moves[] = {
	{"", "a1", "", ""},
	{"a1 b2", "a1", "", "b2"},
	{"a1 b2", "b2", "", ""},
	{"a1 b2", "a1", "b2", ""},
	{"a1 b2 c3 d4", "a1", "b2 c3", "d4"},
	{"a1 b2 c3 d4", "c3", "a1", "d4"},
	{"a1 b2 c3 d4", "d4", "", ""},
	{"a1 b2", "x9", "", ""}, /* not among them any more: back to the first comes by the round */
};

static void
the_next_usable_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		struct domain d = {.failures = 0};
		bool moved;

		snprintf(d.cas, sizeof(d.cas), "%s", moves[i].cas);
		snprintf(d.ca, sizeof(d.ca), "%s", moves[i].ca);
		moved = failover_advance(&d, is_usable, (void *)moves[i].held);
		print_message("%s at %s, held %s\n", moves[i].cas, moves[i].ca, moves[i].held);
		assert_int_equal(moved, *moves[i].next != '\0');
		assert_string_equal(d.ca, moved ? moves[i].next : moves[i].ca);
		failover_restart(&d, is_usable, (void *)"");
		assert_string_equal(d.ca, *moves[i].cas ? "a1" : moves[i].ca);
		failover_restart(&d, is_usable, (void *)"a1");
		assert_string_equal(d.ca, *moves[i].cas ? "b2" : moves[i].ca);
	}
}

static void
back_to_one_before(void **state)
{
	static const struct {
		const char *cas, *ca, *held;
		uint32_t failures;
		const char *before; /* "": none */
	} rows[] = {
		{"a1 b2 c3", "c3", "c3", 0, "a1"}, {"a1 b2 c3", "c3", "c3 a1", 0, "b2"},
		{"a1 b2", "b2", "b2 a1", 0, ""},   {"a1 b2", "a1", "a1", 0, ""},
		{"a1 b2", "b2", "b2", 1, ""}, /* it has asked there already */
		{"", "a1", "a1", 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct domain d = {.failures = rows[i].failures};
		bool moved;

		snprintf(d.cas, sizeof(d.cas), "%s", rows[i].cas);
		snprintf(d.ca, sizeof(d.ca), "%s", rows[i].ca);
		moved = failover_return(&d, is_usable, (void *)rows[i].held);
		assert_int_equal(moved, *rows[i].before != '\0');
		assert_string_equal(d.ca, moved ? rows[i].before : rows[i].ca);
	}
}

static const struct {
	enum problem_kind kind;
	bool helps;
} kinds[] = {
	{PROBLEM_CA_UNREACHABLE, true},
	{PROBLEM_CA_TLS, true},
	{PROBLEM_CA_ERROR, true},
	{PROBLEM_CA_LIMITED, true},
	{PROBLEM_CA_REFUSED, true},
	{PROBLEM_CA_PROTOCOL, true},
	{PROBLEM_CA_ACCOUNT, true},
	{PROBLEM_CA_DIRECTORY, true},
	{PROBLEM_AUTHZ_NO_CHALLENGE, true},
	{PROBLEM_CERT_REJECTED, true},
	{PROBLEM_AUTHZ_UNREACHABLE, false},
	{PROBLEM_AUTHZ_DNS, false},
	{PROBLEM_AUTHZ_CAA, false},
	{PROBLEM_AUTHZ_FAILED, false},
	{PROBLEM_CONFIG, false},
	{PROBLEM_INTERNAL, false},
	{PROBLEM_STORE_CORRUPT, false},
	{PROBLEM_NONE, false},
};

static void
the_class_decides(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct problem p = {.kind = kinds[i].kind};

		print_message("%s\n", problem_code(p.kind));
		assert_int_equal(failover_helps(&p), kinds[i].helps);
	}
}

static const struct {
	const char *cas;
	uint32_t failures, rounds;
} rounds[] = {
	{"", 1, 1}, {"", 4, 4}, {"a b", 1, 1}, {"a b", 2, 1}, {"a b", 3, 2}, {"a b c", 7, 3},
};

static void
the_back_off_counts_rounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
		struct domain d = {.failures = rounds[i].failures};

		snprintf(d.cas, sizeof(d.cas), "%s", rounds[i].cas);
		snprintf(d.ca, sizeof(d.ca), "a");
		assert_int_equal(failover_rounds(&d), rounds[i].rounds);
	}
}

static void
lists_go_in_and_out(void **state)
{
	static const char *const names[] = {"one", "a-word-of-thirty-one-bytes-aaaa", "three",
	                                    "another-one-of-31-bytes-bbbbbbb"};
	struct domain d = {.failures = 0};
	domain_ca_list list;

	(void)state;
	for (size_t count = 1; count <= DOMAIN_CAS_MAX; count++) {
		domain_set_cas(&d, names, count);
		assert_int_equal(domain_cas(&d, list), count);
		assert_int_equal(*d.cas != '\0', count > 1);
		for (size_t i = 0; i < count; i++)
			assert_string_equal(list[i], names[i]);
		assert_string_equal(d.ca, "one");
		assert_true(domain_has_cas(&d, names, count));
		assert_false(domain_has_cas(&d, names + 1, count));
		assert_false(domain_has_cas(&d, names, count == 1 ? 2 : count - 1));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_usable_one), cmocka_unit_test(back_to_one_before),
		cmocka_unit_test(the_class_decides),   cmocka_unit_test(the_back_off_counts_rounds),
		cmocka_unit_test(lists_go_in_and_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
