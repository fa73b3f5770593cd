/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/due_hours.h - how many names are due in each of the next hours (environment served/)
 *
 * Counted in the due index (store/domain_due.h), of which only the part up to then is looked at, in
 * steps: each begins where the one before it ended. What changes between two steps may be counted
 * twice or not at all. Threads: any, within a transaction.
 */
#ifndef STORE_DUE_HOURS_H
#define STORE_DUE_HOURS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct domain_queue;
struct store_txn;

enum { DUE_HOURS = 24, DUE_PLACE_MAX = 511 };

struct due_count {
	int64_t from;              /* unix seconds, the caller's: the first hour begins here */
	uint64_t waiting;          /* due already */
	uint64_t hours[DUE_HOURS]; /* hours[i]: later than I hours behind `from`, up to I + 1 */
};

/* The last entry that was counted; len 0: none. */
struct due_place {
	size_t len;
	unsigned char key[DUE_PLACE_MAX];
};

/* Adds the names of QUEUE behind PLACE to COUNT, up to MOST of them, and moves PLACE. RET_LOOKED
 * less than MOST: that was all of QUEUE. */
MUST_CHECK enum err domain_due_hours(struct store_txn *txn, const struct domain_queue *queue,
                                     struct due_place *place, size_t most, struct due_count *count,
                                     size_t *ret_looked);

#endif
