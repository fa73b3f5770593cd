/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/prove.h"

#include <stdlib.h>
#include <string.h>

#include "acme/engine.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/order/job.h"
#include "daemon/order/prove_inside.h"
#include "daemon/order/prove_persist.h"
#include "store/store.h"

enum {
	NEAR_THREADS = 2,
	HOOK_THREADS = 4,
	FAR_THREADS = 8,
	QUEUE_MAX = 1024, /* tasks that wait, in each pool; others wait with their jobs */
	QUEUE_FULL_MS = 250,
	BUSY_MS = 100,
	SERVED_LOOK_MS = 15 * 1000, /* until a challenge is seen at our own listener */
	FOREVER_MS = 3600 * 1000,
};

/* Between looks, the last goes on and on. */
static const int64_t near_pause_ms[] = {50, 100, 250, 500};
static const int64_t far_pause_ms[] = {500, 1000, 2000, 4000, 8000};

static enum err
make_pool(struct prover *p, size_t threads, struct pool **ret_pool)
{
	struct pool_config config = {.threads = threads,
	                             .queue = QUEUE_MAX,
	                             .wake = p->config.wake,
	                             .arg = p->config.arg};

	return pool_new(&config, ret_pool);
}

enum err
prover_new(const struct prover_config *config, struct prover **ret_prover)
{
	struct prover *p = calloc(1, sizeof(*p));
	enum err err;

	if (!p)
		return ERR_NOMEM;
	p->config = *config;
	err = make_pool(p, NEAR_THREADS, &p->near);
	if (!err)
		err = make_pool(p, HOOK_THREADS, &p->hooks);
	if (!err)
		err = make_pool(p, FAR_THREADS, &p->far);
	if (err)
		prover_free(p);
	else
		*ret_prover = p;
	return err;
}

static void
end_pool(struct pool *pool)
{
	struct pool_task *task;

	if (!pool)
		return;
	pool_end(pool);
	while ((task = pool_take(pool)))
		prove_task_free((struct prove_task *)task);
	pool_free(pool);
}

void
prover_free(struct prover *p)
{
	if (!p)
		return;
	end_pool(p->hooks);
	end_pool(p->far);
	end_pool(p->near);
	prove_forget_all(p);
	free(p);
}

int64_t
prover_next(const struct prover *p)
{
	return p->next;
}

/* ---- one challenge -------------------------------------------------------------------------- */

static const struct conf_dns_update *
update_of(const struct prove_task *task)
{
	return task->dns ? &task->dns->update : NULL;
}

static int64_t
pause_ms(const struct proof_item *item)
{
	bool near = item_is_served(item);
	const int64_t *table = near ? near_pause_ms : far_pause_ms;
	size_t last = (near ? sizeof(near_pause_ms) : sizeof(far_pause_ms)) / sizeof(*table) - 1;

	return table[item->looks < last ? item->looks : last];
}

static void
presented(struct proof_item *item, const struct prove_task *task, int64_t now)
{
	const struct conf_dns_update *update = update_of(task);

	item->step = update && update->unchecked ? PROOF_READY : PROOF_LOOK;
	item->deadline = now + (update ? update->propagation_timeout_ms : 0);
	item->looks = 0;
}

/* Nobody waits for records of a name that is not there any more. */
static bool
is_removed(struct prover *p, const struct proof_item *item)
{
	struct store_txn *txn;
	struct domain d;
	bool removed;

	if (item_is_served(item) || store_begin_read(p->config.store, STORE_SERVED, &txn))
		return false;
	removed = domain_get(txn, &item->record.name, &d) == ERR_NOTFOUND;
	store_abort(txn);
	return removed;
}

/* TASK is done; ITEM goes on, waits, or fails the whole proof. */
static void
take(struct prover *p, struct proof *proof, struct proof_item *item, struct prove_task *task)
{
	int64_t now = clock_mono_ms();

	item->task = NULL;
	item->place = task->place;
	task->place = NULL;
	if (!task->err && task->work == PROVE_PRESENT) {
		log_host_debug(&item->record.name, "TXT %s is set", item->record.record);
		presented(item, task, now);
	} else if (!task->err) {
		item->step = PROOF_READY;
		prove_persist_seen(p, task);
	} else if (is_removed(p, item)) {
		problem_set(&proof->problem, PROBLEM_INTERNAL, "the name was removed meanwhile");
	} else if (task->work == PROVE_LOOK && now < item->deadline) {
		item->wake_at = now + pause_ms(item);
		item->looks++;
	} else if (proof->problem.kind == PROBLEM_NONE) {
		proof->problem = task->why;
	}
}

static enum err
start_item(struct prover *p, const struct conf *conf, struct proof *proof, struct proof_item *item)
{
	enum prove_work work = item->step == PROOF_PRESENT ? PROVE_PRESENT : PROVE_LOOK;
	struct prove_task *task = prove_task_new(conf, work);
	bool http = item->challenge.kind == CHALLENGE_HTTP_01;
	enum err err = ERR_OK;

	if (!task)
		return ERR_NOMEM;
	task->challenge = item->challenge;
	task->record = item->record;
	task->dns = conf_dns(conf, item->record.dns);
	if (item_is_served(item))
		err = selfcheck_target(conf, http ? LISTEN_HTTP : LISTEN_TLS, &task->listener);
	else if (work == PROVE_PRESENT && !task->dns)
		err = ERR_NOTFOUND;
	if (err) {
		prove_task_free(task);
		return err;
	}
	if (item->persist && !(task->persist = malloc(sizeof(*task->persist)))) {
		prove_task_free(task);
		return ERR_NOMEM;
	}
	if (item->persist)
		*task->persist = *item->persist;
	task->place = item->place;
	item->place = NULL;
	task->item = item;
	task->proof = proof;
	err = prove_start(p, task);
	if (!err)
		item->task = task;
	return err;
}

static void
cannot_start(struct proof *proof, const struct proof_item *item, enum err err)
{
	const char *word = challenge_kind_word(item->challenge.kind);

	if (err == ERR_NOTFOUND && item_is_served(item))
		problem_set(&proof->problem, PROBLEM_CHALLENGE_NOT_SERVED,
		            "%s cannot be answered: the configuration has no `listen` with `%s`",
		            word, item->challenge.kind == CHALLENGE_HTTP_01 ? "http" : "tls");
	else if (err == ERR_NOTFOUND)
		problem_set(&proof->problem, PROBLEM_CONFIG,
		            "%s cannot be answered: the configuration has no `dns %s`", word,
		            item->record.dns);
	else
		problem_set(&proof->problem, PROBLEM_INTERNAL, "%s: %s", word, err_text(err));
}

static void
go_on(struct prover *p, const struct conf *conf, struct proof *proof, struct proof_item *item)
{
	int64_t now = clock_mono_ms();
	enum err err = ERR_BUSY;

	if (item->task || item->step == PROOF_READY || item->wake_at > now)
		return;
	if (item->deadline == 0 && item_is_served(item))
		item->deadline = now + SERVED_LOOK_MS;
	if (item->step != PROOF_PRESENT || !prove_is_busy(p, &item->record))
		err = start_item(p, conf, proof, item);
	if (err == ERR_FULL || err == ERR_BUSY)
		item->wake_at = now + (err == ERR_FULL ? QUEUE_FULL_MS : BUSY_MS);
	else if (err)
		cannot_start(proof, item, err);
}

/* ---- a job ---------------------------------------------------------------------------------- */

static void
wake_by(struct prover *p, int64_t at)
{
	if (at < p->next)
		p->next = at;
}

/* After a failure what is under way is waited for: who presents must not be overtaken by who
 * removes. */
static void
go_on_with(struct prover *p, const struct conf *conf, struct job *job)
{
	struct proof *proof = job->proof;
	bool ready = true, idle = true;

	for (size_t i = 0; i < proof->count; i++) {
		struct proof_item *item = &proof->items[i];

		if (proof->problem.kind == PROBLEM_NONE)
			go_on(p, conf, proof, item);
		ready = ready && item->step == PROOF_READY;
		idle = idle && !item->task;
		if (item->step != PROOF_READY && !item->task && proof->problem.kind == PROBLEM_NONE)
			wake_by(p, item->wake_at);
	}
	if (proof->problem.kind != PROBLEM_NONE && idle) {
		engine_not_published(job->engine, &proof->problem);
		job->phase = JOB_RUN;
	} else if (proof->problem.kind == PROBLEM_NONE && ready) {
		proof->done = true;
		engine_published(job->engine);
		job->phase = JOB_RUN;
	}
}

void
proof_end(struct prover *p, struct job *job)
{
	struct proof *proof = job->proof;

	job->proof = NULL;
	if (!proof)
		return;
	for (size_t i = 0; i < proof->count; i++) {
		struct proof_item *item = &proof->items[i];

		if (item->task)
			item->task->proof = NULL;
		if (*item->record.value)
			p->scan_at = clock_mono_ms();
		free(item->place);
		free(item->persist);
	}
	free(proof->items);
	free(proof);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void
collect(struct prover *p, struct pool *pool)
{
	struct pool_task *done;

	while ((done = pool_take(pool))) {
		struct prove_task *task = (struct prove_task *)done;

		if (task->work == PROVE_CLEAN)
			prove_cleaned(p, task);
		else if (task->proof)
			take(p, task->proof, task->item, task);
		else if (*task->record.value)
			p->scan_at = clock_mono_ms(); /* its job has gone meanwhile */
		prove_task_free(task);
	}
}

void
prover_run(struct prover *p, const struct conf *conf, struct job *jobs)
{
	p->next = clock_mono_ms() + FOREVER_MS;
	collect(p, p->near);
	collect(p, p->hooks);
	collect(p, p->far);
	for (struct job *job = jobs; job; job = job->hh.next)
		if (job->phase == JOB_PROVE && job->proof)
			go_on_with(p, conf, job);
	prove_clean(p, conf, jobs);
	prove_persist_watch(p);
}
