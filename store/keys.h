/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/keys.h - (inside store/) the data keys of an environment, in its table meta
 *
 * "key.N" is data key N, sealed under a key made from the master key and the environment's id;
 * "current" is the N new records are sealed with. Format 1 had one, "key", under the master itself.
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include <stdint.h>

#include <lmdb.h>

#include "base/err.h"

struct env;
struct secret;
struct store_txn;

/* A new id and the first data key. */
MUST_CHECK enum err keys_make(struct env *env, MDB_txn *mdb, const struct secret *master);
/* Fills ENV->seal and ENV->wrap. ERR_CRYPTO: not this master. */
MUST_CHECK enum err keys_open(struct env *env, MDB_txn *mdb, const struct secret *master);
/* From format 1: the data key under its new name and seal. */
MUST_CHECK enum err keys_upgrade(struct env *env, MDB_txn *mdb, const struct secret *master);
/* A key that another process or an earlier transaction made. ERR_CORRUPT: there is none, or it does
 * not open. */
MUST_CHECK enum err keys_take_up(struct env *env, MDB_txn *mdb, uint16_t key_id);
/* Makes the current key the one records are sealed with in this process. */
MUST_CHECK enum err keys_follow(struct env *env, MDB_txn *mdb);
/* A new data key, current from the commit of TXN on. */
MUST_CHECK enum err keys_add(struct store_txn *txn, uint16_t key_id);
MUST_CHECK enum err keys_current(struct store_txn *txn, uint16_t *ret_key_id);
MUST_CHECK enum err keys_drop(struct store_txn *txn, uint16_t key_id);
/* Seals all data keys under NEW. ERR_CRYPTO: they are neither under OLD nor under NEW. */
MUST_CHECK enum err keys_rewrap(struct store_txn *txn, const struct secret *old_master,
                                const struct secret *new_master);
/* Opens with MASTER from now on; ERR_CRYPTO when it is not the one. */
MUST_CHECK enum err keys_set_master(struct env *env, MDB_txn *mdb, const struct secret *master);

#endif
