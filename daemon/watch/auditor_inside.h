/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/watch/auditor_inside.h - what auditor.c (thread, walk), auditor_look.c (one name) and
 * auditor_tell.c (events, plans) share; nobody else includes it. The thread's only, but for
 * what the mailbox's mutex guards. */
#ifndef DAEMON_WATCH_AUDITOR_INSIDE_H
#define DAEMON_WATCH_AUDITOR_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hostname.h"
#include "daemon/common/mailbox.h"
#include "daemon/watch/auditor.h"
#include "daemon/watch/auditor_front.h"
#include "store/domain.h"

struct auditor {
	struct auditor_config config; /* but its conf */
	const struct conf *conf;
	struct audit_front *front; /* NULL: there is no TLS listener, or it could not be made */
	pthread_t thread;
	/* the walk */
	struct domain page[AUDITOR_RATE];
	struct hostname after; /* len 0: at the beginning */
	int64_t walk_since;    /* unix seconds */
	int64_t place_stored_ms;
	/* names with faults */
	struct hostname again_after;
	int64_t again_at; /* mono ms */
	/* the clock */
	int64_t base;     /* seconds: the wall clock less the one that only counts */
	int64_t trust_at; /* mono ms */
	/* of this hour */
	int64_t hour_until; /* mono ms */
	unsigned told, renewals;

	struct mailbox mail;
	struct auditor_state state; /* guarded by its mutex */
};

/* What is wrong with a name; WHY has a sentence for each bit. */
struct audit_finding {
	unsigned faults;
	char why[AUDIT_KINDS][AUDIT_WHY_MAX];
};

/* auditor.c: without the thread, for tests, too */
MUST_CHECK enum err auditor_make(const struct auditor_config *config, struct auditor **ret_auditor);
void auditor_free(struct auditor *a);
/* The next AUDITOR_RATE names. False: there are no further ones, the next call begins anew. */
bool auditor_step(struct auditor *a);
/* So that who is killed goes on there. */
void auditor_store_place(struct auditor *a);
/* The next names with faults, as many. */
void auditor_step_faults(struct auditor *a);

/* auditor_look.c: ERR_NOTFOUND: the name is gone. ERR_CORRUPT: it cannot be read; upkeep was told.
 * ERR_AGAIN: it has changed meanwhile. Else nothing was found out. */
MUST_CHECK enum err auditor_look_at(struct auditor *a, const struct hostname *name,
                                    struct audit_finding *ret_finding);

/* auditor_tell.c: writes what is new, or over; FINDING NULL: NAME is gone. */
void auditor_settle(struct auditor *a, const struct hostname *name,
                    const struct audit_finding *finding);

#endif
