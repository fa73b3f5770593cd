/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the roles still turn. Each counts up in its slot of the status page, four times a second
 * (a worker) or once (the keeper), from the loop that serves. We look once a second; one that has
 * not moved for many looks is killed, so that another takes its place. The service manager hears
 * WATCHDOG=1 only after a look that found all of them turning: it starts us again when we hang
 * ourselves, or when a role cannot be replaced.
 *
 * Looks are counted, not time: after a pause of the whole machine nobody has been silent. */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/notify.h"
#include "daemon/role_inside.h"

enum {
	LOOK_MS = 1000,
	WORKER_LOOKS = 10,
	WORKER_START_LOOKS = 60, /* what is queued on its sockets waits for it, and a reload does */
	KEEPER_LOOKS = 30,       /* a disk may take its time for a commit */
};

static uint32_t
looks_of(const struct role *r)
{
	if (r->spawn.kind == SPAWN_KEEPER)
		return KEEPER_LOOKS;
	return r->state == ROLE_STARTING ? WORKER_START_LOOKS : WORKER_LOOKS;
}

/* Those that leave have their own time limit; a keeper that starts may have a large store to copy
 * or to mend first. */
static bool
is_silent(const struct parent *p, struct role *r)
{
	uint64_t beats =
		atomic_load_explicit(&p->status->slot[r - p->roles].beats, memory_order_relaxed);

	if (r->state == ROLE_STARTING && r->spawn.kind == SPAWN_WORKER)
		r->silent++; /* it has not begun to count */
	else if (r->state != ROLE_RUNNING || r->beats != beats)
		r->silent = 0;
	else
		r->silent++;
	r->beats = beats;
	return r->silent >= looks_of(r);
}

static void
replace(const struct role *r)
{
	if (r->spawn.pid <= 0 || r->silent % looks_of(r) != 0)
		return; /* a thread, which only the service manager can end; or it is dying */
	log_err("the %s (process %d) has not moved for %u s: killing it", role_name(r),
	        (int)r->spawn.pid, r->silent * LOOK_MS / 1000);
	kill(r->spawn.pid, SIGKILL);
}

/* Not of a certd that is to take over, or that has handed over. */
static bool
is_main(const struct parent *p)
{
	return p->announced && !p->elder.held && p->heir.state <= HEIR_STARTING;
}

int64_t
watch_on_time(struct parent *p)
{
	int64_t now = clock_mono_ms();
	bool fine = true;

	if (now < p->look_at)
		return p->look_at;
	for (size_t i = 0; i < ROLES_MAX; i++) {
		if (!is_silent(p, &p->roles[i]))
			continue;
		fine = false;
		replace(&p->roles[i]);
	}
	if (fine && is_main(p) && getenv("WATCHDOG_USEC"))
		notify_say("WATCHDOG=1");
	p->look_at = now + LOOK_MS;
	return p->look_at;
}
