/* SPDX-License-Identifier: Apache-2.0 */
/* A CA moves the windows of all certificates into the next hour (a mass revocation), on a simulated
 * clock: 100,000 names are spread over it and none is late; where the CA is slower than that, the
 * most urgent go first. All in one transaction, which is thrown away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/order/due.h"
#include "daemon/order/plan.h"
#include "store/store.h"
#include "tests/support/tmpstore.h"

enum {
	NOW = 1800000000,
	HOUR = 3600,
	DAY = 86400,
	NAMES = 100000,
	PLACES = 64,
	ORDER_S = 2, /* so long takes an order: 115,200 in an hour */
	DEAD = 2000,
};

struct run {
	struct store_txn *txn;
	struct due_shares shares;
	struct due_walk walks[LANES];
	int64_t now;
	size_t in_work[ORDER_S][LANES]; /* by the second they began in */
	size_t started[LANES];
	size_t in_minute[HOUR / 60 + 1]; /* of LANE_RENEW */
	size_t late;                     /* began after the window */
};

static uint32_t
next_random(void)
{
	static uint64_t seed = 88172645463325252u;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16);
}

static void
start(struct run *r, const struct hostname *name, enum domain_lane lane)
{
	struct domain d;

	assert_int_equal(domain_get(r->txn, name, &d), ERR_OK);
	r->started[lane]++;
	r->in_work[r->now % ORDER_S][lane]++;
	if (lane == LANE_RENEW) {
		r->in_minute[(r->now - NOW) / 60 > HOUR / 60 ? HOUR / 60 : (r->now - NOW) / 60]++;
		r->late += r->now >= NOW + HOUR;
	}
	d.due_at = NOW + 60 * DAY;
	if (lane != LANE_RENEW)
		d.due_at = r->now + DAY;
	assert_int_equal(domain_put(r->txn, &d), ERR_OK);
}

/* A second of the issuer's, as daemon/order/issuer_plan.c does it. */
static void
second(struct run *r)
{
	static struct hostname pages[LANES][DUE_MAX];
	size_t wait[LANES] = {0}, at[LANES] = {0}, count[LANES] = {0}, room = PLACES;

	memset(r->in_work[r->now % ORDER_S], 0, sizeof(r->in_work[0]));
	for (int s = 0; s < ORDER_S; s++)
		for (enum domain_lane lane = 0; lane < LANES; lane++)
			room -= r->in_work[s][lane];
	for (enum domain_lane lane = 0; lane < LANES && room; lane++) {
		struct domain_queue queue = {"le", lane};
		struct due_ask ask = {&queue, r->now, room, &r->walks[lane]};

		assert_int_equal(due_read(r->txn, &ask, pages[lane], &count[lane]), ERR_OK);
	}
	for (; room > 0; room--) {
		size_t active[LANES] = {0};
		enum domain_lane lane;

		for (lane = 0; lane < LANES; lane++)
			for (int s = 0; s < ORDER_S; s++)
				active[lane] += r->in_work[s][lane];
		for (lane = 0; lane < LANES; lane++)
			wait[lane] =
				due_has_place(lane, active, PLACES) ? count[lane] - at[lane] : 0;
		lane = due_turn(&r->shares, wait);
		if (lane == LANES)
			break;
		start(r, &pages[lane][at[lane]++], lane);
	}
}

static void
fill(struct run *r, size_t names, size_t dead)
{
	char name[32];

	for (size_t i = 0; i < names + dead; i++) {
		struct domain d;
		int64_t life = 45 * DAY, left = next_random() % (life - DAY);

		snprintf(name, sizeof(name), "n%zu.example", i);
		d = tmpstore_domain(name, NOW);
		if (i < names) {
			d.generation = 1;
			d.not_after = NOW + DAY + left;
			d.not_before = d.not_after - life;
			d.state = DOMAIN_VALID;
			d.due_at = plan_window_at(NOW, NOW + HOUR,
			                          plan_latest_at(d.not_before, d.not_after) > NOW
			                                  ? NOW + HOUR - 1
			                                  : NOW,
			                          next_random());
		} else {
			d.failures = LANE_RETRIES + 1;
			d.state = DOMAIN_FAILING;
			d.due_at = NOW - DAY;
		}
		assert_int_equal(domain_put(r->txn, &d), ERR_OK);
	}
}

static void
spread_over_the_hour_and_none_late(void **state)
{
	struct run *r = calloc(1, sizeof(*r));
	size_t at_once;

	r->txn = tmpstore_write(*state, STORE_SERVED);
	fill(r, NAMES, DEAD);
	for (r->now = NOW; r->now < NOW + HOUR + 120; r->now++)
		second(r);
	assert_int_equal(r->started[LANE_RENEW], NAMES);
	assert_int_equal(r->started[LANE_FAILING], DEAD); /* who fails has its share, too */
	/* those within a tenth of their life are due at once: some 9 in 100 minus those a day off
	 */
	at_once = r->in_minute[0] + r->in_minute[1] + r->in_minute[2] + r->in_minute[3] +
	          r->in_minute[4];
	assert_in_range(at_once, NAMES / 12, NAMES / 5);
	for (int i = 15; i < HOUR / 60; i++)
		assert_in_range(r->in_minute[i], NAMES / 60 * 3 / 4, NAMES / 60 * 5 / 4);
	assert_int_equal(r->late, 0);
	store_abort(r->txn);
	free(r);
}

/* A CA that is slow: of 10,000 that are due the most urgent are the first ones, wherever in the
 * queue they stand, once all have been looked at; that takes a call for each DUE_STEP of them. */
static void
the_most_urgent_first(void **state)
{
	enum { MANY = 10000, URGENT = 20 };
	struct run *r = calloc(1, sizeof(*r));
	struct domain_queue queue = {"le", LANE_RENEW};
	struct due_ask ask = {&queue, NOW + HOUR, 1, &r->walks[LANE_RENEW]};
	static struct hostname page[DUE_MAX];
	size_t count, wrong = 0;
	char name[32];

	r->txn = tmpstore_write(*state, STORE_SERVED);
	fill(r, MANY, 0);
	for (int i = 0; i < URGENT; i++) { /* among the last in the queue */
		struct domain d;

		snprintf(name, sizeof(name), "urgent%d.example", i);
		d = tmpstore_domain(name, NOW + HOUR - 1);
		d.generation = 1;
		d.state = DOMAIN_VALID;
		d.not_after = NOW + HOUR + 100 + i * 3900;
		d.not_before = d.not_after - 45 * DAY;
		assert_int_equal(domain_put(r->txn, &d), ERR_OK);
	}
	for (int i = 0; i < MANY / DUE_STEP + 1; i++)
		assert_int_equal(due_read(r->txn, &ask, page, &count), ERR_OK);
	for (int i = 0; i < URGENT; i++) {
		assert_int_equal(due_read(r->txn, &ask, page, &count), ERR_OK);
		assert_int_equal(count, DUE_LOOK);
		snprintf(name, sizeof(name), "urgent%d.example", i);
		assert_string_equal(page[0].name, name);
		r->now = ask.now;
		start(r, &page[0], LANE_FAILING); /* it is gone from the queue */
	}
	for (size_t i = 1; i < DUE_URGENT; i++) {
		struct domain a, b;

		assert_int_equal(domain_get(r->txn, &page[i - 1], &a), ERR_OK);
		assert_int_equal(domain_get(r->txn, &page[i], &b), ERR_OK);
		wrong += plan_life_left(a.not_before, a.not_after, ask.now) >
		         plan_life_left(b.not_before, b.not_after, ask.now);
	}
	assert_int_equal(wrong, 0);
	store_abort(r->txn);
	free(r);
}

static int
setup(void **state)
{
	struct tmpstore *t = calloc(1, sizeof(*t));

	tmpstore_init(t);
	tmpstore_open(t);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(spread_over_the_hour_and_none_late, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(the_most_urgent_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
