/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/backup.h - copies of a store: while it is in use, back again, and without its free pages
 *
 * A backup is a directory with served/ and private/ as in docs/store.md, and a file `complete`
 * that is written last. It is sealed as the store is: worth nothing without the master key, which
 * is not in it. RET_WHY has the sentence for the operator. Pages of LMDB that are damaged may end
 * the process: a store opened as STORE_READER will do, so run store_backup() in a child.
 */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct problem;
struct secret;
struct store;

struct store_copied {
	uint64_t records;
	uint64_t bytes; /* of both data.mdb */
};

/* Copies STORE as it is at one instant into DIR, which is made (0700), or is empty and ours. While
 * it runs, readers and writers go on, and no page is used again: the file grows by what is written
 * meanwhile. STOP (may be NULL) becomes true in another thread: soon ERR_STOPPED. ERR_EXISTS: DIR
 * has something in it; ERR_PERM: a symbolic link or not ours; ERR_FULL. What was made is removed
 * unless it is whole. */
MUST_CHECK enum err store_backup(struct store *store, const char *dir, const _Atomic bool *stop,
                                 struct store_copied *ret_copied, struct problem *ret_why);
/* Copies the backup FROM into DIR, which has no store yet. certd must not run there: ERR_BUSY.
 * ERR_CRYPTO: MASTER is not its key; ERR_CORRUPT: incomplete or damaged. */
MUST_CHECK enum err store_restore(const char *from, const char *dir, const struct secret *master,
                                  struct store_copied *ret_copied, struct problem *ret_why);
/* Writes DIR's files anew without free pages, and puts them in place by rename(). certd must not
 * run there: ERR_BUSY. */
MUST_CHECK enum err store_compact(const char *dir, const struct secret *master,
                                  struct store_copied *ret_copied, struct problem *ret_why);

#endif
