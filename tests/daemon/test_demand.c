/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: what workers and keeper know of names on demand: bounded, and forgotten in time. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hostname.h"
#include "daemon/common/status.h"
#include "daemon/watch/demander_inside.h"
#include "store/memo.h"
#include "tests/support/tmpstore.h"

enum { BOOK_MAX = 8, MANY = 100000 };

static struct hostname
numbered(int n)
{
	char text[32];

	snprintf(text, sizeof(text), "n%d.test", n);
	return tmpstore_name(text);
}

/* ---- the page ------------------------------------------------------------------------------- */

static void
a_refusal_holds_until_its_time(void **state)
{
	struct hostname a = tmpstore_name("a.test"), b = tmpstore_name("b.test");
	struct status *status;
	struct demand *d;

	(void)state;
	assert_int_equal(status_new(&status), ERR_OK);
	d = &status->demand;
	assert_false(demand_is_refused(d, &a, 1, 0));
	demand_refuse_name(d, &a, 100);
	assert_true(demand_is_refused(d, &a, 1, 99));
	assert_false(demand_is_refused(d, &a, 1, 100));
	assert_false(demand_is_refused(d, &b, 1, 99));
	demand_refuse_network(d, 7, 100);
	assert_true(demand_is_refused(d, &b, 7, 99));
	assert_false(demand_is_refused(d, &b, 8, 99));
	demand_refuse_name(d, &a, 50); /* the newest counts */
	assert_false(demand_is_refused(d, &a, 1, 60));
	status_free(status);
}

/* Whatever is overwritten, nobody is refused who was not. */
static void
a_flood_of_refusals_refuses_nobody_else(void **state)
{
	struct hostname name;
	struct status *status;
	int kept = 0;

	(void)state;
	assert_int_equal(status_new(&status), ERR_OK);
	for (int i = 0; i < MANY; i++) {
		name = numbered(i);
		demand_refuse_name(&status->demand, &name, 100);
	}
	for (int i = 0; i < 2 * MANY; i++) {
		name = numbered(i);
		if (!demand_is_refused(&status->demand, &name, 1, 0))
			continue;
		assert_true(i < MANY);
		kept++;
	}
	assert_true(kept > DEMAND_REFUSALS / 2 && kept <= DEMAND_REFUSALS);
	status_free(status);
}

static void *
ring(void *demand)
{
	demand_ring(demand);
	return NULL;
}

static void
the_bell_is_heard(void **state)
{
	struct status *status;
	pthread_t thread;
	uint32_t seen;

	(void)state;
	assert_int_equal(status_new(&status), ERR_OK);
	seen = atomic_load(&status->demand.bell);
	assert_int_equal(demand_listen(&status->demand, seen, 1), seen); /* silence ends */
	assert_int_equal(pthread_create(&thread, NULL, ring, &status->demand), 0);
	while (demand_listen(&status->demand, seen, 10000) == seen)
		;
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* Who was not listening hears of it all the same. */
	assert_int_equal(demand_listen(&status->demand, seen, 10000), seen + 1);
	status_free(status);
}

static void
a_report_has_its_number(void **state)
{
	static struct report_ring reports;
	struct report_reader reader = {0};
	struct hostname name, got;
	uint64_t number;

	(void)state;
	for (int i = 0; i < 10; i++) {
		name = numbered(i);
		report_add_with(&reports, &name, (uint64_t)i << 60 | 5);
		assert_true(report_next_with(&reports, &reader, &got, &number));
		assert_true(hostname_equal(&got, &name));
		assert_true(number == ((uint64_t)i << 60 | 5));
	}
}

/* ---- the book ------------------------------------------------------------------------------- */

static struct demand_book *
book_new(void)
{
	struct demand_book *book;

	assert_int_equal(demand_book_new(BOOK_MAX, &book), ERR_OK);
	return book;
}

static void
what_became_of_a_name(void **state)
{
	struct hostname a = tmpstore_name("a.test"), b = tmpstore_name("b.test");
	struct demand_book *book = book_new();
	int64_t until = 0;

	(void)state;
	assert_int_equal(demand_book_find(book, &a, 0, &until), DEMAND_UNKNOWN);
	demand_book_set(book, &a, DEMAND_ASKING, INT64_MAX);
	assert_int_equal(demand_book_find(book, &a, 5, &until), DEMAND_ASKING);
	demand_book_set(book, &a, DEMAND_DENIED, 100);
	assert_int_equal(demand_book_find(book, &a, 99, &until), DEMAND_DENIED);
	assert_int_equal(until, 100);
	assert_int_equal(demand_book_find(book, &b, 99, &until), DEMAND_UNKNOWN);
	assert_int_equal(demand_book_find(book, &a, 100, &until), DEMAND_UNKNOWN);
	assert_int_equal(demand_book_count(book), 0);
	demand_book_free(book);
}

static void
the_oldest_go_first_but_those_in_question(void **state)
{
	struct hostname name = numbered(0);
	struct demand_book *book = book_new();
	int64_t until;

	(void)state;
	demand_book_set(book, &name, DEMAND_ASKING, INT64_MAX);
	for (int i = 1; i < 1000; i++) {
		name = numbered(i);
		demand_book_set(book, &name, DEMAND_DENIED, 100);
		assert_true(demand_book_count(book) <= BOOK_MAX);
	}
	name = numbered(0);
	assert_int_equal(demand_book_find(book, &name, 0, &until), DEMAND_ASKING);
	name = numbered(1);
	assert_int_equal(demand_book_find(book, &name, 0, &until), DEMAND_UNKNOWN);
	for (int i = 1000 - BOOK_MAX + 1; i < 1000; i++) {
		name = numbered(i);
		assert_int_equal(demand_book_find(book, &name, 0, &until), DEMAND_DENIED);
	}
	for (int i = 2000; i < 2000 + 2 * BOOK_MAX; i++) { /* nothing else in it */
		name = numbered(i);
		demand_book_set(book, &name, DEMAND_ASKING, INT64_MAX);
	}
	assert_int_equal(demand_book_count(book), BOOK_MAX);
	demand_book_free(book);
}

static void
a_bucket_is_spent_and_fills_again(void **state)
{
	static const struct limits_rate rate = {2, 100};
	struct demand_book *book = book_new();

	(void)state;
	assert_int_equal(demand_book_take(book, "a", &rate, 1000), 0);
	assert_int_equal(demand_book_take(book, "a", &rate, 1000), 0);
	assert_int_equal(demand_book_take(book, "a", &rate, 1000), 1050);
	assert_int_equal(demand_book_take(book, "b", &rate, 1000), 0);
	demand_book_return(book, "a");
	demand_book_return(book, "c"); /* that nobody has taken from */
	assert_int_equal(demand_book_take(book, "a", &rate, 1000), 0);
	assert_int_equal(demand_book_take(book, "a", &rate, 1000), 1050);
	assert_int_equal(demand_book_take(book, "a", &rate, 1050), 0);
	/* A reload with a smaller rate: what is spent stays so. */
	assert_int_not_equal(demand_book_take(book, "a", &(struct limits_rate){1, 100}, 1050), 0);
	demand_book_free(book);
}

/* Who comes from everywhere does not fill the domains' buckets again. */
static void
networks_push_no_domain_out(void **state)
{
	static const struct limits_rate rate = {1, 100};
	struct demand_book *book = book_new();
	char key[32];

	(void)state;
	assert_int_equal(demand_book_take(book, "a", &rate, 1000), 0);
	for (int i = 0; i < 2 * BOOK_MAX; i++) {
		snprintf(key, sizeof(key), "=%x", i);
		assert_int_equal(demand_book_take(book, key, &rate, 1000), 0);
	}
	assert_int_equal(demand_book_take(book, "a", &rate, 1000), 1100);
	assert_int_equal(demand_book_take(book, key, &rate, 1000), 1100);
	demand_book_free(book);
}

/* A restart gives nobody anything; what is full again is forgotten. */
static void
budgets_outlive_a_restart(void **state)
{
	static const struct limits_rate rate = {2, 1000000}, soon = {1, 1};
	struct demander d = {0};
	struct tmpstore t;
	struct store_txn *txn;
	int64_t now = clock_wall();
	char key[MEMO_KEY_MAX + 1];

	(void)state;
	tmpstore_init(&t);
	tmpstore_open(&t);
	d.config.store = t.store;
	assert_int_equal(demand_book_new(20000, &d.book), ERR_OK);
	assert_int_equal(demand_book_take(d.book, "a.test", &rate, now), 0);
	assert_int_equal(demand_book_take(d.book, "a.test", &rate, now), 0);
	assert_int_equal(demand_book_take(d.book, "full.test", &soon, now - 100), 0);
	for (int i = 0; i < 12000; i++) { /* more than is kept */
		snprintf(key, sizeof(key), "=%x", i);
		assert_int_equal(demand_book_take(d.book, key, &rate, now), 0);
	}
	demander_keep(&d);
	demand_book_free(d.book);

	assert_int_equal(demand_book_new(20000, &d.book), ERR_OK);
	demander_recall(&d);
	assert_true(demand_book_take(d.book, "a.test", &rate, now) > now);
	assert_int_equal(demand_book_take(d.book, "full.test", &soon, now), 0);
	assert_int_equal(demand_book_take(d.book, key, &rate, now), 0); /* its second */
	assert_true(demand_book_take(d.book, key, &rate, now) > now);
	demand_book_free(d.book);

	/* what is left over of more goes */
	assert_int_equal(demand_book_new(20000, &d.book), ERR_OK);
	assert_int_equal(demand_book_take(d.book, "b.test", &rate, now), 0);
	demander_keep(&d);
	demand_book_free(d.book);
	assert_int_equal(demand_book_new(20000, &d.book), ERR_OK);
	demander_recall(&d);
	assert_int_equal(demand_book_take(d.book, "b.test", &rate, now), 0);
	assert_true(demand_book_take(d.book, "b.test", &rate, now) > now);
	demand_book_free(d.book);
	txn = tmpstore_read(&t, STORE_PRIVATE);
	assert_int_equal(memo_next(txn, "demand/", "demand/", key), ERR_OK);
	assert_string_equal(key, "demand/00");
	assert_int_equal(memo_next(txn, "demand/", key, key), ERR_NOTFOUND);
	store_abort(txn);
	tmpstore_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refusal_holds_until_its_time),
		cmocka_unit_test(a_flood_of_refusals_refuses_nobody_else),
		cmocka_unit_test(the_bell_is_heard),
		cmocka_unit_test(a_report_has_its_number),
		cmocka_unit_test(what_became_of_a_name),
		cmocka_unit_test(the_oldest_go_first_but_those_in_question),
		cmocka_unit_test(a_bucket_is_spent_and_fills_again),
		cmocka_unit_test(networks_push_no_domain_out),
		cmocka_unit_test(budgets_outlive_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
