/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/histogram.h"

#include <stdbool.h>

enum { PERMILLE = 1000 };

uint64_t
histogram_end(unsigned bucket)
{
	unsigned octave = bucket / 4 + 1;

	if (bucket < 4)
		return bucket + 1;
	return (uint64_t)(bucket % 4 + 5) << (octave - 2);
}

void
histogram_add(struct histogram *h, int64_t us)
{
	uint64_t t = us > 0 ? (uint64_t)us : 0;
	_Atomic uint64_t *bucket = &h->buckets[histogram_bucket(t)];

	atomic_store_explicit(bucket, atomic_load_explicit(bucket, memory_order_relaxed) + 1,
	                      memory_order_relaxed);
	atomic_store_explicit(&h->sum_us,
	                      atomic_load_explicit(&h->sum_us, memory_order_relaxed) + t,
	                      memory_order_relaxed);
}

/* From 1 on: 0 is a place that was never used. */
static uint32_t
minute_of(int64_t mono_ms)
{
	return (uint32_t)(mono_ms / 1000 / HISTOGRAM_MINUTE_S) + 1;
}

/* Who comes first in a minute empties its place; what another adds meanwhile may be lost. */
void
histogram_recent_add(struct histogram_recent *h, int64_t us, int64_t mono_ms)
{
	uint32_t minute = minute_of(mono_ms);
	unsigned place = minute % 2;

	if (atomic_load_explicit(&h->minute[place], memory_order_relaxed) != minute &&
	    atomic_exchange_explicit(&h->minute[place], minute, memory_order_relaxed) != minute)
		for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
			atomic_store_explicit(&h->buckets[place][i], 0, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->buckets[place][histogram_bucket(us > 0 ? (uint64_t)us : 0)],
	                          1, memory_order_relaxed);
}

void
histogram_read(const struct histogram *h, struct histogram_counts *sum)
{
	sum->sum_us += atomic_load_explicit(&h->sum_us, memory_order_relaxed);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		sum->buckets[i] += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
}

void
histogram_recent_read(const struct histogram_recent *h, int64_t mono_ms,
                      struct histogram_counts *sum)
{
	uint32_t now = minute_of(mono_ms);

	for (unsigned place = 0; place < 2; place++) {
		uint32_t minute = atomic_load_explicit(&h->minute[place], memory_order_relaxed);

		if (minute != now && minute + 1 != now)
			continue;
		for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
			sum->buckets[i] +=
				atomic_load_explicit(&h->buckets[place][i], memory_order_relaxed);
	}
}

void
histogram_since(struct histogram_counts *now, const struct histogram_counts *before)
{
	now->sum_us -= before->sum_us < now->sum_us ? before->sum_us : now->sum_us;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		now->buckets[i] -=
			before->buckets[i] < now->buckets[i] ? before->buckets[i] : now->buckets[i];
}

uint64_t
histogram_count(const struct histogram_counts *h)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		count += h->buckets[i];
	return count;
}

/* Within a bucket they are taken to be spread evenly. */
uint64_t
histogram_quantile(const struct histogram_counts *h, unsigned permille)
{
	uint64_t count = histogram_count(h), rank = (count * permille + PERMILLE - 1) / PERMILLE;
	uint64_t below = 0, begin = 0;

	if (count == 0)
		return 0;
	if (rank == 0)
		rank = 1;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t end = histogram_end(i), here = h->buckets[i];

		if (here && below + here >= rank)
			return begin + (end - begin) * (rank - below) / here;
		below += here;
		begin = end;
	}
	return begin;
}
