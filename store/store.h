/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/store.h - two LMDB environments and their transactions
 *
 * served/  domains, certificates, challenges: what the front needs. The keeper writes, the front
 *          opens it read-only; a commit here is what makes a thing true for every worker.
 * private/ accounts, orders, events: the keeper's own.
 * Records are sealed (store/seal.h); the tables (store/domain.h, ...) are the only way to them.
 *
 * Threads:   a struct store is opened after fork(), once per process, and may be used by all its
 *            threads; a transaction belongs to the thread that began it.
 * Lifetimes: read transactions last one lookup and are reused inside; write transactions touch no
 *            network. Bytes of the map never leave store/.
 * Errors:    a failed operation inside a write transaction sticks: store_commit() then aborts and
 *            answers that first error, so a caller may check once, at the commit.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct problem;
struct secret;
struct store;
struct store_txn;

enum store_env { STORE_SERVED, STORE_PRIVATE };
enum store_mode {
	STORE_KEEPER, /* both environments, writing; made when missing */
	STORE_FRONT,  /* served/ only, never writes */
};

enum { STORE_MASTER_KEY_LEN = 32 };

/* DIR holds served/ and private/ (made 0700, refused when it is a symbolic link, another user's, open
 * to others, or on NFS). MASTER is copied. ERR_CRYPTO: MASTER is not the key of this store;
 * ERR_NOTFOUND: STORE_FRONT and nothing there yet. RET_WHY has the sentence for the operator. */
MUST_CHECK enum err store_open(const char *dir, enum store_mode mode, const struct secret *master,
                               struct store **ret_store, struct problem *ret_why);
void store_close(struct store *store);
/* Whether DIR has a store already (so that a missing master key is an error, not a first start). */
bool store_exists(const char *dir);

MUST_CHECK enum err store_begin_read(struct store *store, enum store_env env,
                                     struct store_txn **ret_txn);
MUST_CHECK enum err store_begin_write(struct store *store, enum store_env env,
                                      struct store_txn **ret_txn);
/* Ends TXN in any case. Durable (fsync) when it answers ERR_OK. */
MUST_CHECK enum err store_commit(struct store_txn *txn);
/* Ends TXN; accepts NULL. The way to end a read transaction. */
void store_abort(struct store_txn *txn);

/* Frees reader slots of dead processes; call each minute and at start. */
MUST_CHECK enum err store_check_readers(struct store *store);

struct store_stat {
	uint64_t used_bytes; /* of both environments' files, free pages apart */
	uint64_t map_bytes;
	uint64_t readers;
};
MUST_CHECK enum err store_stat(struct store *store, struct store_stat *ret_stat);

#endif
