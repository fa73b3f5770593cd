/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/watch/auditor.h - the keeper's thread that looks at all names again and again
 *
 * Of each name: the stored certificate can be read, its key is its own, it covers the name, its
 * chain is in order and complete, its dates are those of the plan and hold by the clock, neither
 * the CA's responder nor its renewal information has called it back; and it is what a client gets,
 * by a handshake in this process through the very code of a worker (daemon/watch/auditor_front.h).
 * What is wrong becomes an event `mismatch.*` once, and `mismatch.healed` when it is over (both
 * stored: store/fault.h). A name whose fault a new certificate ends is made due, once for each
 * fault, AUDITOR_RENEWALS an hour at most; what cannot be read is upkeep's.
 *
 * It goes through all names in their order, AUDITOR_RATE at a time. A round is spread over
 * most of AUDITOR_WALK_S, with no more than AUDITOR_RATE a second, unless `audit` wants it sooner
 * than that allows; and it never takes more than its part of a processor: a million names take 6
 * hours and 7 % of one. AUDITOR_RATE of those with faults are looked at each AUDITOR_AGAIN_MS. A
 * round begins AUDITOR_WALK_S after the one before at the earliest. In each round a name comes to
 * another TLS listener, with a fault open to all of them. The place is stored. AUDITOR_TOLD events
 * an hour bear names, the others are one row for each type. While the clock is suspect
 * (daemon/watch/clockwatch.h) the auditor stands still.
 */
#ifndef DAEMON_WATCH_AUDITOR_H
#define DAEMON_WATCH_AUDITOR_H

#include <stdint.h>

#include "base/err.h"

struct auditor;
struct clockwatch;
struct conf;
struct issuer;
struct notice_queue;
struct store;
struct upkeep;

enum {
	AUDITOR_RATE = 16,
	AUDITOR_AGAIN_MS = 60 * 1000,
	AUDITOR_WALK_S = 600,
	AUDITOR_TOLD = 100,
	AUDITOR_RENEWALS = 100,
};

/* Its bit is on the disk (store/fault.h): new ones at the end. */
enum audit_kind {
	AUDIT_SERVED_DIFFERS,
	AUDIT_NOT_SERVED,
	AUDIT_KEY,
	AUDIT_SAN,
	AUDIT_CHAIN,
	AUDIT_DATES,
	AUDIT_NOT_YET_VALID,
	AUDIT_EXPIRED,
	AUDIT_REVOKED,
	AUDIT_KINDS
};

/* Borrowed until auditor_stop(), but for the conf, of which a reference is taken. */
struct auditor_config {
	const struct conf *conf;
	struct store *store;
	struct notice_queue *notices;
	struct clockwatch *clock;
	struct upkeep *upkeep; /* NULL: nobody is told of what cannot be read */
	struct issuer *issuer; /* NULL: nobody is woken when names become due */
};

MUST_CHECK enum err auditor_start(const struct auditor_config *config,
                                  struct auditor **ret_auditor);
void auditor_stop(struct auditor *auditor); /* accepts NULL; waits for the thread */

/* From any thread: */
/* CONF is the configuration from now on; a reference is taken. */
void auditor_set_conf(struct auditor *auditor, const struct conf *conf);

struct auditor_state {
	uint64_t looked;             /* at names, since the start */
	uint64_t found[AUDIT_KINDS]; /* faults that began, since the start */
	uint64_t renewed;            /* names that were made due */
	int64_t walked_at; /* unix seconds: when a walk ended last, 0: none since the start */
};
void auditor_look(struct auditor *auditor, struct auditor_state *ret_state);
/* "mismatch.key" */
const char *audit_kind_word(enum audit_kind kind);

#endif
