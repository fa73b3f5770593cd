/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/status.h - the shared page of counters: what the workers tell the keeper
 *
 * Mapped by the parent before fork, one slot per worker, written by that worker only, read by the
 * keeper. A slot outlives its worker, so counters keep growing over a restart; gauges are reset
 * when a new worker takes the slot; the keeper's slot has what its demander counts. After an
 * upgrade the certd before us goes on counting while it drains, and tells its sums now and then.
 */
#ifndef DAEMON_COMMON_STATUS_H
#define DAEMON_COMMON_STATUS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "daemon/common/demand.h"
#include "daemon/common/flood.h"
#include "daemon/common/histogram.h"
#include "daemon/common/listening.h"
#include "daemon/common/report.h"
#include "daemon/common/status_list.h"
#include "daemon/common/top.h"

enum status_counter {
#define X(name, word) STATUS_##name,
	STATUS_COUNTERS(X) STATUS_GAUGES(X)
#undef X
		STATUS_COUNT
};

enum { STATUS_FIRST_GAUGE = STATUS_CONNECTIONS, STATUS_SLOTS = 128, STATUS_KEEPER = 0 };

struct status_slot {
	_Alignas(64) _Atomic uint64_t values[STATUS_COUNT];
	_Atomic uint64_t beats;        /* grows while the role's loop turns */
	struct report_ring reports;    /* damaged names it has met */
	struct report_ring asks, uses; /* names on demand: wanted; here, and used */
	struct flood flood;            /* names it was asked for in vain */
	struct histogram handshakes;   /* from a hello's first byte to a handshake that went well */
	struct listening_table listening;
	struct top top; /* names it is asked for most */
};

struct status {
	_Atomic int32_t pid; /* of the parent */
	_Atomic uint64_t worker_restarts;
	_Atomic bool
		mending; /* the keeper reads all names: still set at its start, that ended it */
	_Atomic uint64_t elder[STATUS_COUNT]; /* of the certd before us, as the next two */
	struct histogram elder_handshakes;
	struct listening_table elder_listening;
	struct demand demand;
	struct status_slot slot[STATUS_SLOTS];
};

/* A shared anonymous mapping that children inherit. */
MUST_CHECK enum err status_new(struct status **ret_status);
void status_free(struct status *status);

/* Only the slot's worker writes, so plain load and store, no locked instruction. */
static inline void
status_add(struct status_slot *slot, enum status_counter which, int64_t n)
{
	uint64_t v = atomic_load_explicit(&slot->values[which], memory_order_relaxed);

	atomic_store_explicit(&slot->values[which], v + (uint64_t)n, memory_order_relaxed);
}

/* The role lives: its loop has turned. Its thread only. */
static inline void
status_beat(struct status_slot *slot)
{
	atomic_fetch_add_explicit(&slot->beats, 1, memory_order_relaxed);
}

void status_reset_gauges(struct status_slot *slot);
/* Sum over all slots, and of the certd before us. */
uint64_t status_sum(const struct status *status, enum status_counter which);
/* The same of a listener's; KEY: listening_key(). */
uint64_t status_listening(const struct status *status, uint64_t key, enum listening_value which);
/* How long handshakes took. */
void status_handshakes(const struct status *status, struct histogram_counts *ret_counts);
/* Sums as "WORD=NUMBER ..." from number AT on (0: the first), as many as fit in TEXT; answers where
 * to go on, STATUS_PRINT_END at the end. */
enum {
	STATUS_PRINT_HANDSHAKES = STATUS_COUNT, /* the sum of their times, then the buckets */
	STATUS_PRINT_LISTENING = STATUS_PRINT_HANDSHAKES + 1 + HISTOGRAM_BUCKETS,
	STATUS_PRINT_END = STATUS_PRINT_LISTENING + LISTENING_MAX * LISTENING_VALUES
};
int status_print(const struct status *status, int at, char *text, size_t size);
/* Takes such a text as the sums of the certd before us; words we do not know are left out. */
void status_take(struct status *status, const char *text);
/* That certd has ended: its gauges are 0, its counters stay. */
void status_forget_gauges(struct status *status);
const char *status_word(enum status_counter which);

#endif
