/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/order/issuer_inside.h - what issuer.c (thread, mailbox, plan), issuer_setup.c (start,
 * CAs), issuer_round.c (commits), issuer_net.c (requests), issuer_probe.c and those of
 * issuer_errand.h share; nobody else includes it. Issuer's thread, but for the mailbox. */
#ifndef DAEMON_ORDER_ISSUER_INSIDE_H
#define DAEMON_ORDER_ISSUER_INSIDE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/common/mailbox.h"
#include "daemon/order/authority.h"
#include "daemon/order/errand.h"
#include "daemon/order/issuer.h"
#include "daemon/order/job.h"

struct prover;
struct keymaker;
struct notice;
struct transport;

enum { ISSUER_CAS_MAX = 32, STORE_HOLD_MS = 3000, ISSUER_SLEEP_MAX_MS = 30000 };

struct seen_step {
	struct hostname name;
	const char *word;
};

struct issuer {
	struct store *store;
	struct notice_queue *notices;
	struct transport *transport;
	struct prover *prover;
	struct keymaker *keymaker;
	const struct conf *conf;
	struct suffix *suffix;
	struct authority *cas[ISSUER_CAS_MAX];
	size_t ca_count;
	struct upkeep *upkeep;
	struct clockwatch *clock;
	struct job *jobs; /* uthash by name */
	struct errand_queue *errands;
	struct keymaker *account_keys;    /* owned by authorities */
	TAILQ_HEAD(, errand) revocations; /* in work */
	int64_t store_hold;      /* mono ms: no commits before, because one failed; 0 = none */
	unsigned store_failed;   /* so many times in a row */
	bool store_told;         /* the log and upkeep know */
	int64_t resume_at;       /* mono ms: some name could not be requeued, look again; 0 = no */
	int64_t readers_at;      /* mono ms: next store_check_readers(), and so on */
	struct limit_id expired; /* how far limits have been looked through */
	int64_t sweep_at;        /* mono ms: next issuer_sweep() */
	struct hostname swept;   /* so far has it come */
	bool doubted;            /* the clock was then */
	pthread_t thread;

	struct mailbox mail; /* its mutex guards what is below, too */
	bool kicked[ISSUER_CAS_MAX];
	bool removed; /* names were, since jobs were last compared with the store */
	struct issuer_ca seen[ISSUER_CAS_MAX];
	size_t seen_count;
	struct seen_step *steps; /* of the jobs in work */
	size_t step_count;
};

/* issuer_round.c: false when a commit failed and the rest of the round must wait. */
bool issuer_save(struct issuer *s);
bool issuer_settle(struct issuer *s);
bool issuer_close(struct issuer *s);
/* Writes due_at = now for a name whose job goes away without an end. */
void issuer_requeue(struct issuer *s, const struct hostname *name, bool forget_order);

/* The challenges of a job that goes away in the middle are answered no longer. */
void issuer_withdraw(struct issuer *s, const struct job *job);
/* issuer_failover.c: true when JOB is over already: its CA wants no order for a name that something
 * is wrong with, or that was not looked at (`diagnose require`). */
bool issuer_looks_first(struct issuer *s, struct job *job);
/* issuer_owner.c: the same when the owner of a name has yet to show that it is theirs. */
bool issuer_asks_owner(struct issuer *s, struct job *job);
/* issuer_say.c */
void issuer_say_identities(const struct authority *ca, struct issuer_ca *seen);
/* NOTICE to all names of JOB's order. */
void issuer_tell(struct issuer *s, const struct job *job, const struct notice *notice);

/* issuer_lapse.c: whether JOB is not to begin, as nobody uses its name; what is done instead. */
bool issuer_lapses(struct issuer *s, const struct job *job);
void issuer_lapse(struct issuer *s);

/* issuer_plan.c */
/* Names of CA that are due become jobs, as far as it has room for them. */
void issuer_plan(struct issuer *s, struct authority *ca);
/* Milliseconds until it has something to do there. */
int64_t issuer_plan_ms(struct issuer *s, struct authority *ca);

void issuer_remove_job(struct issuer *s, struct job *job); /* issuer.c */
void issuer_drop_requests(struct job *job); /* what is under way may have reached the CA */

/* issuer_setup.c */
MUST_CHECK enum err issuer_make_parts(struct issuer *s);
void issuer_resume(struct issuer *s);
void issuer_add_ca(struct issuer *s, const struct conf_ca *conf);
void issuer_remove_ca(struct issuer *s, size_t i); /* its jobs must be gone */
/* Takes CONF over. CAs that stay keep their client and their jobs. */
void issuer_take_conf(struct issuer *s, const struct conf *conf);

/* issuer_failover.c */
/* Jobs whose CA is known to be down end, and names that wait for it go to their next CA. */
void issuer_leave(struct issuer *s);
void issuer_pass_on(struct issuer *s);

/* issuer_net.c, issuer_probe.c */
void issuer_take_keys(struct issuer *s);
void issuer_send(struct issuer *s);
void issuer_probe(struct issuer *s);
void issuer_show(struct issuer *s);        /* issuer_show.c */
void issuer_seek_lost(struct issuer *s);   /* issuer_lost.c */
void issuer_sweep(struct issuer *s);       /* issuer_sweep.c: one page of it */
void issuer_end_removed(struct issuer *s); /* issuer_removed.c */

#endif
