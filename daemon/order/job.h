/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/job.h - one name's order in work: the order engine plus what the issuer does for it
 *
 * The issuer moves jobs through its round (daemon/order/issuer.h); the functions here each do one
 * job's part of one transaction. A job's truth is in the store: while it is in work its domain has
 * due_at 0 and its order record exists, so a kill at any point leaves enough to go on from.
 * Threads: the issuer's.
 */
#ifndef DAEMON_ORDER_JOB_H
#define DAEMON_ORDER_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "acme/chain.h"
#include "acme/engine.h"
#include "base/err.h"
#include "base/hostname.h"
#include "base/problem.h"
#include "daemon/order/limits.h"
#include "store/attempt.h"
#include "store/domain.h"
#include "store/domain_due.h"

struct authority;
struct conf;
struct notice;
struct proof;
struct store;
struct store_txn;

enum job_phase {
	JOB_RUN,   /* its wish is to be performed */
	JOB_SENT,  /* a request is under way */
	JOB_WAIT,  /* until wake_at */
	JOB_PROVE, /* its challenges are made visible: daemon/order/prove.h */
	JOB_KEY,   /* its key is being made */
	JOB_LOST,  /* sent newOrder once, its URL is being looked for */
	JOB_CLOSE, /* the attempt has ended and is in served/; its order record and event are not */
	JOB_PROBE, /* stored: at wake_at we look whether it is served */
	JOB_PROBING, /* the look is under way */
	JOB_OVER,    /* to be freed */
};

struct job_ask { /* a request under way; its address is what the client is given */
	struct job *job;
	unsigned id; /* the engine's */
	bool orders; /* newOrder */
	bool out;
};

struct job {
	struct hostname name;
	enum job_phase phase;
	enum domain_lane lane; /* of its name when it began */
	struct authority *ca;
	struct engine *engine;
	struct job_ask asks[ENGINE_AT_ONCE];
	int64_t created_at;     /* unix seconds: of the order */
	int64_t wake_at;        /* mono ms */
	bool pairs;             /* two certificates, of two kinds of key, are wanted */
	bool marked;            /* the domain knows: due_at is 0 */
	bool unsaved;           /* the engine's state is not stored yet */
	bool sought;            /* LOST: part of the search that runs */
	unsigned seeks;         /* LOST: searches that ended early though the CA was not down */
	bool removed;           /* its name was: it is to end without a trace */
	bool left;              /* `problem` is why we stop here, though the engine would go on */
	bool judged;            /* `chain` and `problem` hold the judgement of a DONE order */
	struct chain chain;     /* what is being stored */
	struct problem problem; /* why the attempt failed, kind NONE: it did not */
	struct proof *proof;    /* its challenges, from the first PUBLISH on */
	bool resumed;           /* the order is from an attempt before */
	bool forget_order;      /* at close: the order record goes */
	bool dropped;           /* there is no end to tell, see job_drop() */
	bool moves_on;          /* it failed, and another CA is asked at once */
	bool fresh;             /* it began with an order to be made */
	bool charged;           /* to the CA's budget */
	bool counted;           /* its limits' tokens are taken, or none were due */
	bool blocked;           /* a limit holds it up, `problem` says which */
	enum limits_kind kind;
	bool reached;                    /* newOrder may have reached the CA */
	bool was_ordered, was_finalized; /* the step was told */
	struct attempt attempt;          /* what is told of it */
	unsigned probes;
	struct domain domain; /* as last written */
	UT_hash_handle hh;    /* by name, in the issuer */
};

/* Reads the domain and the stored order; else makes a new engine. ERR_NOTFOUND: no such domain. */
MUST_CHECK enum err job_new(const struct hostname *name, struct authority *ca,
                            const struct conf *conf, struct store *store, struct job **ret_job);
void job_free(struct job *job);

/* Before job_save(): makes the challenges that the engine wishes to be published. */
void job_prepare(struct job *job);
bool job_is_dirty(const struct job *job); /* job_save() has something new */
/* private/: the engine's snapshot, and what is about to be set in DNS; or a limit holds it up. */
MUST_CHECK enum err job_save(struct job *job, struct store_txn *txn);

/* Before job_settle(): judges a DONE order's chain against key, names and clock. */
void job_judge(struct job *job);
void job_saved(struct job *job); /* after the commit */
bool job_has_ended(const struct job *job);
/* served/: marks the domain, publishes challenges, or writes the end of the attempt. ERR_NOTFOUND:
 * the domain was removed meanwhile. JOB does not change before job_settled(). */
MUST_CHECK enum err job_settle(struct job *job, struct store_txn *txn);
/* After the commit; NOTICE is what to tell, its name.len 0 when there is nothing. */
void job_settled(struct job *job, struct notice *ret_notice);
/* served/: the name is not ours to order any more, or (DAMAGED) its record does not open: then the
 * order stays, to be gone on with when it has been made anew. Its challenges go. */
void job_drop(struct job *job, struct store_txn *txn, bool damaged);
/* private/: the order record if it is over, the attempt, and the event. */
MUST_CHECK enum err job_close(struct job *job, struct store_txn *txn);
/* After an answer: tells the steps "ordered" and "finalized" once each; false: there is none. */
bool job_progress(struct job *job, struct notice *ret_notice);

#endif
