/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/order/job_failure.h - an attempt that comes to nothing: where the name goes next. Issuer's
 * thread. */
#ifndef DAEMON_ORDER_JOB_FAILURE_H
#define DAEMON_ORDER_JOB_FAILURE_H

#include <stdbool.h>

struct domain;
struct job;
struct problem;

/* Whether the name would be asked for at another CA of its own, now. */
bool job_may_move_on(const struct job *job);
/* Ends the attempt with the PROBLEM that its CA is known to have; not while a request of it is
 * under way. */
void job_leave(struct job *job, const struct problem *problem);
/* What a failure with job->problem makes of D: on to its next CA at once, or back to the first
 * after a while. */
void job_put_failure(struct job *job, struct domain *d);

#endif
