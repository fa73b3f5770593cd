/* SPDX-License-Identifier: Apache-2.0 */
/* Hellos for names that are not served, of all workers, as one event row: how many and why, which
 * networks send most of them, a few of the names. Everything is bounded, whatever comes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/flood.h"
#include "daemon/common/history.h"
#include "daemon/common/network.h"
#include "daemon/watch/upkeep_inside.h"
#include "store/event.h"

/* Told at once, then each time the count has doubled, but not more often than FLOOD_SOON_MS: a
 * flood of a million writes twenty times. What trickles is told after FLOOD_LATE_MS. */
enum { FLOOD_SOON_MS = 10 * 1000, FLOOD_LATE_MS = 5 * 60 * 1000 };
enum { END_LOOK_MS = 10 * 1000 };
enum { KEYS = 64, NAMES = 4, SHOWN_NETWORKS = 5 };

static const char *const reasons[FLOOD_REASONS] = {
	[FLOOD_UNKNOWN] = "unknown",
	[FLOOD_INVALID] = "invalid",
	[FLOOD_ABSENT] = "without a name",
};

struct tally {
	uint64_t key;
	uint64_t count;
};

struct upkeep_flood {
	struct flood_reader readers[STATUS_SLOTS];
	uint64_t seen[STATUS_SLOTS][FLOOD_REASONS];
	uint64_t total[FLOOD_REASONS]; /* of this row */
	uint64_t untold;               /* of them */
	uint64_t told;
	struct tally keys[KEYS]; /* of this row: who has sent most of them */
	char names[NAMES][FLOOD_NAME_MAX + 1];
	size_t name_at;
	int64_t began_at; /* unix seconds: this row's first event; 0: none yet */
	int64_t told_at;  /* mono ms */
	int64_t heard_at; /* unix seconds: the last one, 0: none since the start */
	int64_t end_at;   /* mono ms: the next look whether it is over */
};

static void
on_key(void *arg, uint64_t key, uint64_t count)
{
	struct upkeep_flood *f = arg;
	struct tally *least = &f->keys[0];

	for (int i = 0; i < KEYS; i++) {
		if (f->keys[i].key == key) {
			f->keys[i].count += count;
			return;
		}
		if (f->keys[i].count < least->count)
			least = &f->keys[i];
	}
	if (count > least->count)
		*least = (struct tally){key, count};
}

static void
take_name(struct upkeep_flood *f, const char *name)
{
	for (size_t i = 0; i < NAMES; i++)
		if (strcmp(f->names[i], name) == 0)
			return;
	memcpy(f->names[f->name_at++ % NAMES], name, FLOOD_NAME_MAX + 1);
}

static void
look_at_totals(struct upkeep_flood *f, const struct flood *flood, uint64_t *seen)
{
	for (int r = 0; r < FLOOD_REASONS; r++) {
		uint64_t now = atomic_load_explicit(&flood->total[r], memory_order_relaxed);

		f->total[r] += now - seen[r];
		f->untold += now - seen[r];
		if (now != seen[r])
			f->heard_at = clock_wall();
		seen[r] = now;
	}
}

static void
look(struct upkeep_flood *f, const struct status *status)
{
	char name[FLOOD_NAME_MAX + 1];

	for (int i = 0; i < STATUS_SLOTS; i++) {
		const struct flood *flood = &status->slot[i].flood;

		look_at_totals(f, flood, f->seen[i]);
		flood_read(flood, &f->readers[i], on_key, f);
		while (flood_next_name(flood, &f->readers[i], name))
			take_name(f, name);
	}
}

static bool
is_due(const struct upkeep_flood *f, int64_t now_ms)
{
	if (f->untold == 0)
		return false;
	if (f->told == 0)
		return f->told_at == 0 || now_ms - f->told_at >= FLOOD_SOON_MS;
	return now_ms - f->told_at >= (f->untold >= f->told ? FLOOD_SOON_MS : FLOOD_LATE_MS);
}

static int
by_count(const void *a, const void *b)
{
	const struct tally *one = a, *other = b;

	return one->count < other->count ? 1 : one->count > other->count ? -1 : 0;
}

static void
describe(struct upkeep_flood *f, struct buf *out)
{
	bool any = false;

	for (int r = 0; r < FLOOD_REASONS; r++) {
		if (f->total[r] == 0)
			continue;
		buf_printf(out, "%s%llu %s", any ? ", " : "", (unsigned long long)f->total[r],
		           reasons[r]);
		any = true;
	}
	qsort(f->keys, KEYS, sizeof(f->keys[0]), by_count);
	for (int i = 0; i < SHOWN_NETWORKS && f->keys[i].count; i++) {
		char text[NETWORK_TEXT_MAX + 1];
		struct network n;

		flood_key_network(f->keys[i].key, &n);
		network_format(&n, text);
		buf_printf(out, "%s%s (%llu %s)", i ? ", " : "; from ", text,
		           (unsigned long long)f->keys[i].count,
		           reasons[flood_key_reason(f->keys[i].key)]);
	}
	any = false;
	for (int i = 0; i < NAMES; i++) {
		if (!f->names[i][0])
			continue;
		buf_printf(out, "%s%s", any ? ", " : "; such as ", f->names[i]);
		any = true;
	}
}

/* The day of a row is over: the next one counts by itself. */
static void
end_row(struct upkeep_flood *f)
{
	f->began_at = 0;
	f->told = 0;
	memset(f->total, 0, sizeof(f->total));
	memset(f->keys, 0, sizeof(f->keys));
	memset(f->names, 0, sizeof(f->names));
	f->name_at = 0;
}

/* Names that came by the thousand, or none that could be names, are known by silence only. */
static void
watch_end(struct upkeep *u)
{
	struct upkeep_flood *f = u->flood;
	struct flood_seen seen = {.names = (const char(*)[FLOOD_NAME_MAX + 1]) f->names,
	                          .heard_at = f->heard_at};
	int64_t now_ms = clock_mono_ms();

	if (f->untold || now_ms < f->end_at)
		return;
	f->end_at = now_ms + END_LOOK_MS;
	if (f->name_at <= NAMES && !f->total[FLOOD_INVALID] && !f->total[FLOOD_ABSENT])
		seen.name_count = f->name_at;
	if (upkeep_end_flood(u, &seen, clock_wall()))
		end_row(f);
}

/* A keeper that starts anew goes on from now: what was before is in a row of its predecessor, or,
 * as far as it was not told, only in the status counters. */
enum err
upkeep_flood_new(const struct status *status, struct upkeep_flood **ret_flood)
{
	struct upkeep_flood *f = calloc(1, sizeof(*f));

	if (!f)
		return ERR_NOMEM;
	look(f, status);
	f->untold = 0;
	f->heard_at = 0;
	end_row(f);
	*ret_flood = f;
	return ERR_OK;
}

void
upkeep_flood_free(struct upkeep_flood *flood)
{
	free(flood);
}

void
upkeep_watch_flood(struct upkeep *u)
{
	struct event event = {.at = clock_wall(), .type = UPKEEP_UNKNOWN};
	struct upkeep_flood *f = u->flood;
	struct buf text = {0};
	enum err err;

	if (f->began_at && event.at - f->began_at > EVENT_FOLD_S)
		end_row(f);
	look(f, u->config.status);
	watch_end(u);
	if (!is_due(f, clock_mono_ms()))
		return;
	describe(f, &text);
	event.count = f->untold < UINT32_MAX ? (uint32_t)f->untold : UINT32_MAX;
	snprintf(event.detail, sizeof(event.detail), "%s", buf_str(&text));
	buf_done(&text);
	f->told_at = clock_mono_ms();
	err = history_tally(u->config.store, u->config.notices, &event);
	if (err) {
		log_debug("unknown names are not told yet: %s", err_text(err));
		return; /* in FLOOD_SOON_MS again */
	}
	if (!f->began_at)
		f->began_at = event.at;
	f->told += f->untold;
	f->untold = 0;
}
