/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/watch/warner.h - the keeper's thread that tells of time: certificates that end, and the
 * clock
 *
 * Each certificate passes some points in time: what `expiry-events` says (cert.expiring), a quarter
 * of its life left (cert.renew_late), its end (cert.expired). The warner walks over time, from
 * where it has got to (stored) to now, and asks the expiry index for the certificates whose points
 * lie between. A point that is a part of a life depends on how long that is, so the index is asked
 * for each of some lengths (which lives are rounded down to): no scan, whatever the number of
 * names. What was passed while certd was off is told afterwards, of each certificate the last point
 * only. Events and the place of the walk are one transaction, so each point is told once. While the
 * clock is suspect (daemon/watch/clockwatch.h) the walk stands still.
 */
#ifndef DAEMON_WATCH_WARNER_H
#define DAEMON_WATCH_WARNER_H

#include <stdint.h>

#include "base/err.h"

struct clockwatch;
struct conf;
struct notice_queue;
struct store;
struct warner;

/* Borrowed until warner_stop(), but for the conf, of which a reference is taken. */
struct warner_config {
	const struct conf *conf;
	struct store *store;
	struct notice_queue *notices;
	struct clockwatch *clock;
};

/* The time that the warner has stored last, for clockwatch_new(); 0: none. */
int64_t warner_stored_time(struct store *store);
MUST_CHECK enum err warner_start(const struct warner_config *config, struct warner **ret_warner);
void warner_stop(struct warner *warner); /* accepts NULL; waits for the thread */
/* From any thread: takes a reference. */
void warner_set_conf(struct warner *warner, const struct conf *conf);

#endif
