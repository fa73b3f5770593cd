/* SPDX-License-Identifier: Apache-2.0 */
/* The commits of a round: see daemon/order/issuer.h. Each is one transaction for all jobs, and what
 * follows from it (phases, notices) happens after it is durable, never before. */
#include "acme/engine.h"
#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/order/prove.h"
#include "daemon/watch/upkeep.h"
#include "store/order.h"
#include "store/store.h"

enum { PROBE_AFTER_MS = 0 };

/* Nothing of the step has happened: try again later, serve meanwhile. A full map has grown when it
 * is tried again, so that is no trouble yet. */
static bool
hold(struct issuer *s, const char *what, enum err err)
{
	bool first = err == ERR_FULL && s->store_failed == 0;

	if (!first && !s->store_told) {
		log_err("the store does not take %s (%s): no orders until it does, trying every %d "
		        "s",
		        what, err_text(err), STORE_HOLD_MS / 1000);
		s->store_told = true;
		upkeep_commit_failed(s->upkeep, err);
	}
	s->store_failed++;
	s->store_hold = clock_mono_ms() + (first ? 1 : STORE_HOLD_MS);
	return false;
}

static void
commit_worked(struct issuer *s)
{
	if (s->store_told) {
		log_notice("the store takes orders again");
		upkeep_commit_worked(s->upkeep);
	}
	s->store_told = false;
	s->store_failed = 0;
}

void
issuer_tell(struct issuer *s, const struct job *job, const struct notice *notice)
{
	size_t count;
	const struct hostname *names = engine_names(job->engine, &count);
	struct notice n = *notice;

	for (size_t i = 0; i < count; i++) {
		n.name = names[i];
		notice_push(s->notices, &n);
	}
}

static enum err
save_all(struct issuer *s)
{
	struct store_txn *txn = NULL;
	enum err err = store_begin_write(s->store, STORE_PRIVATE, &txn);

	for (struct job *job = s->jobs; job && !err; job = job->hh.next)
		if (job_is_dirty(job))
			err = job_save(job, txn);
	for (size_t i = 0; i < s->ca_count && !err; i++)
		if (s->cas[i]->spent)
			err = authority_save_budget(s->cas[i], txn);
	if (err) {
		store_abort(txn);
		return err;
	}
	return store_commit(txn);
}

bool
issuer_save(struct issuer *s)
{
	bool any = false;
	enum err err;

	for (struct job *job = s->jobs; job; job = job->hh.next) {
		job_prepare(job);
		any = any || job_is_dirty(job);
	}
	if (!any)
		return true;
	err = save_all(s);
	if (err)
		return hold(s, "orders", err);
	commit_worked(s);
	for (struct job *job = s->jobs; job; job = job->hh.next)
		if (job_is_dirty(job)) /* others have taken no tokens that they could give back */
			job_saved(job);
	for (size_t i = 0; i < s->ca_count; i++)
		s->cas[i]->spent = false;
	return true;
}

static bool
is_to_settle(struct job *job)
{
	if (job->removed && job->phase < JOB_CLOSE)
		return true;
	if (job->phase != JOB_RUN && job->phase != JOB_LOST)
		return false;
	return !job->marked || job->blocked || job_has_ended(job) ||
	       (job->phase == JOB_RUN && engine_wish(job->engine) == ENGINE_PUBLISH);
}

static enum err
settle_all(struct issuer *s)
{
	struct store_txn *txn = NULL;
	enum err err = store_begin_write(s->store, STORE_SERVED, &txn);

	for (struct job *job = s->jobs; job && !err; job = job->hh.next) {
		if (!is_to_settle(job))
			continue;
		err = job_settle(job, txn);
		if (err == ERR_CORRUPT)
			upkeep_suspect(s->upkeep, &job->name);
		if (err == ERR_NOTFOUND || err == ERR_CORRUPT) { /* removed, or its record is */
			job_drop(job, txn, err == ERR_CORRUPT);
			err = ERR_OK;
		}
	}
	if (err) {
		store_abort(txn);
		return err;
	}
	return store_commit(txn);
}

static void
log_end(const struct job *job)
{
	char at[CLOCK_TEXT_MAX];

	clock_format(job->domain.due_at, at);
	if (job->problem.kind == PROBLEM_NONE)
		log_host_notice(&job->name, "certificate stored, generation %llu, renewal due %s",
		                (unsigned long long)job->domain.generation, at);
	else
		log_host_warn(&job->name, "attempt %u failed, ca %s: %s: %s; next try %s%s",
		              job->domain.failures, job->ca->conf->name,
		              problem_code(job->problem.kind), job->problem.detail,
		              job->moves_on ? "at once, ca " : "",
		              job->moves_on ? job->domain.ca : at);
}

/* No attempt was made: only who waits for one hears of it. */
static void
tell_blocked(struct issuer *s, const struct job *job)
{
	struct notice n = {.name = job->name, .step = MSG_STEP_FAILED, .at = clock_wall()};

	n.problem = job->problem;
	n.next_at = job->domain.due_at;
	log_host_info(&job->name, "%s", job->problem.detail);
	issuer_tell(s, job, &n);
}

bool
issuer_settle(struct issuer *s)
{
	bool any = false;
	struct notice notice;
	enum err err;

	for (struct job *job = s->jobs; job; job = job->hh.next) {
		any = any || is_to_settle(job);
		if (job->phase == JOB_RUN)
			job_judge(job);
	}
	if (!any)
		return true;
	err = settle_all(s);
	if (err)
		return hold(s, "certificates", err);
	commit_worked(s);
	for (struct job *job = s->jobs; job; job = job->hh.next) {
		if (!is_to_settle(job))
			continue;
		job_settled(job, &notice);
		if (notice.name.len)
			issuer_tell(s, job, &notice);
		if (job->phase == JOB_CLOSE)
			log_end(job);
		else if (job->blocked)
			tell_blocked(s, job);
	}
	return true;
}

/* Tells the end of an attempt to those who wait for it, and decides what becomes of the job. */
static void
closed(struct issuer *s, struct job *job)
{
	struct notice n = {.name = job->name, .step = MSG_STEP_STORED, .at = clock_wall()};

	proof_end(s->prover, job);
	job->phase = JOB_OVER;
	if (job->dropped)
		return;
	if (job->problem.kind == PROBLEM_NONE) {
		job->ca->succeeded++;
		job->phase = JOB_PROBE;
		job->wake_at = clock_mono_ms() + PROBE_AFTER_MS;
	} else {
		job->ca->failed++;
		n.step = MSG_STEP_FAILED;
		n.problem = job->problem;
		n.next_at = job->domain.due_at;
	}
	issuer_tell(s, job, &n);
}

static enum err
close_all(struct issuer *s)
{
	struct store_txn *txn = NULL;
	enum err err = store_begin_write(s->store, STORE_PRIVATE, &txn);

	for (struct job *job = s->jobs; job && !err; job = job->hh.next)
		if (job->phase == JOB_CLOSE)
			err = job_close(job, txn);
	if (err) {
		store_abort(txn);
		return err;
	}
	return store_commit(txn);
}

bool
issuer_close(struct issuer *s)
{
	bool any = false;
	enum err err;

	for (struct job *job = s->jobs; job; job = job->hh.next)
		any = any || job->phase == JOB_CLOSE;
	if (!any)
		return true;
	err = close_all(s);
	if (err)
		return hold(s, "events", err);
	commit_worked(s);
	for (struct job *job = s->jobs; job; job = job->hh.next)
		if (job->phase == JOB_CLOSE)
			closed(s, job);
	return true;
}

void
issuer_withdraw(struct issuer *s, const struct job *job)
{
	struct store_txn *txn = NULL;
	enum err err;

	if (!job->proof)
		return;
	err = store_begin_write(s->store, STORE_SERVED, &txn);
	if (!err)
		err = proof_withdraw(job->proof, txn);
	err = store_finish(txn, err);
	if (err)
		log_host_warn(&job->name, "its challenges stay until the next start");
}

static void
requeue_later(struct issuer *s, const struct hostname *name)
{
	log_host_warn(name, "cannot be planned anew now, later");
	s->resume_at = clock_mono_ms() + STORE_HOLD_MS;
}

static enum err
make_due(struct issuer *s, const struct hostname *name)
{
	struct store_txn *txn = NULL;
	struct domain d;
	enum err err = store_begin_write(s->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_get(txn, name, &d);
	if (!err && d.state != DOMAIN_EXTERNAL && !d.lead.len) {
		d.due_at = clock_wall();
		err = domain_put(txn, &d);
	}
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
forget(struct issuer *s, const struct hostname *name)
{
	struct store_txn *txn = NULL;
	enum err err = store_begin_write(s->store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = order_del(txn, name);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

/* In this order: a name in work whose order is gone would be looked for by nobody. An order that
 * stays is none of the CA's, which the next attempt is told. */
void
issuer_requeue(struct issuer *s, const struct hostname *name, bool forget_order)
{
	if (make_due(s, name))
		requeue_later(s, name);
	else if (forget_order && forget(s, name))
		log_host_warn(name, "its order, which is over, cannot be removed");
}
