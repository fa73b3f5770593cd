/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is. */
#include "daemon/order/due.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/store.h"
#include "tests/support/tmpstore.h"

enum { NOW = 1800000000, DAY = 86400, HOUR = 3600 };

static const struct {
	const char *name;
	int64_t due;        /* since when, seconds */
	int64_t life, left; /* of its certificate, life 0: it has none */
	uint32_t failures;
} rows[] = {
	{"a.example", 9 * DAY, 90 * DAY, 21 * DAY, 0}, /* 233 permille */
	{"b.example", 8 * DAY, 0, 0, 0},               /* 200 */
	{"c.example", 7 * DAY, 90 * DAY, 29 * DAY, 0}, /* 322 */
	{"d.example", 6 * HOUR, 6 * DAY, DAY, 0},      /* 167 */
	{"e.example", 5 * HOUR, 6 * DAY, -DAY, 0},     /* expired */
	{"f.example", 4 * HOUR, 0, 0, 0},
	{"g.example", 3 * HOUR, 45 * DAY, 2 * DAY, 0}, /* 44 */
	{"h.example", -HOUR, 45 * DAY, DAY, 0},        /* not due */
	{"x.example", 9 * DAY, 0, 0, 1},
	{"y.example", HOUR, 45 * DAY, DAY, LANE_RETRIES},
	{"z.example", 9 * DAY, 45 * DAY, DAY, LANE_RETRIES + 1},
};

static int
setup(void **state)
{
	struct tmpstore *t = calloc(1, sizeof(*t));
	struct store_txn *txn;

	tmpstore_init(t);
	tmpstore_open(t);
	txn = tmpstore_write(t, STORE_SERVED);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct domain d = tmpstore_domain(rows[i].name, NOW - rows[i].due);

		d.generation = rows[i].life ? 1 : 0;
		d.failures = rows[i].failures;
		d.not_after = rows[i].life ? NOW + rows[i].left : 0;
		d.not_before = d.not_after - rows[i].life;
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	tmpstore_commit(txn);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	tmpstore_done(*state);
	free(*state);
	return 0;
}

static void
the_order(void **state)
{
	static const struct {
		enum domain_lane lane;
		size_t room;
		const char *order;
	} cases[] = {
		{LANE_RENEW, 1, "egdac"},  {LANE_RENEW, 4, "egdac"},
		{LANE_RENEW, 5, "acdeg"}, /* room for all: as they come */
		{LANE_RENEW, 64, "acdeg"}, {LANE_FIRST, 1, "bf"},
		{LANE_FIRST, 2, "bf"},     {LANE_RETRY, 1, "yx"},
		{LANE_RETRY, 2, "xy"},     {LANE_FAILING, 1, "z"},
	};
	static struct hostname names[DUE_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_txn *txn = tmpstore_read(*state, STORE_SERVED);
		char order[16] = "";
		size_t count = 0;

		struct domain_queue queue = {"le", cases[i].lane};

		struct due_walk walk = {.count = 0};
		struct due_ask ask = {&queue, NOW, cases[i].room, &walk};

		assert_int_equal(due_read(txn, &ask, names, &count), ERR_OK);
		store_abort(txn);
		for (size_t k = 0; k < count && k < sizeof(order) - 1; k++)
			order[k] = names[k].name[0];
		assert_string_equal(order, cases[i].order);
	}
}

static void
as_many_as_there_is_room_for(void **state)
{
	static struct hostname names[DUE_MAX];
	struct domain_queue queue = {"le", LANE_FIRST};
	struct due_walk walk = {.count = 0};
	struct due_ask ask = {&queue, NOW, 1, &walk};
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	size_t count = 0;
	char name[32];

	for (int i = 0; i < DUE_MAX + 50; i++) {
		struct domain d;

		snprintf(name, sizeof(name), "n%d.example", i);
		d = tmpstore_domain(name, NOW - DAY);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	assert_int_equal(due_read(txn, &ask, names, &count), ERR_OK);
	assert_int_equal(count, DUE_LOOK);
	ask.room = 500;
	assert_int_equal(due_read(txn, &ask, names, &count), ERR_OK);
	assert_int_equal(count, 500 + DUE_DAMAGED);
	ask.room = 5000;
	assert_int_equal(due_read(txn, &ask, names, &count), ERR_OK);
	assert_int_equal(count, DUE_MAX);
	queue.ca = "none";
	assert_int_equal(due_read(txn, &ask, names, &count), ERR_OK);
	assert_int_equal(count, 0);
	store_abort(txn);
}

/* What each lane has of 1,100 starts, one after the other, when so many names wait in it. */
static void
each_lane_has_its_share(void **state)
{
	static const struct {
		size_t wait[LANES];
		size_t had[LANES];
	} cases[] = {
		{{5000, 5000, 5000, 50000}, {500, 300, 200, 100}},
		{{1000, 0, 0, 50000}, {917, 0, 0, 183}}, /* 5 : 1 */
		{{0, 0, 0, 50000}, {0, 0, 0, 1100}},     /* what nobody else uses */
		{{300, 100, 0, 50000}, {300, 100, 0, 700}},
		{{0, 0, 0, 3}, {0, 0, 0, 3}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct due_shares shares = {.now = 0};
		size_t wait[LANES], had[LANES] = {0};
		enum domain_lane lane;

		memcpy(wait, cases[i].wait, sizeof(wait));
		for (int n = 0; n < 1100 && (lane = due_turn(&shares, wait)) != LANES; n++) {
			had[lane]++;
			wait[lane]--;
		}
		for (lane = 0; lane < LANES; lane++)
			assert_in_range(had[lane] + 2, cases[i].had[lane], cases[i].had[lane] + 4);
	}
}

/* A lane that was empty for long has saved nothing up, nor has one that was alone spent it. */
static void
nothing_is_saved_up(void **state)
{
	struct due_shares shares = {.now = 0};
	size_t failing[LANES] = {[LANE_FAILING] = 1}, both[LANES] = {1, 0, 0, 1};
	size_t had[LANES] = {0};

	(void)state;
	for (int i = 0; i < 100000; i++)
		assert_int_equal(due_turn(&shares, failing), LANE_FAILING);
	for (int i = 0; i < 60; i++)
		had[due_turn(&shares, both)]++;
	assert_in_range(had[LANE_FAILING], 9, 11);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(due_turn(&shares, failing), LANE_FAILING);
	assert_int_equal(due_turn(&shares, both), LANE_RENEW);
}

/* As many of one lane as there is room for, with others in work. */
static void
places(void **state)
{
	static const struct {
		size_t most, in_work[LANES], places[LANES];
	} rows_[] = {
		{64, {0}, {64, 48, 32, 8}},
		{64, {64, 0, 0, 0}, {64, 48, 32, 8}}, /* the CA's room is another question */
		{64, {0, 48, 0, 0}, {64, 48, 0, 0}},  /* a quarter is left to renewals */
		{64, {0, 10, 32, 6}, {64, 10, 32, 6}},
		{64, {0, 10, 20, 8}, {64, 20, 30, 8}},
		{8, {0}, {8, 6, 4, 1}},
		{3, {0}, {3, 3, 1, 1}},
		{1, {0}, {1, 1, 1, 1}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows_) / sizeof(rows_[0]); i++)
		for (enum domain_lane lane = 0; lane < LANES; lane++) {
			size_t in_work[LANES];

			memcpy(in_work, rows_[i].in_work, sizeof(in_work));
			while (due_has_place(lane, in_work, rows_[i].most))
				in_work[lane]++;
			assert_int_equal(in_work[lane], rows_[i].places[lane]);
		}
}

/* New names whose orders never end, because their DNS is slow, and some that are tried again take
 * what they may; renewals, of which three come a minute and take a minute each, wait for nobody. */
static void
who_never_ends_starves_no_renewal(void **state)
{
	enum { MOST = 12, MINUTES = 600, COME = 3 };
	struct due_shares shares = {.now = 0};
	size_t in_work[LANES] = {0}, waiting[LANES] = {0, 50000, 5000, 50000}, renewed = 0;

	(void)state;
	for (int minute = 0; minute < MINUTES; minute++) {
		size_t room = MOST, wait[LANES];
		enum domain_lane lane;

		in_work[LANE_RENEW] = 0; /* those have ended */
		waiting[LANE_RENEW] += COME;
		for (lane = 0; lane < LANES; lane++)
			room -= in_work[lane];
		for (; room > 0; room--) {
			for (lane = 0; lane < LANES; lane++)
				wait[lane] = due_has_place(lane, in_work, MOST) ? waiting[lane] : 0;
			lane = due_turn(&shares, wait);
			if (lane == LANES)
				break;
			in_work[lane]++;
			waiting[lane]--;
			renewed += lane == LANE_RENEW;
		}
		assert_int_equal(waiting[LANE_RENEW], 0);
	}
	assert_int_equal(renewed, MINUTES * COME);
	assert_in_range(in_work[LANE_FIRST], 1, MOST - COME);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_order, setup, teardown),
		cmocka_unit_test_setup_teardown(as_many_as_there_is_room_for, setup, teardown),
		cmocka_unit_test(each_lane_has_its_share),
		cmocka_unit_test(nothing_is_saved_up),
		cmocka_unit_test(places),
		cmocka_unit_test(who_never_ends_starves_no_renewal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
