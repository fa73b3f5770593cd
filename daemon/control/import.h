/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/control/import.h - certificates that others have got, taken into the store
 *
 * Judging a certificate costs a signature and more, so it is done by a few threads of the keeper,
 * made at the first import; they also write to the store, up to IMPORT_COMMIT_NAMES names a
 * transaction, in the order of their keys. The control thread only passes jobs on and answers.
 * All names of a certificate are in one transaction: nothing is half imported. Without room on the
 * disk (upkeep_takes_new()) nothing is taken, and each name that is not stored already says so.
 * Threads: import_submit(), import_take() and the job's client belong to the control thread.
 */
#ifndef DAEMON_CONTROL_IMPORT_H
#define DAEMON_CONTROL_IMPORT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/problem.h"
#include "store/domain.h"

struct control_client;
struct import_pool;
struct store;
struct upkeep;

enum { IMPORT_CERTS_MAX = 1000, IMPORT_COMMIT_NAMES = 1000 };

struct import_job {
	struct import_job *next;
	struct control_client *client; /* NULL: it is gone */
	cJSON *certs;                  /* owned, has keys */
	char ca[NAME_WORD_MAX + 1];    /* for names that are new; "": they are external */
	char cas[DOMAIN_CAS_TEXT_MAX + 1];
	char backend[NAME_WORD_MAX + 1];
	bool replace; /* also what is newer */
	bool dry_run;
	char no_room[PROBLEM_DETAIL_MAX]; /* why nothing is taken, "" = it is */
	bool stopped;                     /* the pool ended before this job began */
	/* when it is done: */
	struct buf reply; /* lines */
	unsigned seen;    /* as for msg_exit_combine() */
};

/* Borrowed until import_pool_end(). */
struct import_config {
	struct store *store;
	struct upkeep *upkeep;
	void (*wake)(void *arg); /* from an import thread, when a job is done */
	void *arg;
};
MUST_CHECK enum err import_pool_new(const struct import_config *config,
                                    struct import_pool **ret_pool);
/* Waits for the threads, which do no more than the transaction they are in; all jobs can be taken
 * then, also those that did not begin. */
void import_pool_end(struct import_pool *pool);
void import_pool_free(struct import_pool *pool); /* accepts NULL */
/* Takes JOB over until import_take() gives it back. */
void import_submit(struct import_pool *pool, struct import_job *job);
/* A job that is done, or NULL. */
struct import_job *import_take(struct import_pool *pool);
void import_job_free(struct import_job *job); /* accepts NULL */

#endif
