/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/tell/teller.h - the keeper's thread that hands events to programs and web services
 *
 * The log of events is the queue: each target of `on event` has a place in it, kept in the store,
 * and gets what it wants of the events behind that, one after the other. The place moves when an
 * event was taken, so after a kill the last one may come again (its id is the same): at least once.
 * A target that fails is tried again after 1, 2, 4, ... minutes, at most an hour; other targets do
 * not wait for it. Given up, with one `hook.dropped`, is what a program has refused
 * TELLER_EXEC_TRIES times, what a web service has not taken for TELLER_WEB_S, and what the log has
 * dropped meanwhile. `hook.*` about a target itself is not told to it.
 *   exec     TELLER_EXECS at once, TELLER_EXEC_MS each, see daemon/common/hook.h; JSON on stdin
 *   webhook  POST with an HMAC (daemon/tell/teller_json.c), 10 s; 2xx is taken; nothing is followed
 */
#ifndef DAEMON_TELL_TELLER_H
#define DAEMON_TELL_TELLER_H

#include <stdint.h>

#include "base/err.h"

struct conf;
struct notice_queue;
struct store;
struct teller;

enum {
	TELLER_EXECS = 4,
	TELLER_EXEC_MS = 30 * 1000,
	TELLER_EXEC_TRIES = 5,
	TELLER_WEB_S = 24 * 3600,
	TELLER_FIRST_MS = 60 * 1000, /* the first pause */
	TELLER_LONGEST_MS = 3600 * 1000,
	TELLER_TYPES_MAX = 128
};

/* Borrowed until teller_stop(), but for the conf, of which a reference is taken. */
struct teller_config {
	const struct conf *conf;
	struct store *store;
	struct notice_queue *notices;
};

MUST_CHECK enum err teller_start(const struct teller_config *config, struct teller **ret_teller);
void teller_stop(struct teller *teller); /* accepts NULL; waits for the thread */

/* From any thread: */
void teller_set_conf(struct teller *teller, const struct conf *conf);
void teller_wake(struct teller *teller); /* there are new events */

/* Since the keeper started. */
struct teller_state {
	uint64_t taken, failed, dropped; /* events: by their targets; tries; given up */
	uint64_t behind;                 /* ids that the slowest target has before it */
	/* events written, by place in event_types; the last one: types we do not know */
	uint64_t written[TELLER_TYPES_MAX + 1];
};
void teller_look(struct teller *teller, struct teller_state *ret_state);

#endif
