/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a CA's names while it takes no orders, when they have another one. */
#include <string.h>

#include "acme/client.h"
#include "acme/engine.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/order/failover.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/order/job_failure.h"
#include "daemon/watch/diagnoser.h"
#include "store/diagnosis.h"
#include "store/store.h"

enum { PASS_PAGE = 512, PASS_EVERY_MS = 250 };

static struct authority *
find_ca(const struct issuer *s, const char *ca)
{
	for (size_t i = 0; i < s->ca_count; i++)
		if (strcmp(s->cas[i]->conf->name, ca) == 0)
			return s->cas[i];
	return NULL;
}

bool
issuer_has_ca(void *arg, const char *ca)
{
	return find_ca(arg, ca) != NULL;
}

bool
issuer_is_usable(void *arg, const char *ca)
{
	struct authority *a = find_ca(arg, ca);

	return a && authority_is_usable(a, clock_mono_ms());
}

/* An order that exists is worth some patience, unless the CA has fallen silent and the name has
 * another one; before there is an order there is nothing to wait for. */
static bool
is_to_leave(const struct job *job)
{
	bool has_order = *engine_url(job->engine) != '\0', silent = job->ca->silent;

	if ((job->phase != JOB_WAIT && job->phase != JOB_LOST) || job->ca->down == 0 ||
	    job->ca->hold_until <= clock_mono_ms())
		return false;
	if (silent && !has_order && job->phase == JOB_WAIT)
		return true;
	return (silent || !has_order) && job_may_move_on(job);
}

/* It stands in line with a newOrder for a CA that gives us no more orders now. */
static bool
is_held_in_line(struct job *job)
{
	struct job_ask *ask = job->asks;

	while (ask < job->asks + ENGINE_AT_ONCE && !(ask->out && ask->orders))
		ask++;
	if (job->phase != JOB_SENT || job->ca->hold_until <= clock_mono_ms() ||
	    ask == job->asks + ENGINE_AT_ONCE || !client_withdraw(job->ca->client, ask))
		return false;
	ask->out = false;
	return true;
}

void
issuer_leave(struct issuer *s)
{
	for (struct job *job = s->jobs; job; job = job->hh.next)
		if (is_to_leave(job) || is_held_in_line(job))
			job_leave(job, &job->ca->problem);
}

static enum err
move(struct issuer *s, struct store_txn *txn, const struct hostname *name, size_t *moved)
{
	struct domain d;
	enum err err = domain_get(txn, name, &d);

	/* What is damaged is somebody else's business. The next CA may have taken in more than it
	 * has orders for, and the one before may be well again. */
	if (err || (!failover_advance(&d, issuer_is_usable, s) &&
	            !failover_return(&d, issuer_is_usable, s)))
		return ERR_OK;
	err = domain_put(txn, &d);
	*moved += !err;
	return err;
}

static void
move_all(struct issuer *s, struct authority *ca, const struct hostname *names, size_t count)
{
	struct store_txn *txn;
	size_t moved = 0;
	enum err err = store_begin_write(s->store, STORE_SERVED, &txn);

	if (err)
		return;
	for (size_t i = 0; i < count && !err; i++)
		err = move(s, txn, &names[i], &moved);
	if (err || moved == 0)
		store_abort(txn);
	else
		err = store_commit(txn);
	if (err)
		log_warn("ca %s: its names cannot go to their next ca: %s", ca->conf->name,
		         err_text(err));
	else if (moved)
		log_info("ca %s: %zu names go on with their next ca", ca->conf->name, moved);
}

/* A page of what waits; the next look begins behind it, so names without another CA hide none. */
static void
pass_on_lane(struct issuer *s, struct authority *ca, enum domain_lane lane)
{
	static struct hostname names[PASS_PAGE]; /* this thread's only */
	struct domain_queue queue = {ca->conf->name, lane};
	struct store_txn *txn;
	size_t count = 0;

	if (store_begin_read(s->store, STORE_SERVED, &txn))
		return;
	if (domain_due_behind(txn, &queue, clock_wall(), &ca->passed[lane], PASS_PAGE, names,
	                      &count))
		count = 0;
	store_abort(txn);
	if (count < PASS_PAGE)
		ca->passed[lane] = (struct domain_due_at){.at = 0};
	if (count > 0)
		move_all(s, ca, names, count);
}

static void
pass_on(struct issuer *s, struct authority *ca, int64_t mono)
{
	ca->pass_at = mono + PASS_EVERY_MS;
	for (enum domain_lane lane = 0; lane < LANES; lane++)
		pass_on_lane(s, ca, lane);
}

void
issuer_pass_on(struct issuer *s)
{
	int64_t mono = clock_mono_ms();

	for (size_t i = 0; i < s->ca_count && s->ca_count > 1; i++)
		if (!authority_is_usable(s->cas[i], mono) && s->cas[i]->pass_at <= mono)
			pass_on(s, s->cas[i], mono);
}

bool
issuer_looks_first(struct issuer *s, struct job *job)
{
	struct problem why = {0};
	struct diagnosis d;

	if (!job->ca->conf->diagnose_first || s->conf->diagnose.off || job->was_ordered ||
	    job->phase == JOB_LOST || diagnoser_allows(s->store, &job->name, &d))
		return false;
	if (*d.code)
		problem_set(&why, PROBLEM_DIAGNOSIS, "%s: %s", d.code, d.text);
	else
		problem_set(&why, PROBLEM_DIAGNOSIS,
		            "the name is looked at before the CA is asked, and tried at once when "
		            "nothing is wrong with it");
	job_leave(job, &why);
	return true;
}
