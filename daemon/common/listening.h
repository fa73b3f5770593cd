/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/listening.h - what a worker counts of each listener, in its slot of the status page
 *
 * Found by the listener's address, so that the counters go on over a reload and a worker's restart.
 * Threads: one writer, the slot's worker; any number of readers.
 */
#ifndef DAEMON_COMMON_LISTENING_H
#define DAEMON_COMMON_LISTENING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* name, word in the control protocol */
#define LISTENING_COUNTERS(X)                                                                      \
	X(ACCEPTED, "accepted")                                                                    \
	X(REJECTED, "rejected")
/* Gauges; half-open: accepted, and not through with hello, handshake or request. */
#define LISTENING_GAUGES(X)                                                                        \
	X(CONNECTIONS, "connections")                                                              \
	X(HALF_OPEN, "half_open")

enum listening_value {
#define X(name, word) LISTENING_##name,
	LISTENING_COUNTERS(X) LISTENING_GAUGES(X)
#undef X
		LISTENING_VALUES
};

enum { LISTENING_FIRST_GAUGE = LISTENING_CONNECTIONS, LISTENING_MAX = 64 };

struct listening {
	_Atomic uint64_t key; /* of its address; 0: the place is free */
	_Atomic uint64_t values[LISTENING_VALUES];
};

struct listening_table {
	struct listening of[LISTENING_MAX];
};

uint64_t listening_key(const char *address);
/* The place of KEY; NULL: there is none. */
const struct listening *listening_find(const struct listening_table *table, uint64_t key);
/* The same, made if need be; NULL: the table is full. */
struct listening *listening_take(struct listening_table *table, uint64_t key);
/* Frees the places of all but the COUNT KEYS. */
void listening_keep(struct listening_table *table, const uint64_t *keys, size_t count);
void listening_reset_gauges(struct listening_table *table);
const char *listening_word(enum listening_value which);

/* Only one writes, so plain load and store. L may be NULL: nothing is counted. */
static inline void
listening_add(struct listening *l, enum listening_value which, int64_t n)
{
	uint64_t v;

	if (!l)
		return;
	v = atomic_load_explicit(&l->values[which], memory_order_relaxed);
	atomic_store_explicit(&l->values[which], v + (uint64_t)n, memory_order_relaxed);
}

#endif
