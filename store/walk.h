/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/walk.h - (inside store/) the records of a table in key order
 */
#ifndef STORE_WALK_H
#define STORE_WALK_H

#include <stdbool.h>

#include <lmdb.h>

#include "base/cursor.h"
#include "base/err.h"
#include "store/table.h"

struct hostname;
struct store_txn;

/* KEY and VALUE are the map's own bytes: copy before writing. Open, then walk_close() in
 * any case. */
struct walk {
	struct store_txn *txn;
	enum table table;
	MDB_cursor *at; /* NULL before walk_open() and after walk_close() */
	struct span key;
	struct span value;
};
MUST_CHECK enum err walk_open(struct walk *walk, struct store_txn *txn, enum table table);
void walk_close(struct walk *walk);
/* Each answers ERR_NOTFOUND when there is no such record. walk_seek(): the first one not before
 * KEY. */
MUST_CHECK enum err walk_seek(struct walk *walk, struct span key);
MUST_CHECK enum err walk_first(struct walk *walk);
MUST_CHECK enum err walk_next(struct walk *walk);
MUST_CHECK enum err walk_prev(struct walk *walk);
MUST_CHECK enum err walk_last(struct walk *walk);
/* To the first record behind NAME, or the first of all when NAME is NULL. */
MUST_CHECK enum err walk_behind(struct walk *walk, const struct hostname *name);
/* Up to LIMIT names behind AFTER (NULL: from the first on) that are keys of TABLE. */
MUST_CHECK enum err walk_names(struct store_txn *txn, enum table table,
                               const struct hostname *after, size_t limit, struct hostname *names,
                               size_t *ret_count);
/* To the last record in front of KEY, or the last of all when KEY.len is 0. */
MUST_CHECK enum err walk_before(struct walk *walk, struct span key);
/* To exactly KEY, also where keys are out of order and a search misses it: then all are looked at,
 * 50 ms for a million. */
MUST_CHECK enum err walk_find(struct walk *walk, struct span key);
/* To a record of KEY that does not open: a flipped key may be another one's, too. */
MUST_CHECK enum err walk_find_damaged(struct walk *walk, struct span key);
/* Whether the record under the walk has the key of the one before it, which is to be kept by the
 * caller in LAST, at first zeroed: keys are unique but for damage. */
struct walk_last {
	size_t len;
	unsigned char key[TABLE_KEY_MAX];
};
bool walk_is_double(const struct walk *walk, struct walk_last *last);
/* As table_get(), of the record the walk stands at. */
MUST_CHECK enum err walk_read(struct walk *walk, struct cursor *ret_in);
/* Removes the record; walk_next() goes on behind it. */
MUST_CHECK enum err walk_del(struct walk *walk);
/* The same without a word in the log of changes: the key is none of ours. */
MUST_CHECK enum err walk_drop(struct walk *walk);
/* Whether LMDB has given a VALUE of TXN's that is as long as it says: a flip in its length would
 * have us read beyond the file, which ends in SIGBUS. */
bool value_is_sound(const struct store_txn *txn, struct span value);
bool value_fits(size_t page_size, struct span value); /* the same, without a store */
/* Whether LMDB's page under the walk is what it says: its records fill it, none reaches beyond.
 * When not, a size in it was flipped, and a removal would move other records' bytes. In a reading
 * transaction only: a writer's pages are elsewhere. */
bool walk_page_is_sound(const struct walk *walk);
/* The same of the record of KEY as it was before TXN, which may write: ERR_IO when it is not,
 * ERR_OK also when there is none. To be asked before a damaged record is removed. */
MUST_CHECK enum err table_page_check(struct store_txn *txn, enum table table, struct span key);

#endif
