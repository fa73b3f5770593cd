/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a job in private/: its order record, its limits, its attempt, and the event. */
#include <stdio.h>

#include "base/clock.h"
#include "daemon/conf/conf.h"
#include "daemon/order/authority.h"
#include "daemon/order/job.h"
#include "daemon/order/job_attempt.h"
#include "daemon/order/job_limits.h"
#include "store/event.h"
#include "store/order.h"

static void
describe_end(const struct job *job, struct event *e)
{
	char at[CLOCK_TEXT_MAX];
	struct chain_facts facts = {0};

	if (job->problem.kind != PROBLEM_NONE) {
		snprintf(e->type, sizeof(e->type), "order.failed");
		clock_format(job->domain.due_at, at);
		if (job->moves_on)
			snprintf(at, sizeof(at), "at once");
		snprintf(e->detail, sizeof(e->detail), "ca %s: %s: %.380s; next try %s",
		         job->ca->conf->name, problem_code(job->problem.kind), job->problem.detail,
		         at);
		return;
	}
	snprintf(e->type, sizeof(e->type), "cert.stored");
	if (chain_facts(job->chain.leaf.data, job->chain.leaf.len, &facts) == ERR_OK)
		snprintf(e->detail, sizeof(e->detail), "%s, serial %s, issuer %s, until %s",
		         job->domain.generation > 1 ? "renewed" : "issued", facts.serial,
		         facts.issuer, clock_format(job->domain.not_after, at));
	buf_done(&facts.names);
}

enum err
job_close(struct job *job, struct store_txn *txn)
{
	struct event event = {.at = clock_wall()};
	enum err err = job->forget_order ? order_del(txn, &job->name) : ERR_OK;

	if (!err)
		err = job_limits_close(job, txn);
	if (!err)
		err = job_attempt_close(job, txn);
	if (err || job->dropped)
		return err;
	snprintf(event.name, sizeof(event.name), "%s", job->name.name);
	describe_end(job, &event);
	return event_put(txn, &event);
}
