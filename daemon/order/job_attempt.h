/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/order/job_attempt.h - what a job tells of its attempt (store/attempt.h). Issuer's thread.
 */
#ifndef DAEMON_ORDER_JOB_ATTEMPT_H
#define DAEMON_ORDER_JOB_ATTEMPT_H

#include "base/err.h"

struct client_answer;
struct job;
struct store_txn;

void job_attempt_begin(struct job *job);
/* An answer has come; before the engine is fed with it. */
void job_attempt_step(struct job *job, const struct client_answer *answer);
/* private/: what there is of it so far, or at its end; nothing of a name that was removed. */
MUST_CHECK enum err job_attempt_save(struct job *job, struct store_txn *txn);
MUST_CHECK enum err job_attempt_close(struct job *job, struct store_txn *txn);

#endif
