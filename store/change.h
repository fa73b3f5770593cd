/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/change.h - what changed in served/, in order: the seam for several nodes
 *
 * Every put or del of a sealed record of served/ gets the next revision. Each key is in the log
 * once, with its newest revision, so the log is as long as the store and a reader that starts at 0
 * gets all of it. Removed keys stay as tombstones, CHANGE_GONE_KEEP at most and for
 * CHANGE_GONE_S; who is further behind starts again at 0 and removes what it did not see.
 * A receiver applies pages in order, each in one transaction; until it has caught up, a certificate
 * and its domain may be of different generations there, and cert_get_for() refuses them.
 */
#ifndef STORE_CHANGE_H
#define STORE_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct store_txn;

enum {
	CHANGE_KEY_MAX = 511,
	CHANGE_GONE_KEEP = 100000,
	CHANGE_GONE_S = 90 * 86400,
	CHANGE_TABLE_MAX = 15,
};

struct change {
	uint64_t revision;                /* of the store it was read from */
	char table[CHANGE_TABLE_MAX + 1]; /* "domain", "cert", "chain", "challenge-http", ... */
	bool gone;                        /* removed: no record */
	uint8_t format;                   /* of the record's layout, see docs/store.md */
	size_t key_len;
	unsigned char key[CHANGE_KEY_MAX];
	struct buf record; /* plain: certificates have their private key in it; wiped */
};

void change_init(struct change *change);
void change_done(struct change *change);

/* The newest revision, 0 when nothing ever changed. */
MUST_CHECK enum err change_last(struct store_txn *txn, uint64_t *ret_revision);
/* Up to LIMIT changes with a revision above AFTER, in order. CHANGES have been through
 * change_init(); what they held is released. A record that does not open is left out. ERR_NOTFOUND:
 * tombstones above AFTER are gone already. */
MUST_CHECK enum err change_page(struct store_txn *txn, uint64_t after, size_t limit,
                                struct change *changes, size_t *ret_count);
/* Makes CHANGE true here, with indexes and counters, under a revision of this store. ERR_INVALID:
 * it makes no sense; ERR_VERSION: its layout is newer than this program. Idempotent. */
MUST_CHECK enum err change_apply(struct store_txn *txn, const struct change *change);

#endif
