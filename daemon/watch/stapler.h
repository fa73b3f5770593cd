/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/watch/stapler.h - the keeper's thread that asks OCSP responders
 *
 * It walks the table of answers (store/ocsp.h), STAPLER_LOOK rows a second, and asks for those that
 * are due: STAPLER_ASKING at a time, 10 s each, public addresses only unless the configuration
 * says `ocsp-allow-private`. An answer is judged (acme/ocsp.h) before it is stored. It is asked for
 * again at half of its life; after a failure in 1, 2, 4, ... minutes, at most 6 hours, while the
 * one before is served as long as it holds. Nothing waits for it: a handshake without an answer is
 * a handshake. While our clock is in doubt the table is walked slowly, and failures are not stored.
 */
#ifndef DAEMON_WATCH_STAPLER_H
#define DAEMON_WATCH_STAPLER_H

#include "base/err.h"

struct clockwatch;
struct conf;
struct notice_queue;
struct stapler;
struct store;

enum { STAPLER_LOOK = 256, STAPLER_ASKING = 16 };

/* Borrowed until stapler_stop(); CONF is not kept. */
struct stapler_config {
	const struct conf *conf;
	struct store *store;
	struct notice_queue *notices;
	struct clockwatch *clock;
};

MUST_CHECK enum err stapler_start(const struct stapler_config *config,
                                  struct stapler **ret_stapler);
void stapler_stop(struct stapler *stapler); /* accepts NULL; waits for the thread */
/* From any thread: CONF is the configuration from now on. */
void stapler_set_conf(struct stapler *stapler, const struct conf *conf);

#endif
