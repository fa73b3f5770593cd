/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/due.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/order/plan.h"
#include "store/domain.h"

enum { WEIGHTS_PRODUCT = 30, RENEW_PART = 4 };

enum { TURNS_MAX = DUE_MAX + DUE_STEP + DUE_URGENT };

struct turn {
	struct hostname name;
	int64_t left;   /* of its certificate's life, permille */
	int64_t due_at; /* unix seconds */
};

static int
compare(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	if (x->left != y->left)
		return x->left < y->left ? -1 : 1;
	if (x->due_at != y->due_at)
		return x->due_at < y->due_at ? -1 : 1;
	return strcmp(x->name.name, y->name.name);
}

/* What cannot be read goes with the new ones: its attempt finds that out. False: the name is not
 * due in QUEUE any more. */
static bool
turn_of(struct store_txn *txn, const struct due_ask *ask, const struct hostname *name,
        struct turn *ret_turn)
{
	struct domain d;
	enum err err = domain_get(txn, name, &d);

	*ret_turn = (struct turn){.name = *name, .left = DUE_NEW_PERMILLE};
	if (err)
		return err != ERR_NOTFOUND;
	ret_turn->due_at = d.due_at;
	if (d.generation)
		ret_turn->left = plan_life_left(d.not_before, d.not_after, ask->now);
	return d.due_at > 0 && d.due_at <= ask->now && strcmp(d.ca, ask->queue->ca) == 0 &&
	       domain_lane(&d) == ask->queue->lane;
}

/* The walk's next step, behind those it has kept. */
static enum err
step(struct store_txn *txn, const struct due_ask *ask, struct hostname *names, size_t *ret_count)
{
	struct due_walk *walk = ask->walk;
	size_t count = 0;
	enum err err;

	memcpy(names, walk->urgent, walk->count * sizeof(*names));
	err = domain_due_behind(txn, ask->queue, ask->now, &walk->place, DUE_STEP,
	                        names + walk->count, &count);
	if (count < DUE_STEP)
		walk->place = (struct domain_due_at){.at = 0};
	*ret_count = walk->count + count;
	return err;
}

/* The COUNT of NAMES, and what the walk knows, become the COUNT most urgent of both. */
static enum err
put_in_order(struct store_txn *txn, const struct due_ask *ask, struct hostname *names,
             size_t *count)
{
	static struct turn turns[TURNS_MAX]; /* this thread's only, as the next one */
	static struct hostname more[DUE_STEP + DUE_URGENT];
	size_t turn_count = 0, more_count = 0, most = *count;
	enum err err = step(txn, ask, more, &more_count);

	for (size_t i = 0; i < most + more_count && !err; i++)
		turn_count += turn_of(txn, ask, i < most ? &names[i] : &more[i - most],
		                      &turns[turn_count]);
	qsort(turns, turn_count, sizeof(*turns), compare);
	*count = ask->walk->count = 0;
	for (size_t i = 0; i < turn_count && *count < most; i++) {
		if (i > 0 && hostname_equal(&turns[i].name, &turns[i - 1].name))
			continue; /* both have it */
		names[(*count)++] = turns[i].name;
		if (*count <= DUE_URGENT)
			ask->walk->urgent[ask->walk->count++] = turns[i].name;
	}
	return err;
}

enum err
due_read(struct store_txn *txn, const struct due_ask *ask, struct hostname names[DUE_MAX],
         size_t *ret_count)
{
	size_t limit = ask->room + DUE_DAMAGED;
	enum err err;

	if (limit < DUE_LOOK)
		limit = DUE_LOOK;
	err = domain_due(txn, ask->queue, ask->now, limit < DUE_MAX ? limit : DUE_MAX, names,
	                 ret_count);
	if (!err && *ret_count > ask->room)
		err = put_in_order(txn, ask, names, ret_count);
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

/* One place in RENEW_PART is kept for renewals. */
static size_t
not_for_renewals(size_t most)
{
	return most - most / RENEW_PART;
}

bool
due_has_place(enum domain_lane lane, const size_t in_work[LANES], size_t most)
{
	size_t part = most < lanes[lane].part ? 1 : most / lanes[lane].part, others = 0;

	if (lane == LANE_RENEW)
		return in_work[lane] < part;
	for (enum domain_lane l = 0; l < LANES; l++)
		others += l == LANE_RENEW ? 0 : in_work[l];
	return in_work[lane] < part && others < not_for_renewals(most);
}
