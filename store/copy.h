/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/copy.h - (inside store/) an environment's databases, record by record, into a new file
 *
 * LMDB's own copy takes its snapshot when it likes; this one copies the snapshot of a transaction
 * that the caller began, and leaves free pages behind on the way.
 */
#ifndef STORE_COPY_H
#define STORE_COPY_H

#include <stdbool.h>
#include <stddef.h>

#include <lmdb.h>

#include "base/err.h"
#include "store/backup.h"

struct env;
struct problem;

enum { COPY_TABLES_MAX = 32, COPY_WORD_MAX = 31 };

struct copy_tables {
	const _Atomic bool *stop; /* true: give up with ERR_STOPPED; NULL: never */
	size_t count;
	struct {
		char word[COPY_WORD_MAX + 1];
		MDB_dbi dbi;
	} table[COPY_TABLES_MAX];
};

/* The tables ENV has open. */
void copy_tables_open(const struct env *env, struct copy_tables *ret_tables);
/* All databases in MDB's main one, opened in MDB: for an environment nobody else uses. */
MUST_CHECK enum err copy_tables_all(struct env *env, MDB_txn *mdb, struct copy_tables *ret_tables);
/* Makes DIR with a data.mdb of what MDB sees, on the disk when it answers ERR_OK. Adds to COPIED.
 */
MUST_CHECK enum err copy_env(struct env *env, MDB_txn *mdb, const struct copy_tables *tables,
                             const char *dir, struct store_copied *copied, struct problem *why);
/* Removes what copy_env() made, whole or not. */
void copy_remove(const char *dir);

/* Opens DIR, fsyncs it. */
MUST_CHECK enum err copy_sync_dir(const char *dir);

#endif
