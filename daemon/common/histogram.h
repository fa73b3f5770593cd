/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/histogram.h - how long things take, in shared memory
 *
 * Buckets grow by a quarter of a power of two, from 1 us to four minutes: what is read from them is
 * right to an eighth. Adding is one store, without a lock; what takes longer counts as the longest.
 * A histogram has one writer and grows for ever; of a recent one, which any number of threads may
 * write, there are the minute that runs and the one before it. Any number of readers.
 */
#ifndef DAEMON_COMMON_HISTOGRAM_H
#define DAEMON_COMMON_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 108, HISTOGRAM_MINUTE_S = 60 };

struct histogram {
	_Atomic uint64_t sum_us;
	_Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
};

struct histogram_recent {
	_Atomic uint32_t minute[2]; /* that each is of; 0: none */
	_Atomic uint32_t buckets[2][HISTOGRAM_BUCKETS];
};

/* What was read, by one thread. */
struct histogram_counts {
	uint64_t sum_us;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* The bucket of US microseconds, and where bucket I ends (its first value is the end of the one
 * before it). */
static inline unsigned
histogram_bucket(uint64_t us)
{
	const uint64_t most = ((uint64_t)1 << (HISTOGRAM_BUCKETS / 4 + 1)) - 1;
	unsigned octave;

	if (us < 4)
		return (unsigned)us;
	if (us > most)
		us = most;
	octave = 63 - (unsigned)__builtin_clzll(us);
	return (octave - 1) * 4 + (unsigned)(us >> (octave - 2) & 3);
}
uint64_t histogram_end(unsigned bucket);

/* Its one writer; a negative time counts as none. */
void histogram_add(struct histogram *h, int64_t us);
void histogram_recent_add(struct histogram_recent *h, int64_t us, int64_t mono_ms);

/* Adds what H has to SUM. */
void histogram_read(const struct histogram *h, struct histogram_counts *sum);
void histogram_recent_read(const struct histogram_recent *h, int64_t mono_ms,
                           struct histogram_counts *sum);
/* Takes what was counted BEFORE off NOW, a later reading of the same. */
void histogram_since(struct histogram_counts *now, const struct histogram_counts *before);
uint64_t histogram_count(const struct histogram_counts *h);
/* How many microseconds PERMILLE of them take at most; 0 when there are none. */
uint64_t histogram_quantile(const struct histogram_counts *h, unsigned permille);

#endif
