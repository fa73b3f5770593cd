/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/watch/health_inside.h - what health.c (thread, targets), health_check.c (one check of one
 * server) and health_tell.c (events, the operator's states) share; nobody else includes it. */
#ifndef DAEMON_WATCH_HEALTH_INSIDE_H
#define DAEMON_WATCH_HEALTH_INSIDE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/common/mailbox.h"
#include "daemon/common/servers.h"
#include "daemon/front/bio.h"
#include "daemon/watch/health.h"

struct backend_tls;
struct conf_address;
struct conf_backend;
struct conf_server;
struct health_check;
struct loop;
struct loop_timer;
struct resolver;

/* A server, as this thread sees it. */
struct target {
	const struct conf_backend *backend;
	const struct conf_server *server;
	struct server_slot *slot;
	struct health *health;
	struct health_check *check; /* under way, NULL: none */
	int64_t check_at;           /* mono ms: the next one */
	int64_t lookup_at;          /* the same, of a name */
	int64_t looked_up_at;       /* the last one was asked */
	bool asked;                 /* an answer is to come */
	unsigned turn;              /* which of its addresses is checked next */
	uint32_t good, bad;         /* checks in a row */
	uint32_t seen;              /* of health */
	uint64_t failures;          /* of connections, as seen */
	int64_t mismatch_at;        /* mono ms: the next event about its certificate */
	bool mismatched;            /* told, and not told to be over */
};

struct health {
	struct health_config config;
	const struct conf *conf;
	struct loop *loop;
	struct bio_room room;
	struct backend_tls *tls; /* for the backends of conf */
	struct loop_timer *timer;
	struct resolver *resolver;
	struct target *targets;
	size_t target_count;
	size_t from;      /* who is visited first */
	uint32_t edition; /* of the targets: answers for older ones are dropped */
	unsigned checks;  /* under way */
	bool wants_again; /* conf could not be taken whole */
	pthread_t thread;
	struct mailbox mail;
};

/* health_check.c */
/* FAILURE as failure_of(), 0: it is well. */
typedef void health_check_fn(struct target *target, uint32_t failure);
/* Begins to check TARGET at ADDRESS, with loop and room of HEALTH; FN is called once, from the
 * loop, and frees the check. */
MUST_CHECK enum err health_check_start(struct health *health, struct target *target,
                                       const struct conf_address *address, health_check_fn *fn,
                                       struct health_check **ret_check);
void health_check_free(struct health_check *check); /* accepts NULL */
/* Calls FN when its time is over; CHECK is gone then. */
void health_check_expire(struct health_check *check, int64_t now_ms);

/* health_tell.c */
/* Writes the event that is due of TARGET; false: there is none. */
bool health_tell(struct health *health, struct target *target);
/* The operator's states into the slots of health->conf. */
void health_load_states(struct health *health);

#endif
