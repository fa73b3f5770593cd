/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/wheel.h"

#include <stddef.h>
#include <string.h>
#include <utlist.h>

static struct wheel_entry **
slot_of(struct wheel *wheel, int64_t tick)
{
	return &wheel->slots[tick % WHEEL_SLOTS];
}

/* The first tick at which the deadline is over; one turn of the wheel ahead at most. */
static int64_t
tick_for(const struct wheel *wheel, int64_t deadline_ms)
{
	int64_t tick = (deadline_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;

	if (tick <= wheel->tick)
		return wheel->tick + 1;
	return tick < wheel->tick + WHEEL_SLOTS ? tick : wheel->tick + WHEEL_SLOTS - 1;
}

void
wheel_init(struct wheel *wheel, int64_t now_ms)
{
	memset(wheel, 0, sizeof(*wheel));
	wheel->tick = now_ms / WHEEL_TICK_MS;
}

void
wheel_set(struct wheel *wheel, struct wheel_entry *entry, int64_t deadline_ms)
{
	int64_t tick = tick_for(wheel, deadline_ms);

	entry->deadline_ms = deadline_ms;
	if (entry->tick && entry->tick <= tick)
		return;
	wheel_del(wheel, entry);
	entry->tick = tick;
	DL_APPEND(*slot_of(wheel, tick), entry);
}

void
wheel_del(struct wheel *wheel, struct wheel_entry *entry)
{
	if (!entry->tick)
		return;
	DL_DELETE(*slot_of(wheel, entry->tick), entry);
	entry->tick = 0;
}

void
wheel_sweep(struct wheel *wheel, int64_t now_ms, wheel_fn *fn, void *arg)
{
	int64_t now = now_ms / WHEEL_TICK_MS;
	struct wheel_entry *entry;

	/* After a long stop one turn visits every slot; the rest would find them empty. */
	if (now - wheel->tick > WHEEL_SLOTS)
		wheel->tick = now - WHEEL_SLOTS;
	while (wheel->tick < now) {
		wheel->tick++;
		while ((entry = *slot_of(wheel, wheel->tick))) {
			wheel_del(wheel, entry);
			if (entry->deadline_ms <= now_ms)
				fn(entry, arg);
			else
				wheel_set(wheel, entry, entry->deadline_ms);
		}
	}
}
