/* SPDX-License-Identifier: Apache-2.0 */
/* When a dead role is started again. LMDB has no checksums, so damaged pages, its list of free
 * pages above all, end who writes: a keeper that crashes again and again is started so that it
 * leaves served/ alone, which keeps certctl, and says what is wrong. If even that does not live it
 * waits. An hour later it gets another try, for it may have been something else. Workers know
 * nothing of this. */
#include <signal.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/role_inside.h"

enum {
	LIVED_MS = 1000,        /* a role that died sooner is restarted with growing delay */
	CRASHES_MOST = 3,       /* in a row; then careful, and as many again */
	APART_MS = 600 * 1000,  /* who lived that long begins a new row */
	AGAIN_MS = 3600 * 1000, /* from careful, or from waiting, to the next try */
};

bool
role_has_crashed(const struct role *r)
{
	int number = r->killed_by;

	return number == SIGSEGV || number == SIGBUS || number == SIGABRT || number == SIGFPE ||
	       number == SIGILL;
}

/* The next crash makes it careful again. Who is careful because pages are known as damaged stays
 * so: only the probe at the start of certd says that they are sound. */
static void
try_writing(const struct parent *p, struct role *r)
{
	r->spawn.careful = p->careful;
	r->crashes = CRASHES_MOST - 1;
}

static void
become_careful(struct role *r)
{
	r->spawn.careful = true;
	log_err("the keeper was killed %u times in a row (signal %d): pages of served/data.mdb are "
	        "damaged, most likely. From now on it writes nothing there: what is stored is "
	        "served, nothing is ordered or changed. Stop certd and run certctl db compact, or "
	        "restore a backup (certctl db restore); next try in an hour",
	        r->crashes, r->killed_by);
}

static void
wait_long(const struct parent *p, struct role *r)
{
	try_writing(p, r);
	r->delay_ms = AGAIN_MS;
	log_err("the keeper does not live on this store even without writing to served/: it stays "
	        "away, so there are no orders and no certctl; what is stored is served. Stop "
	        "certd, and restore a backup (certctl db restore); next try in an hour");
}

static void
count_crash(const struct parent *p, struct role *r, int64_t lived_ms)
{
	if (lived_ms >= APART_MS && r->spawn.careful == p->careful)
		r->crashes = 0;
	if (!role_has_crashed(r))
		return;
	r->crashes++;
	if (r->crashes >= 2 * CRASHES_MOST)
		wait_long(p, r);
	else if (r->crashes >= CRASHES_MOST && !r->spawn.careful)
		become_careful(r);
}

void
role_plan_restart(struct parent *p, struct role *r, bool never_ran)
{
	bool is_keeper = r->spawn.kind == SPAWN_KEEPER;
	uint32_t most = is_keeper ? KEEPER_RESTART_MAX_MS : RESTART_MAX_MS;
	int64_t now = clock_mono_ms(), lived_ms = now - r->at;

	atomic_fetch_add(&p->status->worker_restarts, 1);
	r->delay_ms = lived_ms >= LIVED_MS ? 0 : r->delay_ms ? r->delay_ms * 2 : 50;
	if (never_ran && is_keeper && r->delay_ms < LIVED_MS)
		r->delay_ms = LIVED_MS; /* the store is in its way, and that lasts */
	if (r->delay_ms > most)
		r->delay_ms = most;
	if (is_keeper)
		count_crash(p, r, lived_ms);
	/* Who was killed for its memory, or by hand, was not ended by what it read. */
	if (is_keeper && !role_has_crashed(r))
		atomic_store(&p->status->mending, false);
	r->state = ROLE_WAITING;
	r->at = now + r->delay_ms;
}

void
role_retry_writing(const struct parent *p, struct role *r, int64_t now)
{
	if (!r->spawn.careful || p->careful || r->state != ROLE_RUNNING || now - r->at < AGAIN_MS)
		return;
	log_notice("the keeper starts again, with another try to write to served/");
	try_writing(p, r);
	role_say(r, ROLE_QUIT, NULL); /* on_gone() starts it */
}
