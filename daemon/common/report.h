/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/report.h - names from a worker to the keeper: whose stored records do not open, who
 * is asked for and not here, who is used (daemon/watch/demander.h)
 *
 * A ring of each in the worker's slot of the status page: the front cannot write to the store, so
 * it says here what it has met, and the keeper looks for itself before it does anything. The writer
 * never waits; what it overwrites before it was read is counted as lost, and reported again when
 * the name is asked for again. Threads: one writer; any number of readers, each with a place of its
 * own.
 */
#ifndef DAEMON_COMMON_REPORT_H
#define DAEMON_COMMON_REPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct hostname;

/* 32 words hold a name and its final NUL; one more a number about it. */
enum { REPORT_RING = 16, REPORT_NAME_WORDS = 32, REPORT_WORDS = REPORT_NAME_WORDS + 1 };

struct report_ring {
	_Alignas(64) _Atomic uint64_t written; /* ever; number N is in words[N % REPORT_RING] */
	_Atomic uint64_t words[REPORT_RING][REPORT_WORDS];
};

/* Where a reader is; zeroed: before everything that is still there. */
struct report_reader {
	uint64_t read;
	uint64_t lost;
};

void report_add(struct report_ring *ring, const struct hostname *name);
void report_add_with(struct report_ring *ring, const struct hostname *name, uint64_t number);
/* False when there is nothing new. */
bool report_next(const struct report_ring *ring, struct report_reader *reader,
                 struct hostname *ret_name);
bool report_next_with(const struct report_ring *ring, struct report_reader *reader,
                      struct hostname *ret_name, uint64_t *ret_number);

#endif
