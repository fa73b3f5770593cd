/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/job_limits.h"

#include <stdio.h>
#include <string.h>

#include "acme/engine.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/chance.h"
#include "daemon/conf/conf.h"
#include "daemon/order/authority.h"
#include "daemon/order/failover.h"
#include "daemon/order/issuer.h"
#include "daemon/order/job.h"
#include "daemon/order/job_set.h"
#include "store/event.h"

enum { JITTER_MAX_S = 600 };

static struct limits_order
order_of(const struct job *job)
{
	struct limits_order o = {.ca = job->ca->conf->name,
	                         .rules = &job->ca->conf->limits,
	                         .suffix = issuer_suffix(job->ca->issuer),
	                         .kind = job->kind};

	o.names = engine_names(job->engine, &o.count);
	return o;
}

static void
describe(const struct job *job, const struct limits_verdict *v)
{
	struct problem *p = (struct problem *)&job->problem;
	const struct limits_rate *rate = &job->ca->conf->limits.rate[v->id.scope];
	const char *whose = v->id.scope == LIMIT_SET ? job->name.name : v->id.key;
	char at[CLOCK_TEXT_MAX];

	clock_format(v->until, at);
	if (v->by_ca)
		problem_set(p, PROBLEM_CA_LIMITED,
		            "ca %s has blocked the %s %s until %s: see certctl limits",
		            job->ca->conf->name, limit_scope_word(v->id.scope), whose, at);
	else
		problem_set(
			p, PROBLEM_CA_LIMITED,
			"ca %s: the limit of the %s %s (%u in %u s) is used up until %s; it was "
			"not asked",
			job->ca->conf->name, limit_scope_word(v->id.scope), whose, rate->count,
			rate->period, at);
	p->retry_at = v->until;
}

enum err
job_limits_take(struct job *job, struct store_txn *txn)
{
	struct limits_order o = order_of(job);
	struct limits_verdict v;
	enum err err;

	job->blocked = false;
	if (job->counted || !job->fresh)
		return ERR_OK;
	err = limits_take(txn, &o, clock_wall(), &v);
	if (err || !v.until)
		return err;
	describe(job, &v);
	job->blocked = true;
	return ERR_OK;
}

enum err
job_limits_put(struct job *job, struct store_txn *txn, struct domain *d)
{
	int64_t now = clock_wall(), wait = job->problem.retry_at - now;
	enum err err;

	d->problem = job->problem;
	d->due_at = now;
	if (!failover_advance(d, issuer_is_usable, job->ca->issuer)) {
		failover_restart(d, issuer_has_ca, job->ca->issuer);
		/* Not all that wait for one token are looked at in one second. */
		d->due_at = now + (wait > 1 ? wait : 1) +
		            chance_u32() %
		                    (wait / 20 + 1 < JITTER_MAX_S ? wait / 20 + 1 : JITTER_MAX_S);
	}
	err = domain_put(txn, d);
	return err ? err : job_set_follow(txn, d);
}

static bool
is_authorization(const struct problem *p)
{
	return p->kind == PROBLEM_AUTHZ_UNREACHABLE || p->kind == PROBLEM_AUTHZ_DNS ||
	       p->kind == PROBLEM_AUTHZ_CAA || p->kind == PROBLEM_AUTHZ_FAILED;
}

static enum err
block(struct job *job, struct store_txn *txn, const struct limits_order *o)
{
	struct event e = {.at = clock_wall()};
	char until[CLOCK_TEXT_MAX];
	struct limit_record l;
	enum err err = limits_block(txn, o, &job->problem, e.at, &l);

	if (err || !l.until || l.since != e.at)
		return err;
	clock_format(l.until, until);
	snprintf(e.type, sizeof(e.type), "ca.limited");
	snprintf(e.name, sizeof(e.name), "%s", job->name.name);
	snprintf(e.detail, sizeof(e.detail), "ca %s: the %s %.200s is blocked until %s: %.200s",
	         o->ca, limit_scope_word(l.id.scope), *l.title ? l.title : l.id.key, until, l.text);
	return event_put(txn, &e);
}

enum err
job_limits_close(struct job *job, struct store_txn *txn)
{
	struct limits_order o = order_of(job);
	bool issued = job->problem.kind == PROBLEM_NONE && !job->dropped;
	enum err err = ERR_OK;

	/* An order that stays may become a certificate yet. */
	if (job->counted && job->fresh && !issued && job->forget_order)
		err = limits_return(txn, &o, clock_wall());
	if (!err && is_authorization(&job->problem))
		err = limits_failed(txn, &o, clock_wall());
	/* Other requests are limited by address, for seconds. */
	if (!err && job->problem.kind == PROBLEM_CA_LIMITED && !job->was_ordered)
		err = block(job, txn, &o);
	return err;
}
