/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/change_log.h - (inside store/) the revision of each sealed record of served/
 *
 * Tables: change (revision big-endian -> table u8 | key) has the records that are there, gone
 * (revision -> at i64 | table u8 | key) those that were removed, gone-key (table u8 | key ->
 * revision) finds the latter when the key comes back. A record carries its revision in front of it.
 */
#ifndef STORE_CHANGE_LOG_H
#define STORE_CHANGE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"
#include "store/table.h"
#include "store/walk.h"

struct store_txn;

/* Before KEY of TABLE is written or, GONE, removed: its old entry goes, the new one comes. */
MUST_CHECK enum err change_note(struct store_txn *txn, enum table table, struct span key, bool gone,
                                uint64_t *ret_revision);

/* KEY of TABLE is lost and comes anew: what the log still has of it goes. 50 ms for a million. */
MUST_CHECK enum err change_forget(struct store_txn *txn, enum table table, struct span key);
/* SEALED was under a key that is not its own, and is removed: the log has it under its revision,
 * and its own key is gone. */
MUST_CHECK enum err change_lost(struct store_txn *txn, struct span sealed);
/* Whether the record of KEY is the newest that the log has of it. */
bool change_has_newest(struct store_txn *txn, enum table table, struct span key);

/* An entry of change or gone; KEY is the map's. */
struct change_entry {
	uint64_t revision;
	enum table table;
	bool gone;
	int64_t at; /* gone: since */
	struct span key;
};
MUST_CHECK enum err change_entry_read(const struct walk *walk, struct change_entry *ret_entry);
/* Whether ENTRY is the one of the record that is there now. */
bool change_is_current(struct store_txn *txn, const struct change_entry *entry);
/* The highest revision whose tombstone was dropped, 0: none was. */
MUST_CHECK enum err change_horizon(struct store_txn *txn, uint64_t *ret_revision);

#endif
