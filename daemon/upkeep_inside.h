/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/upkeep_inside.h - what upkeep.c (thread, mailbox), upkeep_damage.c and upkeep_store.c
 * (keys, room, trouble) share; nobody else includes it. Upkeep's thread only, but for what the
 * mutex guards. */
#ifndef DAEMON_UPKEEP_INSIDE_H
#define DAEMON_UPKEEP_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/hostname.h"
#include "daemon/report.h"
#include "daemon/status.h"
#include "daemon/upkeep.h"

enum { SUSPECTS_MAX = 1024 };

struct cred_chains;

struct upkeep {
	struct upkeep_config config;
	struct cred_chains *chains;
	struct report_reader readers[STATUS_SLOTS];
	struct hostname suspect[SUSPECTS_MAX]; /* taken out of the mailbox */
	int64_t chain_at;                      /* mono ms: a damaged chain is next acted on */
	int64_t trouble_at;                    /* mono ms: next try to tell of it */
	enum err told;                         /* the trouble that an event tells of */
	int64_t ticket_at;                     /* mono ms: next look at the ticket keys */
	bool rotating;
	size_t batch;
	pthread_t thread;

	unsigned unreadable; /* ticks in a row */

	_Atomic bool room;
	_Atomic bool lost;
	_Atomic bool planned; /* names are due that were not */

	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t wake;
	bool stop;
	bool woken;
	struct hostname suspects[SUSPECTS_MAX];
	size_t suspect_count;
	enum err untold;       /* trouble there was, not in an event yet */
	int64_t trouble_since; /* unix seconds */
	struct upkeep_state state;
};

/* upkeep_damage.c */
void upkeep_repair(struct upkeep *u, const struct hostname *name);

/* upkeep_store.c */
/* Milliseconds until it wants to be called again. */
int64_t upkeep_reseal(struct upkeep *u);
void upkeep_tickets(struct upkeep *u);
void upkeep_watch_room(struct upkeep *u);
void upkeep_tell_trouble(struct upkeep *u);
void upkeep_watch_store(struct upkeep *u);

#endif
