/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/watch/upkeep.h - the keeper's third thread: looks after the store, beside orders and
 * people
 *
 * - Damage: names that workers (daemon/common/report.h), issuer, control or a check have found not
 * to open are looked at once more, put aside (store/quarantine.h), told as `store.corrupt`, and
 * planned anew. For domains whose own record is damaged, and for wrong lists and counters, all
 * names are read (store/mend.h), every MEND_EVERY_MS at most, and ever more seldom, down to once an
 * hour, while that repairs nothing. Each name that is not served is told, but for a damaged chain:
 * some an hour.
 * - Keys: moves records under the newest data key while a rotation runs, a short commit at a time.
 * - Session tickets: a new key every 12 hours (store/ticket.h).
 * - Room: when the disk is nearly full no order begins, so what is in work can still be stored, and
 *   serving never needs room. Ends by itself.
 * - Unknown names: what the workers' tables (daemon/common/flood.h) say becomes one event row a
 * day, `mismatch.sni_unknown`, told again when its count has doubled, or after FLOOD_LATE_MS. It
 * is over (`mismatch.healed`) when nobody has asked for UPKEEP_QUIET_S, or for UPKEEP_KNOWN_S and
 * the names that were asked for, up to four, are here now.
 * - Trouble: commits that fail are told once, and once more when they work again.
 * - Memory: once a minute what the allocator holds but nobody uses goes back to the kernel.
 * A thread of its own because that may read all names.
 */
#ifndef DAEMON_WATCH_UPKEEP_H
#define DAEMON_WATCH_UPKEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct clockwatch;
struct conf;
struct event;
struct hostname;
struct notice_queue;
struct status;
struct store;
struct store_txn;
struct upkeep;

/* Borrowed until upkeep_stop(). */
struct upkeep_config {
	const char *directory; /* the state directory */
	struct store *store;
	struct status *status;
	bool careful; /* STORE is STORE_CAREFUL */
	struct notice_queue *notices;
	const struct conf *conf;  /* upkeep takes a reference of its own */
	struct clockwatch *clock; /* NULL: it is believed */
};

MUST_CHECK enum err upkeep_start(const struct upkeep_config *config, struct upkeep **ret_upkeep);
void upkeep_stop(struct upkeep *upkeep); /* accepts NULL; waits for the thread */

/* From any thread: */
/* What is stored of NAME did not open. Cheap, may be said often. */
void upkeep_suspect(struct upkeep *upkeep, const struct hostname *name);
/* Whether there is room for UPKEEP_ROOM suspects; who has more waits. */
enum { UPKEEP_ROOM = 512 };
bool upkeep_takes_more(struct upkeep *upkeep);
/* Lists or counters do not agree with their names. */
void upkeep_suspect_lists(struct upkeep *upkeep);
/* Whether names were reported that were not looked at since the last call: a check finds them. */
bool upkeep_wants_check(struct upkeep *upkeep);
/* A configuration that is valid from now on. */
void upkeep_take_conf(struct upkeep *upkeep, const struct conf *conf);
/* A rotation has begun. */
void upkeep_wake(struct upkeep *upkeep);
/* Whether names have become due since the last call: the issuer is to be woken. */
bool upkeep_has_planned(struct upkeep *upkeep);
/* Whether served/ takes writes at all: not in a keeper that crashed again and again. */
bool upkeep_writes(const struct upkeep *upkeep);
/* Whether orders may begin. */
bool upkeep_has_room(struct upkeep *upkeep);
/* Whether there is room just now for what is new: it is not to use the reserve up. False: WHY has
 * the sentence, of at most SIZE bytes. */
bool upkeep_takes_new(struct upkeep *upkeep, char *why, size_t size);
/* Whether LMDB has given the store up in this process, as it does when the disk fails at the wrong
 * moment: nothing works any more but to start again. */
bool upkeep_is_lost(struct upkeep *upkeep);
/* A commit of an order's step failed, or went well again. */
void upkeep_commit_failed(struct upkeep *upkeep, enum err err);
void upkeep_commit_worked(struct upkeep *upkeep);

#define UPKEEP_UNKNOWN "mismatch.sni_unknown"
enum { UPKEEP_QUIET_S = 3600, UPKEEP_KNOWN_S = 60 };
/* The row about unknown names AT. ERR_NOTFOUND: there is none, or it is over. TXN is of private/.
 */
MUST_CHECK enum err upkeep_unknown_names(struct store_txn *txn, int64_t at, struct event *ret_row);

/* A new key for session tickets now; with FORGET, the ones out there open no more. Any thread. */
MUST_CHECK enum err upkeep_turn_tickets(struct store *store, bool forget);

struct upkeep_state {
	bool room;              /* as upkeep_has_room() */
	uint64_t free_bytes;    /* of the disk, for us */
	uint64_t reserve_bytes; /* below which no order begins */
	enum err trouble;       /* commits fail with it; ERR_OK: they work */
	uint64_t repaired;      /* names put aside since start */
	uint64_t reports_lost;  /* overwritten before they were read */
	uint64_t reseal_left;   /* records, 0: no rotation */
};
void upkeep_look(struct upkeep *upkeep, struct upkeep_state *ret_state);

#endif
