/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/top.h - which names clients ask for most, of a worker, in its slot of the status
 * page
 *
 * The TOP_NAMES most frequent of the minute that runs and of the one before it, by the space-saving
 * algorithm (Metwally, Agrawal, El Abbadi 2005): bounded whatever comes, and a name with more than
 * 1/TOP_NAMES of all connections is never missed. Adding looks at a kilobyte and never waits.
 * Threads: one writer; any number of readers.
 */
#ifndef DAEMON_COMMON_TOP_H
#define DAEMON_COMMON_TOP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hostname.h"

enum { TOP_NAMES = 64, TOP_NAME_WORDS = (HOSTNAME_MAX + 1 + 7) / 8, TOP_MINUTE_S = 60 };

struct top_minute {
	_Atomic uint64_t keys[TOP_NAMES]; /* 0: unused, or being replaced */
	_Atomic uint64_t counts[TOP_NAMES];
	_Atomic uint64_t bases[TOP_NAMES]; /* what a count began with, taken over from another */
	_Atomic uint64_t names[TOP_NAMES][TOP_NAME_WORDS];
	_Atomic uint32_t minute; /* 0: none yet */
};

struct top {
	_Alignas(64) struct top_minute of[2];
};

/* A name, and how often it came, at least. */
struct top_name {
	struct hostname name;
	uint64_t count;
};

void top_add(struct top *top, const struct hostname *name, int64_t mono_ms);

/* What many tops have between them. */
struct top_sum;
/* NULL when there is no memory. */
struct top_sum *top_sum_new(int64_t mono_ms);
void top_sum_add(struct top_sum *sum, const struct top *top);
/* Up to LIMIT names, the most frequent first; RET_SECONDS: the time that was counted. Ends SUM. */
size_t top_sum_end(struct top_sum *sum, struct top_name *names, size_t limit, int64_t *ret_seconds);

#endif
