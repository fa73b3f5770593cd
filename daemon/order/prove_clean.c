/* SPDX-License-Identifier: Apache-2.0 */
/* DNS records that nobody needs any more. Which these are follows from the store and the jobs in
 * work alone, so it is the same after a job has ended, its name was removed, or we were killed. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/conf/conf.h"
#include "daemon/order/job.h"
#include "daemon/order/prove_inside.h"
#include "store/order.h"
#include "store/store.h"

enum {
	/* Of one dns block, so that others need not wait until its servers answer: */
	KNOWN_MAX = 256,
	TASKS_MAX = 2, /* less than there are threads */
	SCAN_PAGE = 256,
	SCAN_EVERY_MS = 60 * 1000,
	SCAN_NEVER_MS = 3600 * 1000,
	FORGET_AGAIN_MS = 5000,
	AGAIN_FIRST_MS = 30 * 1000,
	AGAIN_MAX_MS = 3600 * 1000,
	GIVE_UP_S = 3 * 86400,
	ORDER_OLD_S = 86400,
};

/* ---- which ---------------------------------------------------------------------------------- */

static struct job *
job_at_work(struct job *jobs, const struct hostname *name)
{
	struct job *job;

	HASH_FIND(hh, jobs, name->name, name->len, job);
	return job && job->phase < JOB_CLOSE ? job : NULL;
}

/* Whether the order that RECORD is for goes on soon: as after a kill, when it was in work. */
static bool
order_waits(struct store *store, const struct presented *record)
{
	struct store_txn *txn;
	struct domain d;
	struct order order;
	bool waits = false;
	int64_t now = clock_wall();

	if (store_begin_read(store, STORE_SERVED, &txn))
		return true; /* not known: next time */
	waits = domain_get(txn, &record->name, &d) == ERR_OK && d.due_at <= now;
	store_abort(txn);
	if (!waits || record->created_at < now - ORDER_OLD_S)
		return false;
	if (store_begin_read(store, STORE_PRIVATE, &txn))
		return true;
	order_init(&order);
	waits = order_get(txn, &record->name, &order) == ERR_OK;
	store_abort(txn);
	order_done(&order);
	return waits;
}

static bool
is_known(const struct prover *p, const struct presented *record)
{
	for (const struct cleaning *c = p->cleanings; c; c = c->next)
		if (presented_same(&c->record, record))
			return true;
	return false;
}

static bool
has_room(const struct prover *p, const char *dns)
{
	size_t count = 0;

	for (const struct cleaning *c = p->cleanings; c; c = c->next)
		count += strcmp(c->record.dns, dns) == 0;
	return count < KNOWN_MAX;
}

static void
add(struct prover *p, const struct presented *record)
{
	struct cleaning *c = calloc(1, sizeof(*c));

	if (!c)
		return; /* the next scan finds it again */
	c->record = *record;
	c->next = p->cleanings;
	p->cleanings = c;
}

/* One page of private/; false when it was the last. */
static bool
scan_page(struct prover *p, struct job *jobs, struct presented *last, bool first)
{
	static struct presented list[SCAN_PAGE]; /* the issuer's thread only */
	struct store_txn *txn;
	size_t count = 0;
	enum err err = store_begin_read(p->config.store, STORE_PRIVATE, &txn);

	if (err)
		return false;
	err = presented_page(txn, first ? NULL : last, SCAN_PAGE, list, &count);
	store_abort(txn);
	for (size_t i = 0; i < count && !err; i++)
		if (!job_at_work(jobs, &list[i].name) && has_room(p, list[i].dns) &&
		    !is_known(p, &list[i]) && !order_waits(p->config.store, &list[i]))
			add(p, &list[i]);
	if (err || count == 0)
		return false;
	*last = list[count - 1];
	p->scan_at = clock_mono_ms() + SCAN_EVERY_MS; /* there are some */
	return count == SCAN_PAGE;
}

static void
scan(struct prover *p, struct job *jobs)
{
	struct presented last;
	bool more = true;

	if (p->scan_at > clock_mono_ms())
		return;
	p->scan_at = clock_mono_ms() + SCAN_NEVER_MS;
	for (bool first = true; more; first = false)
		more = scan_page(p, jobs, &last, first);
}

/* ---- removing ------------------------------------------------------------------------------- */

static void
failed(struct prover *p, struct cleaning *c, const struct problem *why)
{
	int64_t pause = AGAIN_FIRST_MS;
	const struct presented *r = &c->record;

	c->gone = r->created_at < clock_wall() - GIVE_UP_S;
	if (c->tries++ == 0 || c->gone)
		history_add(p->config.store, p->config.notices, "dns.left_behind", r->name.name,
		            "TXT %s \"%s\" is still there (%s): %s", r->record, r->value,
		            c->gone ? "given up, remove it by hand" : "to be removed", why->detail);
	log_host_warn(&r->name, "TXT %s is not removed: %s", r->record, why->detail);
	for (unsigned i = 1; i < c->tries && pause < AGAIN_MAX_MS; i++)
		pause *= 2;
	if (!c->gone)
		c->wake_at = clock_mono_ms() + (pause < AGAIN_MAX_MS ? pause : AGAIN_MAX_MS);
}

void
prove_cleaned(struct prover *p, struct prove_task *task)
{
	struct cleaning *c = task->cleaning;

	c->task = NULL;
	if (!task->err) {
		log_host_debug(&c->record.name, "TXT %s is removed", c->record.record);
		c->gone = true;
		c->wake_at = 0;
	} else if (task->err != ERR_STOPPED) {
		failed(p, c, &task->why);
	}
}

static void
start(struct prover *p, const struct conf *conf, struct cleaning *c)
{
	struct prove_task *task = prove_task_new(conf, PROVE_CLEAN);
	struct problem why;

	c->wake_at = clock_mono_ms() + 1000; /* if it cannot be started */
	if (!task)
		return;
	task->cleaning = c;
	task->record = c->record;
	task->challenge.kind = c->record.kind;
	task->dns = conf_dns(conf, c->record.dns);
	if (!task->dns) {
		problem_set(&why, PROBLEM_CONFIG, "the configuration has no `dns %s`",
		            c->record.dns);
		failed(p, c, &why);
		prove_task_free(task);
	} else if (prove_start(p, task) == ERR_OK) {
		c->task = task;
	}
}

static enum err
delete_gone(struct prover *p)
{
	struct store_txn *txn = NULL;
	enum err err = store_begin_write(p->config.store, STORE_PRIVATE, &txn);

	for (struct cleaning *c = p->cleanings; c && !err; c = c->next)
		if (c->gone)
			err = presented_del(txn, &c->record);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

static void
drop(struct cleaning **at)
{
	struct cleaning *c = *at;

	*at = c->next;
	free(c);
}

/* One commit for all that are gone from DNS; later, if it fails. */
static void
forget_gone(struct prover *p)
{
	struct cleaning **at = &p->cleanings;
	enum err err = delete_gone(p);

	while (*at) {
		if ((*at)->gone && !err) {
			drop(at);
			continue;
		}
		if ((*at)->gone)
			(*at)->wake_at = clock_mono_ms() + FORGET_AGAIN_MS;
		at = &(*at)->next;
	}
}

static bool
has_turn(const struct prover *p, const struct cleaning *cleaning)
{
	unsigned count = 0;

	for (const struct cleaning *c = p->cleanings; c && count < TASKS_MAX; c = c->next)
		count += c->task && strcmp(c->record.dns, cleaning->record.dns) == 0;
	return count < TASKS_MAX && !prove_is_busy(p, &cleaning->record);
}

/* Whether a job in work has set, or sets, the record anew: it is that job's now. */
static bool
is_needed(struct job *jobs, const struct cleaning *c)
{
	const struct job *job = job_at_work(jobs, &c->record.name);

	for (size_t i = 0; job && job->proof && i < job->proof->count; i++)
		if (presented_same(&job->proof->items[i].record, &c->record))
			return true;
	return false;
}

void
prove_clean(struct prover *p, const struct conf *conf, struct job *jobs)
{
	int64_t now = clock_mono_ms();
	struct cleaning **at = &p->cleanings;
	bool any_gone = false;

	scan(p, jobs);
	while (*at) {
		struct cleaning *c = *at;

		if (!c->task && is_needed(jobs, c)) {
			drop(at);
			continue;
		}
		if (!c->task && !c->gone && c->wake_at <= now && has_turn(p, c))
			start(p, conf, c);
		any_gone = any_gone || (c->gone && c->wake_at <= now);
		at = &c->next;
	}
	if (any_gone)
		forget_gone(p);
	for (const struct cleaning *c = p->cleanings; c; c = c->next)
		if (!c->task && c->wake_at > now && c->wake_at < p->next)
			p->next = c->wake_at; /* others wait for the end of a task */
	if (p->scan_at < p->next)
		p->next = p->scan_at;
}

void
prove_forget_all(struct prover *p)
{
	while (p->cleanings)
		drop(&p->cleanings);
}
