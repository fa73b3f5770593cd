/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/upgrade.h - (inside store/) a store of an older format becomes one of ours
 *
 * store_open() as the keeper: a copy of everything to STATE/backup-before-N first; then, in each
 * environment, new keys and tables in one transaction (store/meta.h) and the records in batches.
 * Where that was interrupted, the next store_open() goes on. Readers open both kinds of records.
 */
#ifndef STORE_UPGRADE_H
#define STORE_UPGRADE_H

#include "base/cursor.h"
#include "base/err.h"
#include "store/store.h"

struct dir;
struct problem;
struct store;
struct store_txn;

/* With all environments open in LMDB, before meta_open(): makes the copy if one is due. */
MUST_CHECK enum err upgrade_backup(struct store *store, const struct dir *dir,
                                   struct problem *ret_why);
/* After meta_open(): the records. */
MUST_CHECK enum err upgrade_records(struct store *store, enum store_env env, const char *path,
                                    struct problem *ret_why);

/* The tables' own ways to the newest format. */
MUST_CHECK enum err domain_upgrade(struct store_txn *txn, struct span key);
/* Formats 2 and 3: the due index only, which was dropped. */
MUST_CHECK enum err domain_upgrade_due(struct store_txn *txn, struct span key);
MUST_CHECK enum err event_upgrade(struct store_txn *txn, struct span key);

#endif
