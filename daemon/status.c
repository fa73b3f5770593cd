/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/status.h"

#include <sys/mman.h>

static const char *const words[] = {
#define X(name, word) [STATUS_##name] = word,
	STATUS_COUNTERS(X) STATUS_GAUGES(X)
#undef X
};

enum err
status_new(struct status **ret_status)
{
	void *page = mmap(NULL, sizeof(struct status), PROT_READ | PROT_WRITE,
	                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return ERR_NOMEM;
	*ret_status = page; /* zero pages are zero counters */
	return ERR_OK;
}

void
status_free(struct status *status)
{
	if (status)
		munmap(status, sizeof(*status));
}

void
status_reset_gauges(struct status_slot *slot)
{
	for (int i = STATUS_FIRST_GAUGE; i < STATUS_COUNT; i++)
		atomic_store_explicit(&slot->values[i], 0, memory_order_relaxed);
}

uint64_t
status_sum(const struct status *status, enum status_counter which)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < STATUS_SLOTS; i++)
		sum += atomic_load_explicit(&status->slot[i].values[which], memory_order_relaxed);
	return sum;
}

const char *
status_word(enum status_counter which)
{
	return (size_t)which < STATUS_COUNT ? words[which] : "unknown";
}
