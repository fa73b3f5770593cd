/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/event.h - what happened, in order (environment private/)
 *
 * Ids grow by one and are never reused, so a reader resumes behind the last id it saw. A repeat,
 * that is the same type, name and detail within EVENT_FOLD_S of the last one, takes its place: the
 * one row moves to the new id with its count grown, so who follows sees it again, and who reads
 * from the start sees it once. The log is bounded by number, bytes and age: event_put() drops the
 * oldest.
 */
#ifndef STORE_EVENT_H
#define STORE_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"

struct store_txn;

enum {
	EVENT_TYPE_MAX = 47,
	EVENT_DETAIL_MAX = 511,
	EVENT_KEEP = 100000,        /* rows */
	EVENT_BYTES_MAX = 32 << 20, /* of all records */
	EVENT_KEEP_S = 400 * 86400, /* older ones than the newest by this go */
	EVENT_FOLD_S = 24 * 3600,
};

struct event {
	uint64_t id;                       /* set by event_put() */
	int64_t at;                        /* unix seconds; of the last one when count > 1 */
	char type[EVENT_TYPE_MAX + 1];     /* "cert.stored", see docs/control.md */
	char name[HOSTNAME_MAX + 1];       /* "" when no name is concerned */
	char detail[EVENT_DETAIL_MAX + 1]; /* may quote foreign text */
	uint32_t count;                    /* how often, 1 and up; set by event_put() */
	int64_t first_at;                  /* of the first one; set by event_put() */
	int64_t acked_at;  /* an operator has seen it, 0: none has; see event_ack() */
	uint32_t acked_by; /* the operator's uid */
};

MUST_CHECK enum err event_put(struct store_txn *txn, struct event *event);
/* For what comes by the thousand: a repeat is the same type and name, whatever the detail, within
 * EVENT_FOLD_S of the FIRST one. The row takes EVENT's detail, and EVENT's count (0: 1) is added.
 */
MUST_CHECK enum err event_tally(struct store_txn *txn, struct event *event);
/* The row that a tally of TYPE without a name would be added to AT. ERR_NOTFOUND: a new one. */
MUST_CHECK enum err event_tallied(struct store_txn *txn, const char *type, int64_t at,
                                  struct event *ret_event);
/* The operator BY has seen the row ID, AT. It stays where it is, and is so until it is repeated; a
 * tally, which goes on all the time, stays so. ERR_NOTFOUND: there is no such row (any more). */
MUST_CHECK enum err event_ack(struct store_txn *txn, uint64_t id, int64_t at, uint32_t by,
                              struct event *ret_event);
/* Up to LIMIT events with id > AFTER, oldest first. */
MUST_CHECK enum err event_page(struct store_txn *txn, uint64_t after, size_t limit,
                               struct event *events, size_t *ret_count);
/* Up to LIMIT events with id < BEFORE (0: all), the newest first. */
MUST_CHECK enum err event_page_back(struct store_txn *txn, uint64_t before, size_t limit,
                                    struct event *events, size_t *ret_count);
/* The newest id that the log has dropped for its bounds: who stands before it has missed some. */
MUST_CHECK enum err event_dropped(struct store_txn *txn, uint64_t *ret_id);
/* The newest id, 0 when there is none. */
MUST_CHECK enum err event_last(struct store_txn *txn, uint64_t *ret_id);

#endif
