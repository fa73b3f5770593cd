/* SPDX-License-Identifier: Apache-2.0 */
/* Names that nobody would ever look at: in work by what the store says, without a job; in the queue
 * of a CA that has left the configuration, though they have another one; led by a name that is not
 * there; or to be tried again later than anybody waits, since the clock was ahead when they failed.
 * A slow walk over all names finds them, at the start, with each configuration, when the clock is
 * believed again, and once a day. */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/order/failover.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/upkeep.h"
#include "store/store.h"

enum { PAGE = 128, NEXT_MS = 100, AGAIN_MS = 86400 * 1000, WAIT_MOST_S = 8 * 86400 };

static bool
is_in_work(const struct issuer *s, const struct hostname *name)
{
	const struct job *job;

	HASH_FIND(hh, s->jobs, name->name, name->len, job);
	return job != NULL;
}

static bool
has_lead(struct store_txn *txn, const struct domain *d)
{
	struct domain lead;

	return d->lead.len && domain_get(txn, &d->lead, &lead) != ERR_NOTFOUND;
}

/* By a clock that was ahead: it says itself that it was made or tried in what is the future. */
static bool
is_of_another_time(const struct domain *d)
{
	int64_t now = clock_wall();

	return d->due_at > now + WAIT_MOST_S || d->attempted_at > now + CLOCK_STEP_S ||
	       d->created_at > now + CLOCK_STEP_S;
}

static bool
is_stuck(const struct issuer *s, const struct domain *d)
{
	bool waits = (d->state == DOMAIN_FAILING || d->state == DOMAIN_PENDING) &&
	             d->due_at > clock_wall();

	return d->due_at == 0 ||
	       (waits && is_of_another_time(d) && !clockwatch_is_suspect(s->clock));
}

/* Whether D was to be changed, and is. What does not open is somebody else's business. */
static bool
set_right(struct issuer *s, struct store_txn *txn, struct domain *d)
{
	bool changed = false;

	if (d->state == DOMAIN_EXTERNAL || d->state == DOMAIN_PAUSED || !d->ca[0] ||
	    has_lead(txn, d) || is_in_work(s, &d->name))
		return false;
	d->lead.len = 0;
	if (is_stuck(s, d)) {
		d->due_at = clock_wall();
		changed = true;
	}
	if (!issuer_has_ca(s, d->ca)) {
		failover_restart(d, issuer_has_ca, s);
		changed = changed || issuer_has_ca(s, d->ca);
	}
	return changed;
}

/* How many of the next page are to be changed. */
static enum err
read_page(struct issuer *s, struct domain page[PAGE], size_t *ret_count, size_t *ret_stuck)
{
	struct store_txn *txn;
	enum err err = store_begin_read(s->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_page(txn, s->swept.len ? &s->swept : NULL, PAGE, page, ret_count);
	for (size_t i = 0; i < *ret_count && !err; i++) {
		struct domain d = page[i];

		*ret_stuck += set_right(s, txn, &d);
	}
	store_abort(txn);
	return err;
}

static enum err
put_page(struct issuer *s, const struct domain *page, size_t count)
{
	struct store_txn *txn;
	enum err err = store_begin_write(s->store, STORE_SERVED, &txn);

	if (err)
		return err;
	for (size_t i = 0; i < count && !err; i++) {
		struct domain d;

		if (domain_get(txn, &page[i].name, &d) || !set_right(s, txn, &d))
			continue;
		log_host_info(&d.name, "nobody would have looked at it: planned anew");
		err = domain_put(txn, &d);
	}
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

/* Whoever has failed by a clock that was ahead is not to wait for tomorrow's walk. */
static void
look_at_clock(struct issuer *s)
{
	bool doubted = s->doubted;

	s->doubted = clockwatch_is_suspect(s->clock);
	if (!doubted || s->doubted)
		return;
	s->sweep_at = 0;
	s->swept.len = 0;
}

void
issuer_sweep(struct issuer *s)
{
	static struct domain page[PAGE]; /* this thread's only */
	int64_t now = clock_mono_ms();
	size_t count = 0, stuck = 0;
	enum err err;

	look_at_clock(s);
	if (s->sweep_at > now)
		return;
	s->sweep_at = now + (upkeep_writes(s->upkeep) ? STORE_HOLD_MS : AGAIN_MS);
	if (!upkeep_writes(s->upkeep))
		return;
	err = read_page(s, page, &count, &stuck);
	if (!err && stuck)
		err = put_page(s, page, count);
	if (err)
		return; /* the same page later */
	s->swept.len = 0;
	if (count == PAGE)
		s->swept = page[count - 1].name;
	s->sweep_at = now + (count == PAGE ? NEXT_MS : AGAIN_MS);
}
