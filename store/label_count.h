/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/label_count.h - (inside store/) how many names have a label
 *
 * A counter beside each word of the list `label`, changed with the list's entries. The counter of
 * no label at all says that they are complete: a store from before has none of them until the
 * keeper has opened it.
 */
#ifndef STORE_LABEL_COUNT_H
#define STORE_LABEL_COUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"

struct count_key;
struct index_key;
struct store_txn;

/* Whether KEY of the table `count` is such a counter. */
bool label_count_is(struct span key);
/* ENTRY of any list comes (STEP 1) or goes (-1). */
MUST_CHECK enum err label_count_follow(struct store_txn *txn, const struct index_key *entry,
                                       int64_t step);
/* Counts the whole list, unless that was done: 0.1 s for a million entries of one label. */
MUST_CHECK enum err label_count_make(struct store_txn *txn);

/* What a recount needs to know, and whom to tell. */
struct label_recount {
	bool doubt; /* some entries are wrong or missing: each is looked at */
	/* Names that have the label and lack its entry. */
	uint64_t (*missing)(void *arg, const struct count_key *key);
	void (*differs)(void *arg, struct span key, uint64_t stored, uint64_t counted);
	bool (*go_on)(void *arg); /* false: ERR_AGAIN */
	void *arg;
};
/* Compares all of them with the list, unless the store has none yet: RET_HAS. */
MUST_CHECK enum err label_count_verify(struct store_txn *txn, const struct label_recount *recount,
                                       bool *ret_has);

#endif
