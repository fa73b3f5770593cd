/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/import_inside.h - what import.c (threads and queues), import_job.c (one job) and
 * import_store.c (its transactions) share; nobody else includes it */
#ifndef DAEMON_CONTROL_IMPORT_INSIDE_H
#define DAEMON_CONTROL_IMPORT_INSIDE_H

#include <pthread.h>

#include "acme/bundle.h"
#include "base/hostname.h"
#include "base/problem.h"
#include "daemon/control/import.h"

/* A certificate of a job. */
struct import_cert {
	struct bundle bundle;
	const char *given; /* the request's "name", may be NULL */
	bool refused;
	bool is_rsa;
	uint64_t pooled; /* generation in the pool, when the transaction has put it there */
	struct problem why;
};

/* One of its names on its way into the store. */
struct import_name {
	struct import_cert *cert;
	struct hostname name;
	const char *change; /* "created", "updated", "unchanged" */
	const char *detail; /* why it is unchanged, or not taken; may be NULL */
	enum err err;
};

/* Where a pool's certificates go. */
struct import_place {
	struct store *store;
	struct upkeep *upkeep;
	_Atomic bool stop; /* no transaction begins any more */
	/* Held around a transaction: of all threads one contends with the rest of certd. */
	pthread_mutex_t served, private;
};

/* import_job.c */
void import_run(struct import_place *place, struct bundle_judge *judge, struct import_job *job);

/* import_store.c: COUNT names, in any order: sorted and put in one transaction, then their events.
 * When the store refuses, each name has its error. */
void import_put(struct import_place *place, struct import_job *job, struct import_name **names,
                size_t count);

#endif
