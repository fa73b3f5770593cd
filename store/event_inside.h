/* SPDX-License-Identifier: Apache-2.0 */
/* store/event_inside.h - what event.c (rows, folding) and event_drop.c (the bounds) share; nobody
 * else includes it. */
#ifndef STORE_EVENT_INSIDE_H
#define STORE_EVENT_INSIDE_H

#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"
#include "store/event.h"
#include "store/table.h"

/* Big-endian, so byte order is the order of time. */
struct event_key {
	uint64_t id;
};
struct span event_key_of(uint64_t id, struct event_key *key);
MUST_CHECK enum err event_id_of(struct span key, uint64_t *ret_id);
/* Decodes the record that was opened last. */
MUST_CHECK enum err event_read(struct store_txn *txn, uint64_t id, struct cursor *in,
                               struct event *e);
/* The key of what points to the row of E's type, name and DETAIL. */
struct span event_fold_key(const struct event *e, const char *detail, uint64_t *hash);

/* A number of the log's, 0 when it was never put: of all records' bytes, for one. */
extern const char event_bytes_key[];
MUST_CHECK enum err event_number(struct store_txn *txn, const char *key, uint64_t *ret_number);
MUST_CHECK enum err event_number_put(struct store_txn *txn, const char *key, uint64_t number);
/* The oldest go: at most a few, so that no put pays for many. BYTES is brought along. */
MUST_CHECK enum err event_drop_oldest(struct store_txn *txn, int64_t now, uint64_t *bytes);

#endif
