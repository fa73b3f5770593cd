/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/issuer.h - the thread that gets certificates: plan, orders, network
 *
 * It turns in rounds; each does for all jobs at once what one job needs, so 500 orders cost few
 * commits:
 *   plan    names that are due become jobs, as far as their CA has room
 *   save    private/: snapshots of engines that changed (before anything is sent)
 *   settle  served/:  attempts begun and ended, challenges published, certificates stored
 *   close   private/: ended orders forgotten, events written
 *   send    requests posted, timers set
 *   wait    in transport_run(), the one place where this thread sleeps
 * When a commit fails nothing of that step has happened: the same step is tried again some seconds
 * later, nothing is sent meanwhile, and what is stored is served.
 */
#ifndef DAEMON_ORDER_ISSUER_H
#define DAEMON_ORDER_ISSUER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/problem.h"
#include "store/domain.h"

struct clockwatch;
struct conf;
struct errand;
struct issuer;
struct notice_queue;
struct store;
struct suffix;
struct upkeep;

/* Borrowed until issuer_stop(), but for the conf, of which a reference is taken. */
struct issuer_config {
	const struct conf *conf;
	struct store *store;
	struct notice_queue *notices;
	struct upkeep *upkeep;
	struct clockwatch *clock;
};

MUST_CHECK enum err issuer_start(const struct issuer_config *config, struct issuer **ret_issuer);
void issuer_stop(struct issuer *issuer); /* accepts NULL; waits for the thread */

/* From any thread: */
void issuer_wake(struct issuer *issuer); /* the due index has changed */
/* Names were removed: their orders end. */
void issuer_forget_removed(struct issuer *issuer);
/* An operator asks for names of this CA now: a hold on it ends. */
void issuer_kick(struct issuer *issuer, const char *ca);
void issuer_set_conf(struct issuer *issuer, const struct conf *conf); /* takes a reference */

/* Takes ERRAND over; its answer comes by issuer_errand(), after a wake-up of the notices' reader.
 */
void issuer_ask(struct issuer *issuer, struct errand *errand);
/* The next one that has its answer, now the caller's; NULL: none. */
struct errand *issuer_errand(struct issuer *issuer);

/* The state of NAME's order, a static word; NULL when none is in work. */
const char *issuer_step(struct issuer *issuer, const struct hostname *name);

/* failover_usable_fns of the issuer's own thread; ARG is the struct issuer. */
bool issuer_is_usable(void *arg, const char *ca);
bool issuer_has_ca(void *arg, const char *ca);
/* NULL: there is no list of public suffixes. */
const struct suffix *issuer_suffix(const struct issuer *issuer);

/* How a CA is doing, for people. */
struct issuer_ca {
	char name[NAME_WORD_MAX + 1];
	char state[16];     /* "ready", "new", "on hold", ... */
	size_t orders;      /* in work */
	uint64_t succeeded; /* orders that have ended since the keeper started */
	uint64_t failed;
	int64_t hold_until;     /* unix seconds, 0 = none */
	char identities[256];   /* what a CAA record must name, a space between; "": not known */
	struct problem problem; /* why it is on hold */
};
/* Copies up to MAX of them; answers how many. */
size_t issuer_cas(struct issuer *issuer, struct issuer_ca *cas, size_t max);

#endif
