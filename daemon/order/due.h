/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/due.h - whose turn it is, when more names are due than their CA has room for
 *
 * Each lane (store/domain_due.h) has its share of a CA's starts, by weight; what a lane does not
 * use goes to the others, and none saves up for later. So 50,000 names that fail again and again
 * take one start in eleven from those that renew, not all of them.
 * Within a lane whoever has the least of its certificate's life left goes first; a name without a
 * certificate stands at a fifth: behind what is about to expire. The index gives the names that are
 * due longest; behind these, when more are due than can be started, a walk goes through all of the
 * lane again and again and keeps the most urgent it has met. What waits comes nearer to its end,
 * and nobody is passed over for good. Threads: the issuer's.
 */
#ifndef DAEMON_ORDER_DUE_H
#define DAEMON_ORDER_DUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"
#include "store/domain_due.h"

struct store_txn;

enum {
	DUE_MAX = 1024,   /* names at once */
	DUE_LOOK = 256,   /* compared, at least */
	DUE_DAMAGED = 64, /* beyond ROOM: some may not be startable */
	DUE_STEP = 64,    /* that the walk sees with each call */
	DUE_URGENT = 64,  /* that it keeps */
	DUE_NEW_PERMILLE = 200,
};

/* Zeroed at the beginning. */
struct due_walk {
	struct domain_due_at place;
	struct hostname urgent[DUE_URGENT];
	size_t count;
};

struct due_ask {
	const struct domain_queue *queue;
	int64_t now; /* unix seconds */
	size_t room; /* so many can be started */
	struct due_walk *walk;
};
/* Up to DUE_MAX names that are due, the most urgent first when there is no room for all. */
MUST_CHECK enum err due_read(struct store_txn *txn, const struct due_ask *ask,
                             struct hostname names[DUE_MAX], size_t *ret_count);

/* What the lanes of one CA have had (stride scheduling). All 0 at the beginning. */
struct due_shares {
	uint64_t had[LANES]; /* starts, each as long as the lane's share is small */
	uint64_t now;        /* of the lane whose turn was last: who comes back begins there */
};

/* The lane whose turn it is among those that WAIT, LANES when none does; it is counted as had. */
enum domain_lane due_turn(struct due_shares *shares, const size_t wait[LANES]);
/* Whether one more order of LANE may be in work, when all lanes have MOST together and IN_WORK has
 * those there are: orders of names that fail, or of new ones whose DNS is slow, take long, and must
 * not fill the room of others. Those who fail have an eighth, those who try again half of the
 * places, and all that are no renewals leave a quarter to these. */
bool due_has_place(enum domain_lane lane, const size_t in_work[LANES], size_t most);

#endif
