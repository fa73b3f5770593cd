/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/tombstone.h - names that were removed: when, by whom and why (environment served/)
 *
 * Put in the transaction that removes the name, and gone with the one that puts a domain of that
 * name again (domain_put()). Bounded in age and number by the keeper
 * (daemon/watch/upkeep_removed.c). What does not open is as good as none. Threads: any, within a
 * transaction.
 */
#ifndef STORE_TOMBSTONE_H
#define STORE_TOMBSTONE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"

struct store_txn;

enum { TOMBSTONE_BY_MAX = 15, TOMBSTONE_WHY_MAX = 127 };

/* A plain value. */
struct tombstone {
	struct hostname name;
	int64_t removed_at;              /* unix seconds */
	uint32_t uid;                    /* of who asked for it */
	char by[TOMBSTONE_BY_MAX + 1];   /* the verb that did it */
	char why[TOMBSTONE_WHY_MAX + 1]; /* their words, "": none; escaped where it is shown */
};

MUST_CHECK enum err tombstone_put(struct store_txn *txn, const struct tombstone *tombstone);
/* ERR_NOTFOUND: NAME was not removed at FROM_AT (unix seconds; INT64_MIN: ever) or later, as far as
 * is known. */
MUST_CHECK enum err tombstone_find(struct store_txn *txn, const struct hostname *name,
                                   int64_t from_at, struct tombstone *ret_tombstone);
/* ERR_OK also when there is none. */
MUST_CHECK enum err tombstone_del(struct store_txn *txn, const struct hostname *name);
/* Up to LIMIT of them behind AFTER (NULL: from the first), by name; of one that does not open
 * removed_at is INT64_MIN. */
MUST_CHECK enum err tombstone_page(struct store_txn *txn, const struct hostname *after,
                                   size_t limit, struct tombstone *tombstones, size_t *ret_count);
/* The same beginning at FROM, or the first name not before it. */
MUST_CHECK enum err tombstone_page_from(struct store_txn *txn, const struct hostname *from,
                                        size_t limit, struct tombstone *tombstones,
                                        size_t *ret_count);
/* The same backwards: those in front of BEFORE (NULL: the last ones), the nearest first. */
MUST_CHECK enum err tombstone_page_before(struct store_txn *txn, const struct hostname *before,
                                          size_t limit, struct tombstone *tombstones,
                                          size_t *ret_count);
MUST_CHECK enum err tombstone_count(struct store_txn *txn, uint64_t *ret_count);

#endif
