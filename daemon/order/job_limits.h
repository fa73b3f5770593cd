/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/order/job_limits.h - a job and its CA's limits (daemon/order/limits.h). Issuer's thread.
 */
#ifndef DAEMON_ORDER_JOB_LIMITS_H
#define DAEMON_ORDER_JOB_LIMITS_H

#include "base/err.h"

struct domain;
struct job;
struct store_txn;

/* private/: before its order is made durable for the first time, the tokens it takes; or
 * job->blocked with job->problem. */
MUST_CHECK enum err job_limits_take(struct job *job, struct store_txn *txn);
/* served/: of a blocked one: D goes to its next CA, or waits until the limit lets it. It has not
 * failed. */
MUST_CHECK enum err job_limits_put(struct job *job, struct store_txn *txn, struct domain *d);
/* private/: what its end means for the limits. */
MUST_CHECK enum err job_limits_close(struct job *job, struct store_txn *txn);

#endif
