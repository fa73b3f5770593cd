/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/watch/warner_inside.h - what warner.c (thread, clock, late names) and warner_walk.c (the
 * walk over time) share; nobody else includes it. The warner's thread only, but for the
 * mailbox. */
#ifndef DAEMON_WATCH_WARNER_INSIDE_H
#define DAEMON_WATCH_WARNER_INSIDE_H

#include <pthread.h>
#include <stdbool.h>

#include "base/buf.h"
#include "daemon/common/mailbox.h"
#include "daemon/conf/conf.h"
#include "daemon/watch/warner.h"
#include "store/domain.h"
#include "store/event.h"
#include "store/late.h"

enum {
	WARNER_BATCH = 64,    /* certificates looked at in one transaction */
	WARNER_LIVES = 48,    /* at most; lengths of life, see warner_walk.c */
	WARNER_LATE_PART = 4, /* cert.renew_late: 1/4 of the life is left */
	WARNER_RANGES_MAX = (CONF_EXPIRY_MAX + 1) * WARNER_LIVES + 1
};

/* One question to the index: certificates of a length of life whose end is HORIZON away. */
struct warner_range {
	enum { WARN_EXPIRED, WARN_LATE, WARN_EXPIRING } kind;
	const struct conf_expiry *step; /* EXPIRING */
	int64_t life;                   /* 0: any */
	int64_t horizon;                /* seconds */
};

/* Where the walk is: it asks about (from, to], and stands in a range behind a certificate. */
struct warner_place {
	int64_t from, to;
	uint32_t range, range_count;
	int64_t row_at;      /* not_after; */
	struct hostname row; /* len 0: at the beginning of the range */
};

struct warner {
	struct store *store;
	struct notice_queue *notices;
	struct clockwatch *clock;
	pthread_t thread;
	const struct conf *conf;
	struct warner_range ranges[WARNER_RANGES_MAX];
	uint32_t range_count;
	struct warner_place place;
	int64_t stored_at; /* mono ms: when the place was */
	struct domain rows[WARNER_BATCH];
	struct event events[WARNER_BATCH]; /* to be told with the place, */
	struct late lates[WARNER_BATCH];   /* and these to be noted */
	size_t event_count, late_count;
	struct hostname late_after; /* how far the list of late names was looked through */
	int64_t clock_stored_ms;    /* mono */

	struct mailbox mail;
};

/* warner_walk.c */
void warner_make_ranges(struct warner *w);
void warner_load_place(struct warner *w, int64_t now);
/* A bounded part of the walk to NOW. True: there is more to do at once. */
bool warner_walk(struct warner *w, int64_t now);
/* Stores the place with the events there are. */
MUST_CHECK enum err warner_store(struct warner *w);

#endif
