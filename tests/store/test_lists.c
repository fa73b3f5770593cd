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
#include "store/domain_window.h"
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

static void
expect_window(struct store_txn *txn, const struct domain_window *w, size_t limit, const char *names)
{
	struct domain page[8];
	char got[128] = "";
	size_t count;

	assert_int_equal(domain_window(txn, w, limit, page, &count), ERR_OK);
	for (size_t i = 0; i < count; i++)
		sprintf(got + strlen(got), "%s%.*s", i ? " " : "",
		        (int)strcspn(page[i].name.name, "."), page[i].name.name);
	assert_string_equal(got, names);
}

/* Forward and backward from each place, on each list. */
static void
windows_move_both_ways(void **state)
{
	static const struct {
		enum window_list list;
		const char *word;
		enum window_place place;
		int64_t at;
		const char *name;
		size_t limit;
		const char *names;
	} cases[] = {
		{WINDOW_NAMES, NULL, WINDOW_FROM, 0, "", 8, "a b ba c d"},
		{WINDOW_NAMES, NULL, WINDOW_FROM, 0, "b", 2, "b ba"},
		{WINDOW_NAMES, NULL, WINDOW_FROM, 0, "ba.example", 8, "ba c d"},
		{WINDOW_NAMES, NULL, WINDOW_FROM, 0, "x", 8, ""},
		{WINDOW_NAMES, NULL, WINDOW_BEHIND, 0, "ba.example", 8, "c d"},
		{WINDOW_NAMES, NULL, WINDOW_BEHIND, 0, "d.example", 8, ""},
		{WINDOW_NAMES, NULL, WINDOW_BEFORE, 0, "ba.example", 8, "b a"},
		{WINDOW_NAMES, NULL, WINDOW_BEFORE, 0, "ba.example", 1, "b"},
		{WINDOW_NAMES, NULL, WINDOW_BEFORE, 0, "a.example", 8, ""},
		{WINDOW_NAMES, NULL, WINDOW_BEFORE, 0, "x", 2, "d c"},
		{WINDOW_NAMES, NULL, WINDOW_LAST, 0, "", 2, "d c"},
		{WINDOW_EXPIRY, NULL, WINDOW_FROM, INT64_MIN, "", 8, "d b c a"},
		{WINDOW_EXPIRY, NULL, WINDOW_FROM, 200, "", 8, "b c a"},
		{WINDOW_EXPIRY, NULL, WINDOW_FROM, 200, "c.example", 8, "c a"},
		{WINDOW_EXPIRY, NULL, WINDOW_BEHIND, 200, "c.example", 8, "a"},
		{WINDOW_EXPIRY, NULL, WINDOW_BEFORE, 200, "c.example", 8, "b d"},
		{WINDOW_EXPIRY, NULL, WINDOW_BEFORE, 200, "", 8, "d"},
		{WINDOW_EXPIRY, NULL, WINDOW_BEFORE, -5, "d.example", 8, ""},
		{WINDOW_EXPIRY, NULL, WINDOW_LAST, 0, "", 2, "a c"},
		{WINDOW_STATE, "failing", WINDOW_FROM, 0, "", 8, "b ba"},
		{WINDOW_STATE, "failing", WINDOW_BEFORE, 0, "ba.example", 8, "b"},
		{WINDOW_STATE, "failing", WINDOW_BEFORE, 0, "b.example", 8, ""},
		{WINDOW_STATE, "failing", WINDOW_LAST, 0, "", 8, "ba b"},
		{WINDOW_STATE, "pending", WINDOW_LAST, 0, "", 8, ""},
		{WINDOW_REASON, "authz/dns", WINDOW_LAST, 0, "", 1, "ba"},
		{WINDOW_LABEL, "t=1", WINDOW_LAST, 0, "", 8, "d c"},
		{WINDOW_LABEL, "t=1", WINDOW_FROM, 0, "d", 8, "d"},
		{WINDOW_LABEL, "t=2", WINDOW_LAST, 0, "", 8, ""},
	};
	static const char *const names[] = {"a", "b", "ba", "c", "d"};
	static const int64_t times[] = {INT64_MAX, 200, 0, 200, -5};
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	char text[32];

	for (int i = 0; i < 5; i++) {
		struct domain d;
		struct label label;

		snprintf(text, sizeof(text), "%s.example", names[i]);
		d = tmpstore_domain(text, i);
		d.state = i == 1 || i == 2 ? DOMAIN_FAILING : DOMAIN_VALID;
		d.generation = i != 2;
		d.not_after = times[i];
		if (d.state == DOMAIN_FAILING)
			problem_set(&d.problem, PROBLEM_AUTHZ_DNS, "no");
		if (i >= 3) {
			assert_int_equal(label_parse("t=1", &label, NULL), ERR_OK);
			assert_int_equal(label_set(&d, &label), ERR_OK);
		}
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct domain_window w = {.list = cases[i].list,
		                          .word = cases[i].word,
		                          .place = cases[i].place,
		                          .at = cases[i].at};

		w.name.len = (uint8_t)strlen(cases[i].name);
		strcpy(w.name.name, cases[i].name);
		expect_window(txn, &w, cases[i].limit, cases[i].names);
	}
	tmpstore_commit(txn);
}

static void
days_add_up(void **state)
{
	enum { NOW = 100 * 3600 + 1800, DAY = 86400 };
	static const int64_t times[] = {5,
	                                99 * 3600,
	                                NOW - 1,
	                                NOW,
	                                NOW + 60,
	                                100 * 3600 + DAY - 1,
	                                100 * 3600 + DAY,
	                                100 * 3600 + 89 * (int64_t)DAY,
	                                100 * 3600 + 90 * (int64_t)DAY,
	                                INT64_MAX};
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain_days d;
	char text[32];

	assert_int_equal(domain_count_days(txn, NOW, &d), ERR_OK);
	assert_int_equal(d.expired + d.days[0] + d.later, 0);
	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "n%d.example", i);
		put(txn, text, times[i]);
	}
	assert_int_equal(domain_count_days(txn, NOW, &d), ERR_OK);
	assert_int_equal(d.expired, 3);
	assert_int_equal(d.days[0], 3);
	assert_int_equal(d.days[1], 1);
	assert_int_equal(d.days[2], 0);
	assert_int_equal(d.days[89], 1);
	assert_int_equal(d.later, 2);
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
		TEST(windows_move_both_ways),
		TEST(days_add_up),
		TEST(random_changes_leave_no_traces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
