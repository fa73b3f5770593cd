/* SPDX-License-Identifier: Apache-2.0 */
/* An attempt that came to nothing: where the name goes next. */
#include <stdio.h>
#include <string.h>

#include "acme/engine.h"
#include "base/clock.h"
#include "daemon/common/chance.h"
#include "daemon/conf/conf.h"
#include "daemon/order/authority.h"
#include "daemon/order/failover.h"
#include "daemon/order/issuer.h"
#include "daemon/order/job.h"
#include "daemon/order/job_failure.h"
#include "daemon/order/plan.h"

enum { OWNER_ROUND = 3 }; /* as after so many failures: 100 minutes */

bool
job_may_move_on(const struct job *job)
{
	struct domain d = job->domain;

	snprintf(d.ca, sizeof(d.ca), "%s", job->ca->conf->name);
	return failover_advance(&d, issuer_is_usable, job->ca->issuer);
}

void
job_leave(struct job *job, const struct problem *problem)
{
	job->left = true;
	/* Nothing was sent that could have made an order. */
	job->forget_order = !*engine_url(job->engine) && job->phase != JOB_LOST;
	job->problem = *problem;
	job->phase = JOB_RUN;
}

/* Nobody was asked for a certificate. Who diagnoses wakes it as soon as that is over. */
static bool
waits_for_owner(const struct problem *p)
{
	return p->kind == PROBLEM_OWNERSHIP;
}

void
job_put_failure(struct job *job, struct domain *d)
{
	int64_t now = clock_wall(), not_after = d->generation ? d->not_after : 0;
	uint32_t round;

	d->due_at = now;
	job->moves_on = false;
	if (job->resumed && !job->left && engine_is_gone(job->engine))
		return; /* that order was the last attempt's: it has been counted */
	d->state = DOMAIN_FAILING;
	d->failures += !waits_for_owner(&job->problem);
	d->problem = job->problem;
	/* The operator may have given it other CAs meanwhile. */
	job->moves_on = strcmp(d->ca, job->ca->conf->name) == 0 && failover_helps(&job->problem) &&
	                failover_advance(d, issuer_is_usable, job->ca->issuer);
	if (job->moves_on)
		return;
	failover_restart(d, issuer_has_ca, job->ca->issuer);
	round = waits_for_owner(&job->problem) ? OWNER_ROUND : failover_rounds(d);
	d->due_at = plan_retry_at(round, now, not_after, &job->problem, chance_u32());
}
