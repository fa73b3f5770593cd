/* SPDX-License-Identifier: Apache-2.0 */
#include "store/domain.h"
#include "store/domain_due.h"
#include "store/domain_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/cert.h"
#include "tests/support/tmpstore.h"

static void
assert_same(const struct domain *a, const struct domain *b)
{
	assert_true(hostname_equal(&a->name, &b->name));
	assert_int_equal(a->state, b->state);
	assert_string_equal(a->ca, b->ca);
	assert_string_equal(a->backend, b->backend);
	assert_int_equal(a->created_at, b->created_at);
	assert_int_equal(a->due_at, b->due_at);
	assert_int_equal(a->attempted_at, b->attempted_at);
	assert_int_equal(a->failures, b->failures);
	assert_int_equal(a->used_at, b->used_at);
	assert_int_equal(a->generation, b->generation);
	assert_int_equal(a->not_before, b->not_before);
	assert_int_equal(a->not_after, b->not_after);
	assert_int_equal(a->problem.kind, b->problem.kind);
	assert_int_equal(a->problem.status, b->problem.status);
	assert_int_equal(a->problem.retry_at, b->problem.retry_at);
	assert_string_equal(a->problem.type, b->problem.type);
	assert_string_equal(a->problem.detail, b->problem.detail);
	assert_string_equal(a->cas, b->cas);
	assert_string_equal(a->lead.len ? a->lead.name : "", b->lead.len ? b->lead.name : "");
}

static void
put(struct tmpstore *t, const struct domain *d)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);

	assert_int_equal(domain_put(txn, d), ERR_OK);
	tmpstore_commit(txn);
}

static void
verify(struct tmpstore *t)
{
	struct store_txn *txn = tmpstore_read(t, STORE_SERVED);

	assert_int_equal(domain_verify(txn), ERR_OK);
	store_abort(txn);
}

static void
every_field_comes_back(void **state)
{
	struct domain d = tmpstore_domain("*.shop.example", 77), got;
	struct store_txn *txn;

	d.state = DOMAIN_FAILING;
	strcpy(d.ca, "abcdefghijklmnopqrstuvwxyz01234");
	strcpy(d.backend, "");
	strcpy(d.cas, "letsencrypt zerossl");
	assert_int_equal(hostname_parse("lead.example", &d.lead, NULL), ERR_OK);
	d.attempted_at = -1;
	d.failures = UINT32_MAX;
	d.used_at = INT64_MAX;
	d.generation = UINT64_MAX;
	d.not_before = INT64_MIN;
	d.not_after = INT64_MAX;
	problem_set(&d.problem, PROBLEM_AUTHZ_CAA, "CAA record for %s", d.name.name);
	strcpy(d.problem.type, "urn:ietf:params:acme:error:caa");
	d.problem.status = 403;
	d.problem.retry_at = 99;
	put(*state, &d);
	txn = tmpstore_read(*state, STORE_SERVED);
	assert_int_equal(domain_get(txn, &d.name, &got), ERR_OK);
	assert_same(&d, &got);
	store_abort(txn);
}

static void
what_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *what;
		struct domain domain;
	} cases[] = {
		{"state 0", {.name = {1, "a"}, .ca = "le"}},
		{"state beyond the last", {.name = {1, "a"}, .state = DOMAIN_STATE_END}},
		{"negative due", {.name = {1, "a"}, .state = DOMAIN_VALID, .due_at = -1}},
		{"negative use", {.name = {1, "a"}, .state = DOMAIN_VALID, .used_at = -1}},
		{"no name", {.state = DOMAIN_VALID}},
		{"upper case", {.name = {1, "A"}, .state = DOMAIN_VALID}},
		{"length beyond the text", {.name = {3, "a"}, .state = DOMAIN_VALID}},
		{"length before its end", {.name = {2, "a."}, .state = DOMAIN_VALID}},
		{"underscore", {.name = {3, "a_b"}, .state = DOMAIN_VALID}},
		{"no host's address", {.name = {7, "0.0.0.0"}, .state = DOMAIN_VALID}},
		{"address of another form", {.name = {5, "::0:1"}, .state = DOMAIN_VALID}},
		{"star inside", {.name = {5, "a.*.b"}, .state = DOMAIN_VALID}},
		{"external, and due", {.name = {1, "a"}, .state = DOMAIN_EXTERNAL, .due_at = 1}},
		{"external, with a CA", {.name = {1, "a"}, .state = DOMAIN_EXTERNAL, .ca = "le"}},
		{"external, with CAs", {.name = {1, "a"}, .state = DOMAIN_EXTERNAL, .cas = "le"}},
		{"problem of no kind",
	         {.name = {1, "a"}, .state = DOMAIN_VALID, .problem = {.kind = PROBLEM_COUNT}}},
	};
	struct domain good = tmpstore_domain("good.example", 5), got;
	struct store_txn *txn;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		txn = tmpstore_write(*state, STORE_SERVED);
		if (domain_put(txn, &cases[i].domain) != ERR_INVALID)
			fail_msg("%s: not refused", cases[i].what);
		/* It sticks: what came after goes down with it. */
		assert_int_equal(domain_put(txn, &good), ERR_INVALID);
		assert_int_equal(store_commit(txn), ERR_INVALID);
	}
	memset(good.ca, 'x', sizeof(good.ca));
	txn = tmpstore_write(*state, STORE_SERVED);
	assert_int_equal(domain_put(txn, &good), ERR_INVALID);
	store_abort(txn);
	txn = tmpstore_read(*state, STORE_SERVED);
	assert_int_equal(domain_get(txn, &good.name, &got), ERR_NOTFOUND);
	assert_int_equal(domain_put(txn, &good), ERR_WRONGSTATE);
	assert_int_equal(domain_del(txn, &good.name), ERR_WRONGSTATE);
	store_abort(txn);
	txn = tmpstore_read(*state, STORE_PRIVATE);
	assert_int_equal(domain_get(txn, &good.name, &got), ERR_WRONGSTATE);
	store_abort(txn);
}

static void
del_takes_the_certificate_along(void **state)
{
	struct domain d = tmpstore_domain("a.example", 5), got;
	struct cert cert = tmpstore_cert(1, 100);
	struct buf chain = {0};
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	uint64_t count;
	int64_t at;

	assert_int_equal(domain_del(txn, &d.name), ERR_NOTFOUND);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	assert_int_equal(cert_put(txn, &d.name, &cert, &chain), ERR_OK);
	tmpstore_commit(txn);
	txn = tmpstore_write(*state, STORE_SERVED);
	assert_int_equal(domain_del(txn, &d.name), ERR_OK);
	tmpstore_commit(txn);
	txn = tmpstore_read(*state, STORE_SERVED);
	assert_int_equal(domain_get(txn, &d.name, &got), ERR_NOTFOUND);
	assert_int_equal(cert_get(txn, &d.name, &cert), ERR_NOTFOUND);
	assert_int_equal(domain_next_due(txn, &(struct domain_queue){"le", LANE_FIRST}, &at),
	                 ERR_NOTFOUND);
	assert_int_equal(domain_count_ca(txn, "le", &count), ERR_OK);
	assert_int_equal(count, 0);
	store_abort(txn);
	verify(*state);
	cert_done(&cert);
}

static void
pages_go_through_all_names_in_order(void **state)
{
	static const char *const names[] = {"*.b.example", "a.example", "aa.example", "b.example",
	                                    "z.example"};
	struct domain page[8];
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct hostname after = tmpstore_name("ab.example");
	size_t count;

	for (int i = 4; i >= 0; i--) {
		struct domain d = tmpstore_domain(names[i], i);

		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	tmpstore_commit(txn);
	txn = tmpstore_read(*state, STORE_SERVED);
	assert_int_equal(domain_page(txn, NULL, 8, page, &count), ERR_OK);
	assert_int_equal(count, 5);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(page[i].name.name, names[i]);
	assert_int_equal(domain_page(txn, NULL, 2, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(domain_page(txn, &page[1].name, 2, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_string_equal(page[0].name.name, "aa.example");
	/* Behind a name that is not there. */
	assert_int_equal(domain_page(txn, &after, 8, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	after = tmpstore_name("z.example");
	assert_int_equal(domain_page(txn, &after, 8, page, &count), ERR_OK);
	assert_int_equal(count, 0);
	assert_int_equal(domain_page(txn, NULL, 0, page, &count), ERR_OK);
	assert_int_equal(count, 0);
	store_abort(txn);
}

static const struct {
	const char *name, *ca;
	int64_t due_at;
} due_rows[] = {
	{"late.example", "a", 300}, {"first.example", "a", 1},        {"never.example", "a", 0},
	{"other.example", "ab", 2}, {"big.example", "a", 1 << 9},     {"tie2.example", "a", 200},
	{"tie1.example", "a", 200}, {"huge.example", "b", INT64_MAX},
};

static void
due_is_ordered_within_each_ca(void **state)
{
	static const char *const order[] = {"first.example", "tie1.example", "tie2.example",
	                                    "late.example"};
	struct hostname names[8];
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	size_t count;
	int64_t at;

	for (size_t i = 0; i < sizeof(due_rows) / sizeof(due_rows[0]); i++) {
		struct domain d = tmpstore_domain(due_rows[i].name, due_rows[i].due_at);

		strcpy(d.ca, due_rows[i].ca);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	tmpstore_commit(txn);
	txn = tmpstore_read(*state, STORE_SERVED);
	assert_int_equal(
		domain_due(txn, &(struct domain_queue){"a", LANE_FIRST}, 300, 8, names, &count),
		ERR_OK);
	assert_int_equal(count, 4);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(names[i].name, order[i]);
	assert_int_equal(
		domain_due(txn, &(struct domain_queue){"a", LANE_FIRST}, 300, 2, names, &count),
		ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(
		domain_due(txn, &(struct domain_queue){"a", LANE_FIRST}, 0, 8, names, &count),
		ERR_OK);
	assert_int_equal(count, 0);
	assert_int_equal(
		domain_due(txn, &(struct domain_queue){"", LANE_FIRST}, 300, 8, names, &count),
		ERR_OK);
	assert_int_equal(count, 0);
	assert_int_equal(domain_next_due(txn, &(struct domain_queue){"ab", LANE_FIRST}, &at),
	                 ERR_OK);
	assert_int_equal(at, 2);
	assert_int_equal(domain_next_due(txn, &(struct domain_queue){"b", LANE_FIRST}, &at),
	                 ERR_OK);
	assert_true(at == (INT64_C(1) << 56) - 1); /* as late as the index has it */
	assert_int_equal(domain_next_due(txn, &(struct domain_queue){"c", LANE_FIRST}, &at),
	                 ERR_NOTFOUND);
	assert_int_equal(
		domain_next_due(
			txn,
			&(struct domain_queue){"abcdefghijklmnopqrstuvwxyz0123456789", LANE_FIRST},
			&at),
		ERR_INVALID);
	store_abort(txn);
	verify(*state);
}

static const char *const words[] = {"", "le", "zerossl", "le2", "internal"};

/* A put or del of a random name; afterwards the counters must be what a scan finds. */
static void
random_step(struct store_txn *txn)
{
	char text[32];
	struct domain d;
	enum err err;

	snprintf(text, sizeof(text), "n%d.example", rand() % 200);
	d = tmpstore_domain(text, rand() % 5 ? rand() : 0);
	if (rand() % 4 == 0) {
		err = domain_del(txn, &d.name);
		assert_true(err == ERR_OK || err == ERR_NOTFOUND);
		return;
	}
	d.state = (enum domain_state)(DOMAIN_PENDING + rand() % 3);
	strcpy(d.ca, words[rand() % 5]);
	strcpy(d.backend, words[rand() % 5]);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
}

static void
counters_equal_a_recount(void **state)
{
	uint64_t by_state = 0, by_ca = 0, n;
	struct store_txn *txn;

	srand(42);
	for (int round = 0; round < 40; round++) {
		txn = tmpstore_write(*state, STORE_SERVED);
		for (int i = 0; i < 50; i++)
			random_step(txn);
		assert_int_equal(domain_verify(txn), ERR_OK);
		if (round % 5 == 4)
			store_abort(txn);
		else
			tmpstore_commit(txn);
		verify(*state);
	}
	txn = tmpstore_read(*state, STORE_SERVED);
	for (int s = DOMAIN_PENDING; s < DOMAIN_STATE_END; s++) {
		assert_int_equal(domain_count_state(txn, (enum domain_state)s, &n), ERR_OK);
		by_state += n;
	}
	for (int i = 0; i < 5; i++) {
		assert_int_equal(domain_count_ca(txn, words[i], &n), ERR_OK);
		by_ca += n;
	}
	assert_true(by_state > 100);
	assert_int_equal(by_state, by_ca);
	store_abort(txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_field_comes_back, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test_setup_teardown(what_makes_no_sense_is_refused, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test_setup_teardown(del_takes_the_certificate_along, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test_setup_teardown(pages_go_through_all_names_in_order, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test_setup_teardown(due_is_ordered_within_each_ca, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test_setup_teardown(counters_equal_a_recount, tmpstore_setup,
	                                        tmpstore_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
