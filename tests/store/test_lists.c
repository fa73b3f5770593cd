/* SPDX-License-Identifier: Apache-2.0 */
#include "store/domain_list.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/cert.h"
#include "store/label.h"
#include "tests/support/tmpstore.h"

static void
put(struct store_txn *txn, const char *name, int64_t not_after)
{
	struct domain d = tmpstore_domain(name, 0);

	d.state = DOMAIN_VALID;
	d.generation = 1;
	d.not_after = not_after;
	assert_int_equal(domain_put(txn, &d), ERR_OK);
}

static void
expiry_goes_by_time_and_name(void **state)
{
	static const char *const order[] = {"z.example", "a.example", "b.example", "c.example",
	                                    "d.example"};
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain page[8], none = tmpstore_domain("none.example", 0);
	size_t count;
	int64_t at;

	assert_int_equal(domain_next_expiry(txn, &at), ERR_NOTFOUND);
	put(txn, "c.example", 200);
	put(txn, "b.example", 200);
	put(txn, "a.example", 100);
	put(txn, "d.example", INT64_MAX);
	put(txn, "z.example", -5);
	assert_int_equal(domain_put(txn, &none), ERR_OK);
	assert_int_equal(domain_next_expiry(txn, &at), ERR_OK);
	assert_int_equal(at, -5);
	assert_int_equal(domain_page_expiry(txn, INT64_MIN, NULL, 8, page, &count), ERR_OK);
	assert_int_equal(count, 5);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(page[i].name.name, order[i]);
	assert_int_equal(domain_page_expiry(txn, 200, NULL, 8, page, &count), ERR_OK);
	assert_int_equal(count, 3);
	assert_int_equal(domain_page_expiry(txn, 200, &page[0].name, 1, page, &count), ERR_OK);
	assert_int_equal(count, 1);
	assert_string_equal(page[0].name.name, "c.example");
	assert_int_equal(domain_page_expiry(txn, 200, &page[0].name, 8, page, &count), ERR_OK);
	assert_int_equal(count, 1);
	assert_string_equal(page[0].name.name, "d.example");
	assert_int_equal(domain_verify(txn), ERR_OK);
	tmpstore_commit(txn);
}

static void
expiring_ones_are_counted(void **state)
{
	static const struct {
		int64_t before;
		uint64_t count;
	} cases[] = {{0, 0},    {100, 0},  {101, 1},    {3600, 3},   {3601, 4},
	             {7199, 4}, {7201, 6}, {400000, 6}, {500001, 7}, {INT64_MAX, 7}};
	static const int64_t times[] = {100, 200, 3599, 3600, 7199, 7200, 500000};
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	char text[32];
	uint64_t count;

	for (int i = 0; i < 7; i++) {
		snprintf(text, sizeof(text), "n%d.example", i);
		put(txn, text, times[i]);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(domain_count_expiring(txn, cases[i].before, &count), ERR_OK);
		if (count != cases[i].count)
			fail_msg("before %lld: %llu", (long long)cases[i].before,
			         (unsigned long long)count);
	}
	put(txn, "n0.example", 900000);
	assert_int_equal(domain_count_expiring(txn, 101, &count), ERR_OK);
	assert_int_equal(count, 0);
	tmpstore_commit(txn);
}

static void
names_are_listed_by_state_and_reason(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain page[8];
	char text[32];
	size_t count;
	uint64_t n;

	for (int i = 0; i < 9; i++) {
		struct domain d;

		snprintf(text, sizeof(text), "n%d.example", i);
		d = tmpstore_domain(text, i);
		d.state = (enum domain_state)(DOMAIN_PENDING + i % 3);
		if (d.state == DOMAIN_FAILING)
			problem_set(&d.problem, i == 8 ? PROBLEM_AUTHZ_CAA : PROBLEM_AUTHZ_DNS,
			            "no");
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	assert_int_equal(domain_page_state(txn, DOMAIN_FAILING, NULL, 8, page, &count), ERR_OK);
	assert_int_equal(count, 3);
	assert_string_equal(page[0].name.name, "n2.example");
	assert_int_equal(domain_page_state(txn, DOMAIN_FAILING, &page[0].name, 8, page, &count),
	                 ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(domain_page_state(txn, DOMAIN_PENDING, NULL, 2, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(domain_page_state(txn, DOMAIN_VALID, NULL, 8, page, &count),
	                 ERR_UNSUPPORTED);
	assert_int_equal(domain_page_reason(txn, PROBLEM_AUTHZ_DNS, NULL, 8, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(domain_count_reason(txn, PROBLEM_AUTHZ_DNS, &n), ERR_OK);
	assert_int_equal(n, 2);
	assert_int_equal(domain_count_reason(txn, PROBLEM_AUTHZ_CAA, &n), ERR_OK);
	assert_int_equal(n, 1);
	assert_int_equal(domain_count_all(txn, &n), ERR_OK);
	assert_int_equal(n, 9);
	assert_int_equal(domain_verify(txn), ERR_OK);
	tmpstore_commit(txn);
}

/* Anything may become anything: the indexes follow. */
static void
random_changes_leave_no_traces(void **state)
{
	static const char *const labels[] = {"a=1", "a=2", "b=1", "c=a b"};
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);

	srand(11);
	for (int i = 0; i < 3000; i++) {
		struct domain d;
		struct label label;
		char text[32];

		snprintf(text, sizeof(text), "n%d.example", rand() % 40);
		d = tmpstore_domain(text, rand() % 3);
		d.state = (enum domain_state)(DOMAIN_PENDING + rand() % 3);
		d.generation = (uint64_t)(rand() % 2);
		d.not_after = rand() % 20000;
		if (rand() % 2)
			problem_set(&d.problem, (enum problem_kind)(rand() % PROBLEM_COUNT), "no");
		snprintf(d.ca, sizeof(d.ca), "ca%d", rand() % 3);
		for (int l = rand() % 4; l > 0; l--) {
			assert_int_equal(label_parse(labels[rand() % 4], &label, NULL), ERR_OK);
			assert_int_equal(label_set(&d, &label), ERR_OK);
		}
		if (rand() % 4)
			assert_int_equal(domain_put(txn, &d), ERR_OK);
		else
			(void)!domain_del(txn, &d.name);
		if (i % 500 == 0)
			assert_int_equal(domain_verify(txn), ERR_OK);
	}
	assert_int_equal(domain_verify(txn), ERR_OK);
	tmpstore_commit(txn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpstore_setup, tmpstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(expiry_goes_by_time_and_name),
		TEST(expiring_ones_are_counted),
		TEST(names_are_listed_by_state_and_reason),
		TEST(random_changes_leave_no_traces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
