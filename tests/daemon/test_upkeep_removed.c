/* SPDX-License-Identifier: Apache-2.0 */
/* How long it is known that a name was removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/conf/conf.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/upkeep_inside.h"
#include "store/tombstone.h"
#include "tests/support/tmpstore.h"

enum { HOUR_S = 3600, TURNS = 200 };

struct fixture {
	struct tmpstore store;
	struct upkeep u;
	struct conf conf;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tmpstore_init(&f->store);
	tmpstore_open(&f->store);
	pthread_mutex_init(&f->u.mail.mutex, NULL);
	f->u.config.store = f->store.store;
	f->u.conf = &f->conf;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	pthread_mutex_destroy(&f->u.mail.mutex);
	tmpstore_done(&f->store);
	free(f);
	return 0;
}

/* FROM to TO, removed one after the other, STEP_S apart, the last one so long ago. */
static void
fill(struct fixture *f, int from, int to, int64_t step_s)
{
	struct store_txn *txn = tmpstore_write(&f->store, STORE_SERVED);
	int64_t now = clock_wall();

	for (int i = from; i < to; i++) {
		struct tombstone t = {.by = "remove", .removed_at = now - (int64_t)i * step_s};
		char name[32];

		/* not in the order of their age */
		snprintf(name, sizeof(name), "n%d.example", i * 7919 % 100003);
		t.name = tmpstore_name(name);
		assert_int_equal(tombstone_put(txn, &t), ERR_OK);
	}
	tmpstore_commit(txn);
}

/* How many are left when it rests; RET_OLDEST is their greatest age. */
static uint64_t
run(struct fixture *f, int64_t *ret_oldest)
{
	static struct tombstone page[1000];
	struct store_txn *txn;
	size_t count;

	f->u.removed_done_at = 0;
	for (int i = 0; !f->u.removed_done_at; i++) {
		assert_true(i < TURNS);
		upkeep_forget_removed(&f->u);
	}
	txn = tmpstore_read(&f->store, STORE_SERVED);
	assert_int_equal(tombstone_page(txn, NULL, 1000, page, &count), ERR_OK);
	store_abort(txn);
	*ret_oldest = 0;
	for (size_t i = 0; i < count; i++)
		if (clock_wall() - page[i].removed_at > *ret_oldest)
			*ret_oldest = clock_wall() - page[i].removed_at;
	return count;
}

static void
what_is_old_goes(void **state)
{
	struct fixture *f = *state;
	int64_t oldest;

	f->conf.removed.keep_ms = 10 * HOUR_S * 1000 + 600 * 1000;
	f->conf.removed.most = 1000;
	fill(f, 0, 700, HOUR_S);
	assert_int_equal(run(f, &oldest), 11);
	assert_true(oldest >= 10 * HOUR_S && oldest < 11 * HOUR_S);
	f->conf.removed.keep_ms = 1000;
	fill(f, 700, 701, HOUR_S);
	assert_true(run(f, &oldest) <= 1);
}

static void
nothing_goes_by_a_clock_in_doubt(void **state)
{
	struct fixture *f = *state;
	int64_t now = clock_wall(), oldest;

	f->conf.removed.keep_ms = HOUR_S * 1000;
	f->conf.removed.most = 1000;
	fill(f, 0, 10, HOUR_S);
	assert_int_equal(clockwatch_new(now - 80 * 86400, now, 1, &f->u.config.clock), ERR_OK);
	upkeep_forget_removed(&f->u);
	assert_int_equal(f->u.removed_done_at, 0);
	clockwatch_ca_says(f->u.config.clock, "c", now, now, 1);
	assert_true(run(f, &oldest) <= 2);
	clockwatch_free(f->u.config.clock);
}

static void
of_too_many_the_older_go(void **state)
{
	struct fixture *f = *state;
	int64_t oldest;

	f->conf.removed.keep_ms = 24 * HOUR_S * 1000;
	f->conf.removed.most = 100;
	fill(f, 0, 600, 60);
	assert_int_equal(run(f, &oldest), 100);
	/* Halves of the age are as exact as it gets. */
	assert_true(oldest < 200 * 60 + 60);
	assert_int_equal(f->u.removed_halves, 0);
}

/* All in one second: age does not tell them apart. */
static void
of_too_many_at_once_any_go(void **state)
{
	struct fixture *f = *state;
	int64_t oldest;

	f->conf.removed.keep_ms = 24 * HOUR_S * 1000;
	f->conf.removed.most = 100;
	fill(f, 0, 600, 0);
	assert_int_equal(run(f, &oldest), 100);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_old_goes),
		CASE(nothing_goes_by_a_clock_in_doubt),
		CASE(of_too_many_the_older_go),
		CASE(of_too_many_at_once_any_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
