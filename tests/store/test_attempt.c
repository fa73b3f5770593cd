/* SPDX-License-Identifier: Apache-2.0 */
#include "store/attempt.h"
#include "store/budget.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/tmpstore.h"

enum { NOW = 1800000000 };

static struct hostname
host(const char *text)
{
	struct hostname name;

	assert_int_equal(hostname_parse(text, &name, NULL), ERR_OK);
	return name;
}

static void
put(void *state, const char *name, const struct attempt *a)
{
	struct store_txn *txn = tmpstore_write(state, STORE_PRIVATE);
	struct hostname h = host(name);

	assert_int_equal(attempt_put(txn, &h, a), ERR_OK);
	tmpstore_commit(txn);
}

static size_t
get(void *state, const char *name, struct attempts *all)
{
	struct store_txn *txn = tmpstore_read(state, STORE_PRIVATE);
	struct hostname h = host(name);
	enum err err = attempts_get(txn, &h, all);

	store_abort(txn);
	if (err == ERR_NOTFOUND)
		return 0;
	assert_int_equal(err, ERR_OK);
	return all->count;
}

static void
all_of_it_comes_back(void **state)
{
	static struct attempts all;
	struct attempt a = {.began_ms = NOW, .ended_at = NOW + 3, .next_at = NOW + 60, .ca = "le"};

	memset(a.order, 'u', ATTEMPT_URL_MAX);
	memset(a.document, 'd', ATTEMPT_DOCUMENT_MAX);
	problem_set(&a.problem, PROBLEM_AUTHZ_DNS, "no such name");
	attempt_step(&a, "new-order", 201, NOW * INT64_C(1000) + 1);
	attempt_step(&a, "validate", 0, NOW * INT64_C(1000) + 2);
	for (int i = 0; i < 2; i++) { /* the second time in place of the first */
		put(*state, "a.test", &a);
		assert_int_equal(get(*state, "a.test", &all), 1);
		assert_memory_equal(&all.list[0].steps, &a.steps, sizeof(a.steps));
		assert_int_equal(all.list[0].step_count, 2);
		assert_string_equal(all.list[0].order, a.order);
		assert_string_equal(all.list[0].document, a.document);
		assert_string_equal(all.list[0].ca, "le");
		assert_string_equal(all.list[0].problem.detail, "no such name");
		assert_int_equal(all.list[0].began_ms, NOW);
		assert_int_equal(all.list[0].ended_at, NOW + 3);
		assert_int_equal(all.list[0].next_at, NOW + 60);
	}
	assert_int_equal(get(*state, "b.test", &all), 0);
}

/* x and y: CAs with which it failed, g: it went well; what is put, and what stays: capitals are
 * those with their steps. */
static const struct {
	const char *put, *stays;
} kept[] = {
	{"xxX", "xxX"},   {"xxxxxxxxX", "xxxxxxxX"},  {"ggg", "g"},
	{"gxgXg", "xXg"}, {"gxxxxxxxXg", "xxxxxxXg"}, {"Xgggggggggg", "Xg"},
	{"xggX", "xgX"},  {"xyxyx", "xyxYX"},         {"xyXYg", "xyXYg"},
};

static void
which_are_kept(void **state)
{
	static struct attempts all;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
		struct hostname h = host("a.test");
		char got[ATTEMPTS_MAX + 1] = "";

		assert_int_equal(attempts_del(txn, &h), ERR_OK);
		tmpstore_commit(txn);
		for (size_t k = 0; kept[i].put[k]; k++) {
			struct attempt a = {.began_ms = NOW + (int64_t)k, .document = "{}"};
			char as = (char)tolower(kept[i].put[k]);

			attempt_step(&a, "new-order", 201, NOW);
			snprintf(a.ca, sizeof(a.ca), "%c", as == 'y' ? 'y' : 'x');
			put(*state, "a.test", &a); /* while it is in work */
			a.ended_at = NOW + 1;
			if (as != 'g')
				problem_set(&a.problem, PROBLEM_CA_ERROR, k % 3 ? "no" : "never");
			put(*state, "a.test", &a);
		}
		assert_int_equal(get(*state, "a.test", &all), strlen(kept[i].stays));
		for (size_t k = 0; k < all.count; k++) {
			const struct attempt *a = &all.list[k];

			if (a->problem.kind)
				assert_string_equal(a->problem.detail,
				                    (a->began_ms - NOW) % 3 ? "no" : "never");
			got[k] = a->problem.kind ? a->ca[0] : 'g';
			assert_int_equal(a->step_count == 1, *a->document != '\0');
			if (a->step_count)
				got[k] = (char)toupper(got[k]);
		}
		assert_string_equal(got, kept[i].stays);
		for (size_t k = 1; k < all.count; k++)
			assert_true(all.list[k - 1].began_ms < all.list[k].began_ms);
	}
}

static void
steps_fold_and_the_middle_goes(void **state)
{
	struct attempt a = {.began_ms = NOW};
	char word[8];

	(void)state;
	for (int i = 0; i < 70000; i++)
		attempt_step(&a, "validate", 200, i);
	assert_int_equal(a.step_count, 1);
	assert_int_equal(a.steps[0].count, UINT16_MAX);
	assert_int_equal(a.steps[0].at_ms, 69999);
	for (int i = 0; i < 100; i++) {
		snprintf(word, sizeof(word), "w%d", i);
		attempt_step(&a, word, 200, i);
	}
	assert_int_equal(a.step_count, ATTEMPT_STEPS_MAX);
	assert_string_equal(a.steps[0].word, "validate");
	assert_string_equal(a.steps[1].word, "w0");
	assert_string_equal(a.steps[ATTEMPT_STEPS_MAX - 1].word, "w99");
	assert_string_equal(a.steps[ATTEMPT_STEPS_MAX - 2].word, "w98");
	attempt_step(&a, "a-word-that-is-longer-than-there-is-room", 0, 1);
	assert_int_equal(strlen(a.steps[ATTEMPT_STEPS_MAX - 1].word), ATTEMPT_WORD_MAX);
}

static void
what_cannot_be_is_refused(void **state)
{
	struct attempt bad[3] = {{.step_count = ATTEMPT_STEPS_MAX + 1},
	                         {.problem = {.kind = PROBLEM_COUNT}},
	                         {.began_ms = NOW}};

	memset(bad[2].order, 'x', sizeof(bad[2].order));
	for (size_t i = 0; i < 3; i++) {
		struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
		struct hostname h = host("a.test");

		assert_int_equal(attempt_put(txn, &h, &bad[i]), ERR_INVALID);
		store_abort(txn);
	}
}

static void
a_budget_comes_back(void **state)
{
	struct budget_record r = {
		.ca = "le", .orders = 300, .period = 10800, .level = 7, .at = NOW};
	struct budget_record got;
	struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);

	assert_int_equal(budget_put(txn, &r), ERR_OK);
	tmpstore_commit(txn);
	txn = tmpstore_read(*state, STORE_PRIVATE);
	assert_int_equal(budget_get(txn, "le", &got), ERR_OK);
	assert_int_equal(budget_get(txn, "other", &got), ERR_NOTFOUND);
	store_abort(txn);
	assert_string_equal(got.ca, "le");
	assert_int_equal(got.orders, 300);
	assert_int_equal(got.period, 10800);
	assert_int_equal(got.level, 7);
	assert_int_equal(got.at, NOW);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	r.ca[0] = '\0';
	assert_int_equal(budget_put(txn, &r), ERR_INVALID);
	store_abort(txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_of_it_comes_back, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test_setup_teardown(which_are_kept, tmpstore_setup, tmpstore_teardown),
		cmocka_unit_test(steps_fold_and_the_middle_goes),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test_setup_teardown(a_budget_comes_back, tmpstore_setup,
	                                        tmpstore_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
