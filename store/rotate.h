/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/rotate.h - new keys for a store in use
 *
 * Each environment has a data key, sealed under the master key. A rotation makes the next data key;
 * from then on all writes use it, and store_reseal_step() moves older records over, a bounded batch
 * a call. Both keys open records meanwhile; readers of other processes take the new one up by
 * themselves. The old key is removed when a whole pass has found no record under it. Everything
 * that is needed to go on is in the store: after a crash, call store_reseal_step() again.
 */
#ifndef STORE_ROTATE_H
#define STORE_ROTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct problem;
struct secret;
struct store;

/* Makes new data keys. ERR_BUSY: a rotation is running. After a crash in the middle of it the next
 * store_reseal_step() does the rest. */
MUST_CHECK enum err store_key_rotate_begin(struct store *store);
/* Looks at up to MAX_RECORDS (at most 1,000 are a good size) in one write transaction. RET_LEFT:
 * about how many are to be looked at still, each twice, since a second pass makes sure; 0: no
 * rotation is running (any more). */
MUST_CHECK enum err store_reseal_step(struct store *store, size_t max_records, uint64_t *ret_left);

struct store_rotation {
	bool running;
	uint32_t key_id; /* of the newest data key, from 1 */
	uint64_t left;
};
MUST_CHECK enum err store_rotation(struct store *store, struct store_rotation *ret_rotation);

/* Seals the data keys under NEW: one transaction for each environment, private/ first. A crash in
 * between leaves them under different masters: open the store with both, and call it again with
 * the same two. ERR_CRYPTO: OLD is not the master key. Running processes go on with what they
 * have; start them again before the next rotation begins. STORE itself goes on with NEW. */
MUST_CHECK enum err store_master_change(struct store *store, const struct secret *old_master,
                                        const struct secret *new_master);
/* Another process changed the master key: data keys to come are opened with this one. */
MUST_CHECK enum err store_master_set(struct store *store, const struct secret *master);

#endif
