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
 * Errors:    a failed put or del inside a write transaction sticks: store_commit() then aborts and
 *            answers that first error, so a caller may check once, at the commit. A get that fails
 *            does not stick, nor does ERR_NOTFOUND. ERR_FULL: the disk, or the map, which grows
 *            before the next write transaction: try that once more. ERR_WRONGSTATE: a write in a
 *            reading transaction, or a table of the other environment.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct problem;
struct secret;
struct store;
struct store_txn;

enum store_env { STORE_SERVED, STORE_PRIVATE };
enum store_mode {
	STORE_KEEPER, /* both environments, writing; made when missing */
	STORE_FRONT,  /* served/ only, never writes */
	STORE_READER, /* both environments, never writes: checks */
	/* a keeper that crashed again and again: both, nothing is made or upgraded, and what would
	   write to served/ is ERR_CORRUPT */
	STORE_CAREFUL,
};

/* While a change of the master key is under way there are two, and either may be the one that an
 * environment is sealed with: a master key is then the old one with the new one behind it. */
enum { STORE_MASTER_KEY_LEN = 32, STORE_MASTER_PAIR_LEN = 64 };

/* DIR holds served/ (made 0750: the front may be another user of the keeper's group) and private/
 * (0700); refused when one is a symbolic link, another user's, open to others, or on a network file
 * system. MASTER is borrowed. ERR_CRYPTO: MASTER is not the key of this store; ERR_NOTFOUND:
 * STORE_FRONT and nothing there yet; ERR_BUSY: open in this process already; ERR_VERSION: written
 * by a newer certd. STORE_KEEPER upgrades an older format first, after a copy of it to
 * DIR/backup-before-FORMAT. RET_WHY has the sentence for the operator. */
MUST_CHECK enum err store_open(const char *dir, enum store_mode mode, const struct secret *master,
                               struct store **ret_store, struct problem *ret_why);
void store_close(struct store *store);
/* Whether store_open() has upgraded it. */
bool store_was_upgraded(const struct store *store);
/* Whether DIR has a store already (so that a missing master key is an error, not a first start). */
bool store_exists(const char *dir);
/* Lets GROUP into served/ of DIR and nowhere else, so that a front of another user can open it. For
 * root, or the owner when it has that group too. What is not there yet is left out. */
MUST_CHECK enum err store_share(const char *dir, gid_t group, struct problem *ret_why);
/* Takes DIR, made when missing, for this process and the children it forks: before store_open(),
 * held while RET_FD is open in any of them. ERR_BUSY: another certd has it. */
MUST_CHECK enum err store_lock(const char *dir, int *ret_fd, struct problem *ret_why);

/* Whether a record was met that is under a data key which this process cannot open: it has an older
 * master key than the store. Threads: any. */
bool store_is_locked_out(const struct store *store);

MUST_CHECK enum err store_begin_read(struct store *store, enum store_env env,
                                     struct store_txn **ret_txn);
MUST_CHECK enum err store_begin_write(struct store *store, enum store_env env,
                                      struct store_txn **ret_txn);
/* Ends TXN in any case. Durable (fsync) when it answers ERR_OK. */
MUST_CHECK enum err store_commit(struct store_txn *txn);
/* Ends TXN; accepts NULL. The way to end a read transaction. */
void store_abort(struct store_txn *txn);
/* What was done with TXN has come to ERR: commits when that is ERR_OK, else aborts and answers it.
 */
MUST_CHECK enum err store_finish(struct store_txn *txn, enum err err);
/* Between two of many write transactions: the writer's lock is not fair, and who gives it back and
 * asks at once gets it before who waits. Sleeps for 1 ms. */
void store_let_others_write(void);

/* Frees reader slots of dead processes; call each minute and at start. */
MUST_CHECK enum err store_check_readers(struct store *store);

/* ERR_CORRUPT: a file ends before its last page in use, so it was cut, and reading on would end in
 * SIGBUS some day. Looking may end so, too: in a child. */
MUST_CHECK enum err store_check_length(struct store *store);

/* ERR_CORRUPT: LMDB's list of free pages is damaged. Whoever reads is not harmed, but who writes
 * may crash, or write over what is stored. Looking may end so, too: in a child. */
MUST_CHECK enum err store_check_free_list(struct store *store, enum store_env env);

/* ERR_CORRUPT: some page is not what LMDB takes it for: a size or a number in it was flipped. Who
 * reads is not harmed, mostly; who writes there has LMDB write beyond its memory, or over what is
 * stored. ERR_AGAIN: what was looked at is sound, but that is not all after BUDGET_MS, or somebody
 * wrote. All pages that lead to others come before those with records. */
MUST_CHECK enum err store_check_pages(struct store *store, enum store_env env, int budget_ms);

struct store_stat {
	uint64_t used_bytes; /* of both environments' files, free pages apart */
	uint64_t file_bytes; /* with them */
	uint64_t map_bytes;
	uint64_t readers;
};
MUST_CHECK enum err store_stat(struct store *store, struct store_stat *ret_stat);

#endif
