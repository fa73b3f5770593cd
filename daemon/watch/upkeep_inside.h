/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/watch/upkeep_inside.h - what upkeep.c (thread, mailbox), upkeep_damage.c, upkeep_flood.c
 * (unknown names), upkeep_store.c (keys, room, trouble) and upkeep_mend.c (names made anew) share;
 * nobody else includes it. Upkeep's thread only, but for what the mutex guards. */
#ifndef DAEMON_WATCH_UPKEEP_INSIDE_H
#define DAEMON_WATCH_UPKEEP_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/hostname.h"
#include "daemon/common/flood.h"
#include "daemon/common/mailbox.h"
#include "daemon/common/report.h"
#include "daemon/common/status.h"
#include "daemon/watch/upkeep.h"
#include "store/event.h"

enum { SUSPECTS_MAX = 1024, EVENTS_MAX = 32, TOLD_MAX = 4096 };

struct cred_chains;
struct upkeep_flood;

struct upkeep {
	struct upkeep_config config;
	struct cred_chains *chains;
	struct report_reader readers[STATUS_SLOTS];
	struct upkeep_flood *flood;
	struct hostname suspect[SUSPECTS_MAX]; /* taken out of the mailbox */
	int64_t chain_at;                      /* mono ms: a damaged chain is next acted on */
	int64_t chain_hour;                    /* mono hours: names are told since */
	unsigned chain_names;                  /* told in it, for a damaged chain */
	int64_t trouble_at;                    /* mono ms: next try to tell of it */
	enum err told;                         /* the trouble that an event tells of */
	int64_t mend_at;                       /* mono ms: the next scan may begin */
	int64_t mend_wait_ms;                  /* 0: the usual; grows while scans repair nothing */
	bool mend_wanted;
	bool mend_stuck;                /* the scan has met what cannot be repaired */
	bool mend_refused;              /* it ended the keeper, or must not write */
	struct event event[EVENTS_MAX]; /* to be written */
	size_t event_count;
	uint64_t told_name[TOLD_MAX]; /* hashes of names that events have told, see is_told() */
	int64_t ticket_at;            /* mono ms: next look at the ticket keys */
	bool rotating;
	bool reseal_failed; /* told */
	size_t batch;
	int64_t reseal_at; /* mono ms: the next step, whatever wakes us before */
	pthread_t thread;

	unsigned unreadable; /* ticks in a row */
	int64_t note_at;     /* mono ms: served/ is next noted */
	bool lost_told;      /* that it lost most names */

	int64_t removed_done_at; /* mono ms: end of the last walk over tombstones, 0: it goes on */
	struct hostname removed_at; /* how far this walk over them has come; len 0: not begun */
	unsigned removed_halves;    /* of the age that they are kept, while there are too many */

	_Atomic bool room;
	_Atomic bool lost;
	_Atomic bool planned; /* names are due that were not */

	struct mailbox mail; /* its mutex guards what follows */
	struct hostname suspects[SUSPECTS_MAX];
	size_t suspect_count;
	bool lists_suspect;
	bool check_wanted;
	const struct conf *conf; /* a reference */
	enum err untold;         /* trouble there was, not in an event yet */
	int64_t trouble_since;   /* unix seconds */
	struct upkeep_state state;
};

/* upkeep_damage.c */
void upkeep_repair(struct upkeep *u, const struct hostname *name);
/* NAMES were put aside or made anew, and are due. */
void upkeep_count_repaired(struct upkeep *u, uint64_t names);
/* Logs EVENT and writes it with others; a name that is not repaired is told once an hour. */
void upkeep_tell(struct upkeep *u, const struct event *event);
void upkeep_tell_hourly(struct upkeep *u, const struct event *event);
void upkeep_tell_unserved(struct upkeep *u, const struct hostname *name, const char *what);
void upkeep_write_events(struct upkeep *u);

/* upkeep_mend.c: scans if that is wanted and it is time to. */
void upkeep_mend(struct upkeep *u);
/* Tells why nothing is written to served/, when that is so. */
void upkeep_tell_careful(struct upkeep *u);

/* upkeep_removed.c */
void upkeep_forget_removed(struct upkeep *u);

/* upkeep_flood.c */
MUST_CHECK enum err upkeep_flood_new(const struct status *status, struct upkeep_flood **ret_flood);
void upkeep_flood_free(struct upkeep_flood *flood); /* accepts NULL */
void upkeep_watch_flood(struct upkeep *u);

/* upkeep_flood_end.c: ends the row about unknown names and tells so, if it is over NOW. */
struct flood_seen {
	const char (*names)[FLOOD_NAME_MAX + 1]; /* all that were asked for */
	size_t name_count;                       /* 0: they are not all known */
	int64_t heard_at; /* unix seconds: when we have heard of one last, 0: never */
};
bool upkeep_end_flood(struct upkeep *u, const struct flood_seen *seen, int64_t now);

/* upkeep_store.c */
/* Milliseconds until it wants to be called again. */
int64_t upkeep_reseal(struct upkeep *u);
void upkeep_tickets(struct upkeep *u);
void upkeep_watch_room(struct upkeep *u);
void upkeep_tell_trouble(struct upkeep *u);
void upkeep_watch_store(struct upkeep *u);

/* upkeep_mark.c: compares served/ with what was noted of it, tells, and notes it anew; at most once
 * a minute, or NOW. */
void upkeep_note_served(struct upkeep *u, bool now);

#endif
