/* SPDX-License-Identifier: Apache-2.0 */
/* How far served/ has got, noted in private/: so an older state of it is not taken for the newest.
 * What lost most names was refused before (daemon/probe.c); what lost a little is served. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "daemon/watch/upkeep_inside.h"
#include "store/mark.h"
#include "store/store.h"

enum { NOTE_EVERY_MS = 60 * 1000 };

static void
tell_older(struct upkeep *u, const struct store_mark *noted, const struct store_mark *now)
{
	struct event event = {.at = clock_wall(), .type = "store.corrupt"};

	snprintf(event.detail, sizeof(event.detail),
	         "served/ shows an older state, revision %" PRIu64 " with %" PRIu64
	         " names, but had revision %" PRIu64 " with %" PRIu64
	         " names: the changes since are lost, because a page is damaged or an older file "
	         "was put there; it is served as it is. Look at the list of names, or restore a "
	         "backup (certctl db restore)",
	         now->revision, now->names, noted->revision, noted->names);
	upkeep_tell(u, &event);
}

/* Whether what served/ shows may be noted as the truth. */
static bool
is_truth(struct upkeep *u, const struct store_mark *noted, const struct store_mark *now)
{
	enum mark_verdict verdict = store_mark_compare(noted, now);

	if (verdict != MARK_SAME && !u->lost_told)
		tell_older(u, noted, now);
	u->lost_told = verdict == MARK_LOST; /* the next start is to look, too */
	return verdict != MARK_LOST && upkeep_writes(u);
}

void
upkeep_note_served(struct upkeep *u, bool at_once)
{
	struct store_mark noted = {0}, now;
	enum err err;

	if (!at_once && u->note_at > clock_mono_ms())
		return;
	u->note_at = clock_mono_ms() + NOTE_EVERY_MS;
	if (store_mark_now(u->config.store, &now))
		return;
	err = store_mark_get(u->config.store, &noted);
	if (err && err != ERR_NOTFOUND)
		return;
	if (!err && noted.revision == now.revision && noted.names == now.names)
		return;
	if (is_truth(u, &noted, &now) && store_mark_put(u->config.store, &now))
		u->note_at = 0; /* the next tick tries again */
}
