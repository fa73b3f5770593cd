/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/watch/diagnoser_inside.h - what diagnoser.c (thread, mailbox) and diagnoser_look.c (one
 * look, and what becomes of it) and the other diagnoser_*.c share; nobody else includes it. The
 * diagnoser's thread only, but for what the mutex guards. */
#ifndef DAEMON_WATCH_DIAGNOSER_INSIDE_H
#define DAEMON_WATCH_DIAGNOSER_INSIDE_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "daemon/common/mailbox.h"
#include "daemon/common/pool.h"
#include "daemon/conf/conf.h"
#include "daemon/dns/diagnose.h"
#include "daemon/watch/diagnoser.h"
#include "daemon/watch/diagnoser_glance.h"
#include "store/domain.h"
#include "store/event.h"

enum {
	DIAGNOSER_QUEUE = 8,
	DIAGNOSER_PAGE = 128,
	DIAGNOSER_PAGES = 8,       /* of failing names, in a turn */
	DIAGNOSER_PATIENT = 2,     /* looks at once at names whose DNS has not answered */
	DIAGNOSER_BATCH_MS = 5000, /* then those that a glance found worth a look stay due */
	LOOK_PATIENT = UINT64_MAX, /* an id: nobody asks, and DNS has not answered */
};

/* In the pool, then in `asked` or gone. */
struct diagnosing {
	struct pool_task pool; /* first */
	TAILQ_ENTRY(diagnosing) link;
	uint64_t id;             /* of who asks; 0: nobody */
	bool patient;            /* its DNS has not answered */
	const struct conf *conf; /* a reference */
	struct diagnose_question question;
	enum err err;
	struct diagnosis d;
};

TAILQ_HEAD(diagnosings, diagnosing);

struct diagnoser {
	struct store *store;
	struct notice_queue *notices;
	struct issuer *issuer;
	struct clockwatch *clock;
	struct pool *pool;
	struct pool *glances; /* one at a time */
	struct glancing *glance;
	pthread_t thread;
	const struct conf *conf;
	struct diagnosings busy;    /* in the pool */
	uint64_t event;             /* events up to this one were seen */
	struct hostname failing_at; /* how far the failing names were looked through; len 0: none */
	struct hostname moved_at;   /* the same of those that have moved */
	struct hostname kept_at;    /* and of the stored diagnoses */
	struct domain rows[DIAGNOSER_PAGE];
	struct hostname names[DIAGNOSER_PAGE];
	struct event events[DIAGNOSER_PAGE];

	struct mailbox mail;        /* its mutex guards what is below */
	struct diagnosings asks;    /* to be begun: name and id only */
	struct diagnosings answers; /* to be fetched */
	size_t ask_count;
};

/* diagnoser.c: whether NAME is being looked at already, without being asked to; */
bool diagnoser_is_busy(const struct diagnoser *g, const struct hostname *name);
/* how many DNS keeps waiting; */
size_t diagnoser_patient(const struct diagnoser *g);
/* false: there is no room now. */
bool diagnoser_begin(struct diagnoser *g, const struct hostname *name, uint64_t id,
                     enum err *ret_err);

/* diagnoser_walk.c: names whose attempts have failed just now; a page of those that fail; of those
 * that have moved; of the diagnoses kept, which go with the failure. */
void diagnoser_look_at_events(struct diagnoser *g);
void diagnoser_look_at_failing(struct diagnoser *g);
void diagnoser_look_at_moved(struct diagnoser *g);
void diagnoser_look_at_kept(struct diagnoser *g);

/* diagnoser_moved.c: whether names are taken for moved at all; when one that D was found of is, 0:
 * never; */
bool moved_is_on(const struct conf *conf);
int64_t moved_is_at(const struct conf *conf, const struct diagnosis *d);
/* it has, unless it need not lead here to be ordered for; it is back, or that is to be found out by
 * an order: WHY. */
void moved_begin(struct diagnoser *g, const struct diagnosis *d);
void moved_end(struct diagnoser *g, const struct hostname *name, const char *why);

/* diagnoser_look.c */
/* A look at NAME, to be submitted. ERR_NOTFOUND: it is none of ours, and ID is 0. */
MUST_CHECK enum err diagnosing_new(struct diagnoser *g, const struct hostname *name, uint64_t id,
                                   struct diagnosing **ret_task);
void diagnosing_free(struct diagnosing *task); /* accepts NULL */
/* D was found of DOMAIN after BEFORE: since when, how often, when again. */
void diagnosing_go_on(const struct conf *conf, const struct diagnosis *before,
                      const struct domain *domain, struct diagnosis *d);
/* private/: with its event, if it is news. */
MUST_CHECK enum err diagnosing_put(struct store_txn *txn, const struct diagnosis *before,
                                   const struct diagnosis *d);
/* TASK is done: it is stored and told if the name fails, and wakes it if the fault has gone. */
void diagnosing_settle(struct diagnoser *g, const struct diagnosing *task);

#endif
