/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/watch/renewer.h - the keeper's thread that asks CAs when certificates are to be renewed
 *
 * Each second it looks for certificates that are due in the index of store/renewal.h, at most
 * RENEWER_LOOK in all, and asks their CAs (RFC 9773 4.1: an unsigned GET), RENEWER_ASKING side by
 * side, divided among the CAs; the answers of a second are stored in one commit. So a million
 * certificates at the usual 6 hours are 46 questions a second, and the rate never exceeds
 * RENEWER_LOOK, whatever CAs ask for: all are asked once in 65 minutes at the earliest. Nothing is
 * held but that page and what is on its way.
 *
 * A CA that does not answer is left alone for 20 s up to 10 minutes, then one question tries; after
 * 9 hours its certificates go back to the usual plan. One without renewalInfo in its directory is
 * looked at again each day. While the clock is suspect (daemon/watch/clockwatch.h) no answer
 * changes a plan.
 */
#ifndef DAEMON_WATCH_RENEWER_H
#define DAEMON_WATCH_RENEWER_H

#include "base/err.h"

struct clockwatch;
struct conf;
struct issuer;
struct notice_queue;
struct renewer;
struct store;

enum { RENEWER_LOOK = 256, RENEWER_ASKING = 16, RENEWER_SWEEP = 128 };

/* Borrowed until renewer_stop(), but for the conf, of which a reference is taken. */
struct renewer_config {
	const struct conf *conf;
	struct store *store;
	struct notice_queue *notices;
	struct clockwatch *clock;
	struct issuer *issuer; /* woken when plans change; NULL: nobody */
};

MUST_CHECK enum err renewer_start(const struct renewer_config *config,
                                  struct renewer **ret_renewer);
void renewer_stop(struct renewer *renewer); /* accepts NULL; waits for the thread */
/* From any thread: CONF is the configuration from now on; a reference is taken. */
void renewer_set_conf(struct renewer *renewer, const struct conf *conf);

#endif
