/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/due.h"

#include <stdlib.h>

#include "daemon/plan.h"
#include "store/domain.h"

enum { WEIGHTS_PRODUCT = 30 };

struct turn {
	int64_t left; /* of its certificate's life, permille */
	size_t place; /* in the page */
};

static int
compare(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	if (x->left != y->left)
		return x->left < y->left ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* What cannot be read goes with the new ones: its attempt finds that out. */
static int64_t
left_of(struct store_txn *txn, const struct hostname *name, int64_t now)
{
	struct domain d;

	if (domain_get(txn, name, &d) || !d.generation)
		return DUE_NEW_PERMILLE;
	return plan_life_left(d.not_before, d.not_after, now);
}

static void
put_in_order(struct store_txn *txn, int64_t now, struct hostname *names, size_t count)
{
	static struct turn turns[DUE_MAX]; /* this thread's only, as the next one */
	static struct hostname sorted[DUE_MAX];

	for (size_t i = 0; i < count; i++)
		turns[i] = (struct turn){left_of(txn, &names[i], now), i};
	qsort(turns, count, sizeof(*turns), compare);
	for (size_t i = 0; i < count; i++)
		sorted[i] = names[turns[i].place];
	for (size_t i = 0; i < count; i++)
		names[i] = sorted[i];
}

enum err
due_read(struct store_txn *txn, const struct domain_queue *queue, int64_t now, size_t room,
         struct hostname names[DUE_MAX], size_t *ret_count)
{
	size_t limit = room + DUE_DAMAGED;
	enum err err;

	if (limit < DUE_LOOK)
		limit = DUE_LOOK;
	err = domain_due(txn, queue, now, limit < DUE_MAX ? limit : DUE_MAX, names, ret_count);
	if (!err && *ret_count > room)
		put_in_order(txn, now, names, *ret_count);
	return err;
}

/* Of the starts, and of the places that may be taken at once. */
static const struct {
	uint64_t stride; /* WEIGHTS_PRODUCT / weight */
	size_t part;     /* of the places: one in so many */
} lanes[LANES] = {
	[LANE_RENEW] = {WEIGHTS_PRODUCT / 5, 1},
	[LANE_FIRST] = {WEIGHTS_PRODUCT / 3, 1},
	[LANE_RETRY] = {WEIGHTS_PRODUCT / 2, 2},
	[LANE_FAILING] = {WEIGHTS_PRODUCT / 1, 8},
};

enum domain_lane
due_turn(struct due_shares *s, const size_t wait[LANES])
{
	enum domain_lane turn = LANES;

	for (enum domain_lane lane = 0; lane < LANES; lane++) {
		if (wait[lane] == 0)
			continue;
		if (s->had[lane] < s->now)
			s->had[lane] = s->now;
		if (turn == LANES || s->had[lane] < s->had[turn])
			turn = lane;
	}
	if (turn != LANES) {
		s->now = s->had[turn];
		s->had[turn] += lanes[turn].stride;
	}
	return turn;
}

size_t
due_places(enum domain_lane lane, size_t most)
{
	return most < lanes[lane].part ? 1 : most / lanes[lane].part;
}
