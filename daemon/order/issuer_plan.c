/* SPDX-License-Identifier: Apache-2.0 */
/* Which names become jobs, and when the next one is due. */
#include "acme/engine.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/order/due.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/upkeep.h"
#include "store/store.h"

enum {
	PLAN_AGAIN_MS = 50,  /* when all that is due is in work or damaged */
	PLAN_POOR_MS = 5000, /* without a budget */
	ROOM_LOOK_MS = 1000, /* when the disk is full */
};

/* What is due in one lane. */
struct page {
	struct hostname names[DUE_MAX];
	size_t count;
	size_t next;
};

static struct job *
find_job(struct issuer *s, const struct hostname *name)
{
	struct job *job;

	HASH_FIND(hh, s->jobs, name->name, name->len, job);
	return job;
}

/* Of a name that was removed, and added again meanwhile; true: its job goes on. */
static bool
keeps_job(struct issuer *s, struct authority *ca, struct job *job)
{
	if (job->ca != ca) { /* with another CA */
		issuer_withdraw(s, job);
		issuer_remove_job(s, job);
		return false;
	}
	if (job->phase < JOB_CLOSE) { /* both records anew */
		job->marked = false;
		job->unsaved = true;
	}
	return true;
}

/* Whether a job was started. */
static bool
start_job(struct issuer *s, struct authority *ca, const struct hostname *name)
{
	struct client *client;
	struct job *job = find_job(s, name);
	enum err err;

	if ((job && keeps_job(s, ca, job)) || authority_client(ca, &client))
		return false;
	err = job_new(name, ca, s->conf, s->store, &job);
	if (err) {
		log_host_debug(name, "cannot be started: %s", err_text(err));
		upkeep_suspect(s->upkeep, name);
		return false;
	}
	if (issuer_lapses(s, job)) {
		job_free(job);
		return false;
	}
	job->charged = job->fresh && !limits_is_free(&ca->conf->limits, LIMIT_ACCOUNT, job->kind);
	if (job->charged && !authority_has_budget(ca)) {
		job_free(job);
		return false;
	}
	HASH_ADD_KEYPTR(hh, s->jobs, job->name.name, job->name.len, job);
	job->lane = domain_lane(&job->domain);
	ca->active++;
	ca->in_lane[job->lane]++;
	if (issuer_asks_owner(s, job) || issuer_looks_first(s, job)) {
		job->fresh = job->charged = false;
		return true;
	}
	if (job->charged)
		authority_spend(ca);
	log_host_debug(name, "attempt starts with ca %s", ca->conf->name);
	return true;
}

/* Without a budget only those go on that it does not count. */
static bool
has_places(struct authority *ca, enum domain_lane lane)
{
	const struct limits_rules *rules = &ca->conf->limits;
	bool free_of_charge = rules->renewals_are_free || rules->replaces_are_free;

	if (!authority_has_budget(ca) && (lane != LANE_RENEW || !free_of_charge))
		return false;
	return due_has_place(lane, ca->in_lane, ca->conf->max_orders);
}

/* How many names are due, as far as their lanes have places. The pages are read first: LMDB
 * transactions do not last over job_new(). */
static size_t
read_pages(struct issuer *s, struct authority *ca, size_t room, struct page pages[LANES])
{
	struct store_txn *txn;
	size_t count = 0;

	if (store_begin_read(s->store, STORE_SERVED, &txn))
		return 0;
	for (enum domain_lane lane = 0; lane < LANES; lane++) {
		struct domain_queue queue = {ca->conf->name, lane};
		struct due_ask ask = {&queue, clock_wall(), room, &ca->walks[lane]};
		struct page *page = &pages[lane];

		page->next = page->count = 0;
		if (has_places(ca, lane) && due_read(txn, &ask, page->names, &page->count))
			page->count = 0;
		count += page->count;
	}
	store_abort(txn);
	return count;
}

static size_t
start_jobs(struct issuer *s, struct authority *ca, size_t room, struct page pages[LANES])
{
	size_t started = 0;

	while (started < room) {
		size_t wait[LANES];
		enum domain_lane lane;

		for (lane = 0; lane < LANES; lane++)
			wait[lane] =
				has_places(ca, lane) ? pages[lane].count - pages[lane].next : 0;
		lane = due_turn(&ca->shares, wait);
		if (lane == LANES)
			break;
		started += start_job(s, ca, &pages[lane].names[pages[lane].next++]);
	}
	return started;
}

/* Names that cannot be started stay in the index until upkeep has been there, so pages are longer
 * than there is room. */
void
issuer_plan(struct issuer *s, struct authority *ca)
{
	static struct page pages[LANES]; /* this thread's only */
	int64_t mono = clock_mono_ms();
	size_t free_places = authority_room(ca, mono), count, started;
	size_t room = clockwatch_room(s->clock, free_places, clock_wall(), mono);

	if (room == 0 && free_places > 0 && ca->plan_at <= mono)
		ca->plan_at = mono + PLAN_AGAIN_MS; /* the clock is in doubt */
	if (room == 0 || !upkeep_has_room(s->upkeep) || ca->plan_at > mono)
		return;
	count = read_pages(s, ca, room, pages);
	started = start_jobs(s, ca, room, pages);
	if (started)
		clockwatch_began(s->clock, mono);
	ca->plan_at = 0;
	if (count > 0 && started == 0)
		ca->plan_at =
			clock_mono_ms() + (authority_has_budget(ca) ? PLAN_AGAIN_MS : PLAN_POOR_MS);
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The same while CA takes no orders; its names may have others, which are looked for meanwhile. */
static int64_t
until_usable(const struct issuer *s, struct authority *ca, int64_t now, int64_t mono)
{
	int64_t ms = ca->hold_until > mono ? ca->hold_until - mono
	                                   : (budget_next(&ca->budget, now) - now) * 1000;

	if (s->ca_count > 1)
		ms = sooner(ms, ca->pass_at > mono ? ca->pass_at - mono : 0);
	return sooner(ms, ISSUER_SLEEP_MAX_MS);
}

/* The earliest due_at in the lanes of CA that have places; ERR_NOTFOUND: nothing is planned there.
 */
static enum err
next_due(struct issuer *s, struct authority *ca, int64_t *ret_at)
{
	struct store_txn *txn;
	int64_t best = INT64_MAX, at;
	enum err err = store_begin_read(s->store, STORE_SERVED, &txn);

	if (err)
		return err;
	for (enum domain_lane lane = 0; lane < LANES; lane++) {
		struct domain_queue queue = {ca->conf->name, lane};

		if (has_places(ca, lane) && !domain_next_due(txn, &queue, &at))
			best = sooner(best, at);
	}
	store_abort(txn);
	*ret_at = best;
	return best == INT64_MAX ? ERR_NOTFOUND : ERR_OK;
}

int64_t
issuer_plan_ms(struct issuer *s, struct authority *ca)
{
	int64_t now = clock_wall(), mono = clock_mono_ms(), at = 0;
	int64_t most = ISSUER_SLEEP_MAX_MS;

	if (ca->hold_until > mono || (!authority_has_budget(ca) && !has_places(ca, LANE_RENEW)))
		return until_usable(s, ca, now, mono);
	if (!authority_has_budget(ca))
		most = until_usable(s, ca, now, mono);
	if (authority_room(ca, mono) == 0 || next_due(s, ca, &at) ||
	    at - now > ISSUER_SLEEP_MAX_MS / 1000)
		return most;
	if (at > now)
		return sooner((at - now) * 1000, most);
	if (!upkeep_has_room(s->upkeep))
		return ROOM_LOOK_MS;
	return ca->plan_at > mono ? sooner(ca->plan_at - mono, most) : 0;
}
