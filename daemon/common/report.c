/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/report.h"

#include <string.h>

#include "base/hostname.h"

/* A reader that sees a word of number N also sees `written` >= N (each word is stored with release
 * after it), so it knows that what was in that place before is gone. The place that is being
 * written to is never good: REPORT_RING - 1 of them can be read. */
void
report_add_with(struct report_ring *ring, const struct hostname *name, uint64_t number)
{
	uint64_t n = atomic_load_explicit(&ring->written, memory_order_relaxed);
	uint64_t words[REPORT_WORDS] = {0};

	memcpy(words, name->name, name->len);
	words[REPORT_NAME_WORDS] = number;
	for (int i = 0; i < REPORT_WORDS; i++)
		atomic_store_explicit(&ring->words[n % REPORT_RING][i], words[i],
		                      memory_order_release);
	atomic_store_explicit(&ring->written, n + 1, memory_order_release);
}

void
report_add(struct report_ring *ring, const struct hostname *name)
{
	report_add_with(ring, name, 0);
}

bool
report_next_with(const struct report_ring *ring, struct report_reader *reader,
                 struct hostname *ret_name, uint64_t *ret_number)
{
	uint64_t words[REPORT_WORDS], written;
	const char *text = (const char *)words;

	while ((written = atomic_load_explicit(&ring->written, memory_order_acquire)) !=
	       reader->read) {
		uint64_t n = reader->read;

		if (written - n >= REPORT_RING) {
			reader->lost += written - n - (REPORT_RING - 1);
			n = reader->read = written - (REPORT_RING - 1);
		}
		for (int i = 0; i < REPORT_WORDS; i++)
			words[i] = atomic_load_explicit(&ring->words[n % REPORT_RING][i],
			                                memory_order_acquire);
		written = atomic_load_explicit(&ring->written, memory_order_acquire);
		if (written - n >= REPORT_RING)
			continue; /* overtaken while reading */
		reader->read++;
		if (!memchr(text, '\0', REPORT_NAME_WORDS * sizeof(words[0])) ||
		    hostname_parse_any(text, ret_name, NULL))
			continue; /* a worker gone mad is no reason to look anything up */
		*ret_number = words[REPORT_NAME_WORDS];
		return true;
	}
	return false;
}

bool
report_next(const struct report_ring *ring, struct report_reader *reader, struct hostname *ret_name)
{
	uint64_t number;

	return report_next_with(ring, reader, ret_name, &number);
}
