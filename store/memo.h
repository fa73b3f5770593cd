/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/memo.h - what a thread of the keeper's must know after a restart (environment private/)
 *
 * A few small records under words of their owners: how far a target of events has got, how far the
 * walk for expiring certificates, what the clock last said. Their layout is the owner's.
 */
#ifndef STORE_MEMO_H
#define STORE_MEMO_H

#include <stddef.h>

#include "base/err.h"

struct buf;
struct store_txn;

enum { MEMO_KEY_MAX = 127, MEMO_MAX = 4096 };

/* ERR_INVALID: KEY is empty or too long; ERR_TOOBIG: LEN is. */
MUST_CHECK enum err memo_put(struct store_txn *txn, const char *key, const void *data, size_t len);
/* Appends the record to OUT. ERR_NOTFOUND; ERR_CORRUPT: as good as not found, to be put anew. */
MUST_CHECK enum err memo_get(struct store_txn *txn, const char *key, struct buf *out);
/* ERR_OK also when there is none. */
MUST_CHECK enum err memo_del(struct store_txn *txn, const char *key);
/* The first key behind AFTER that begins with PREFIX. ERR_NOTFOUND: there is none. */
MUST_CHECK enum err memo_next(struct store_txn *txn, const char *prefix, const char *after,
                              char ret_key[MEMO_KEY_MAX + 1]);

#endif
