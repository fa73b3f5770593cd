/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/meta.h - (inside store/) what an environment says about itself: format, id, upgrade
 *
 * A small plain table of text keys; the data keys in it are sealed, see store/keys.h.
 */
#ifndef STORE_META_H
#define STORE_META_H

#include <stdbool.h>
#include <stdint.h>

#include <lmdb.h>

#include "base/cursor.h"
#include "base/err.h"

struct buf;
struct env;
struct problem;
struct secret;
struct store_txn;

enum { STORE_FORMAT = 4 };

#define META_MARK                                                                                  \
	"served" /* in private/: store/mark.h; not copied, so a copy is believed as it is */

/* Opens ENV's tables and its seal; with CREATE, makes what is missing, or begins the upgrade of an
 * older format, in one transaction. PATH is for the sentence. ERR_NOTFOUND: nothing there yet, or,
 * without CREATE, not upgraded yet; ERR_CRYPTO, ERR_VERSION, ERR_CORRUPT. */
MUST_CHECK enum err meta_open(struct env *env, bool create, const struct secret *master,
                              const char *path, struct problem *ret_why);
/* The format ENV is in, before meta_open(); 0: nothing there. */
MUST_CHECK enum err meta_format(struct env *env, uint32_t *ret_format);

/* Records of meta; the value's bytes live as long as MDB. */
MUST_CHECK enum err meta_get(struct env *env, MDB_txn *mdb, const char *key,
                             struct span *ret_value);
MUST_CHECK enum err meta_put(struct env *env, MDB_txn *mdb, const char *key,
                             const struct buf *value);
/* ERR_OK also when there is none. */
MUST_CHECK enum err meta_del(struct env *env, MDB_txn *mdb, const char *key);

/* Where a pass over all sealed tables has got to, see store/pass.h. */
struct meta_place {
	uint16_t key_id; /* a rotation's: the key to leave */
	uint8_t again;   /* a rotation's: not the first pass */
	uint64_t found;  /* records moved in this pass */
	uint64_t done;   /* records looked at */
	uint8_t table;   /* enum table */
	uint16_t len;    /* of key, behind which to go on; 0: from the table's first */
	unsigned char key[511];
};
/* NAME is "upgrade" or "reseal"; ERR_NOTFOUND when there is none. */
MUST_CHECK enum err meta_place_get(struct store_txn *txn, const char *name,
                                   struct meta_place *ret_place);
MUST_CHECK enum err meta_place_put(struct store_txn *txn, const char *name,
                                   const struct meta_place *place);

#endif
