/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/order/prove_inside.h - what prove.c (the prover, jobs' steps), prove_challenge.c (a job's
 * challenges and the store), prove_task.c (what runs on threads), prove_clean.c (what is to be
 * removed) and prove_persist.c share; nobody else includes it. */
#ifndef DAEMON_ORDER_PROVE_INSIDE_H
#define DAEMON_ORDER_PROVE_INSIDE_H

#include <stddef.h>

#include "base/problem.h"
#include "daemon/common/pool.h"
#include "daemon/dns/dns.h"
#include "daemon/order/prove.h"
#include "daemon/order/selfcheck.h"
#include "store/challenge.h"
#include "store/presented.h"

enum prove_work { PROVE_PRESENT, PROVE_LOOK, PROVE_CLEAN };

struct prove_persist; /* daemon/order/prove_persist.h */

/* From prove_start() until it is collected it belongs to a pool and is in the prover's list. */
struct prove_task {
	struct pool_task pool;             /* first */
	struct prove_task *next, **before; /* in the prover's list */
	enum prove_work work;
	struct proof_item *item;          /* whose it is, in */
	struct proof *proof;              /* this; NULL: of a job that has gone */
	struct cleaning *cleaning;        /* or whose */
	const struct conf *conf;          /* a reference */
	const struct conf_dns *dns;       /* of it; NULL: the challenge needs none */
	struct challenge challenge;       /* kind, name and token; http-01, tls-alpn-01: all */
	struct presented record;          /* DNS: all but the time */
	struct selfcheck_target listener; /* http-01, tls-alpn-01 */
	struct dns_place *place;          /* DNS: NULL until found; owned */
	struct prove_persist *persist;    /* dns-persist-01; owned */
	/* when it is done: */
	enum err err;
	struct problem why;
};

enum proof_step { PROOF_PRESENT, PROOF_LOOK, PROOF_READY };

struct proof_item {
	struct challenge challenge;
	struct presented record; /* kinds that are not served */
	enum proof_step step;
	struct prove_task *task; /* under way */
	struct dns_place *place;
	struct prove_persist *persist; /* dns-persist-01 */
	int64_t wake_at;               /* mono ms: not before */
	int64_t deadline;              /* mono ms, of PROOF_LOOK */
	unsigned looks;
};

struct proof {
	struct proof_item *items; /* do not move while tasks are under way */
	size_t count;
	bool recorded;
	bool done;              /* the engine knows: what it publishes next comes behind these */
	struct problem problem; /* kind NONE: all is well so far */
};

/* A DNS record that nobody needs any more. */
struct cleaning {
	struct cleaning *next;
	struct presented record;
	struct prove_task *task;
	int64_t wake_at; /* mono ms */
	unsigned tries;
	bool gone; /* from DNS */
};

struct prover {
	struct prover_config config;
	struct pool *near;  /* looks at our own listeners */
	struct pool *hooks; /* programs */
	struct pool *far;   /* other machines */
	struct prove_task *tasks;
	struct cleaning *cleanings;
	int64_t scan_at;         /* mono ms: of private/, for what is to be removed */
	int64_t watch_at;        /* mono ms: of records of dns-persist-01 that end */
	struct hostname watched; /* as far as that has come; len 0: at the start */
	int64_t next;            /* mono ms: see prover_next() */
};

/* Whether the front answers it, or DNS. */
bool item_is_served(const struct proof_item *item);

/* prove_task.c. TASK is filled in but for its list; taken over in any case. ERR_FULL: later. */
MUST_CHECK enum err prove_start(struct prover *p, struct prove_task *task);
struct prove_task *prove_task_new(const struct conf *conf, enum prove_work work);
void prove_task_free(struct prove_task *task); /* also takes it out of the list */
/* Whether something is being done with that DNS record. */
bool prove_is_busy(const struct prover *p, const struct presented *record);

/* prove_clean.c */
void prove_clean(struct prover *p, const struct conf *conf, struct job *jobs);
void prove_cleaned(struct prover *p, struct prove_task *task);
void prove_forget_all(struct prover *p); /* frees the list */

#endif
