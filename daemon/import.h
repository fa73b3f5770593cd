/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/import.h - certificates that others have got, taken into the store
 *
 * Judging a certificate costs a signature and more, so it is done by a few threads of the keeper,
 * made at the first import; they also write to the store, up to IMPORT_COMMIT_NAMES names a
 * transaction, in the order of their keys. The control thread only passes jobs on and answers.
 * All names of a certificate are in one transaction: nothing is half imported.
 * Threads: import_submit(), import_take() and the job's client belong to the control thread.
 */
#ifndef DAEMON_IMPORT_H
#define DAEMON_IMPORT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/domain.h"

struct control_client;
struct import_pool;
struct store;

enum { IMPORT_CERTS_MAX = 1000, IMPORT_COMMIT_NAMES = 1000 };

struct import_job {
	struct import_job *next;
	struct control_client *client; /* NULL: it is gone */
	cJSON *certs;                  /* owned, has keys */
	char ca[NAME_WORD_MAX + 1];    /* for names that are new */
	char backend[NAME_WORD_MAX + 1];
	bool replace; /* also what is newer */
	bool dry_run;
	/* when it is done: */
	struct buf reply; /* lines */
	unsigned seen;    /* as for msg_exit_combine() */
};

/* WAKE is called from an import thread when a job is done. */
MUST_CHECK enum err import_pool_new(struct store *store, void (*wake)(void *arg), void *arg,
                                    struct import_pool **ret_pool);
/* Ends what is under way; accepts NULL. */
void import_pool_free(struct import_pool *pool);
/* Takes JOB over until import_take() gives it back. */
void import_submit(struct import_pool *pool, struct import_job *job);
/* A job that is done, or NULL. */
struct import_job *import_take(struct import_pool *pool);
void import_job_free(struct import_job *job); /* accepts NULL */

#endif
