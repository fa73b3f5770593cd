/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

enum { PAIR_MAX = 64 }; /* " WORD=NUMBER" */

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
	if (getrandom((*ret_status)->demand.hash_key, SIPHASH_KEY_LEN, 0) == SIPHASH_KEY_LEN)
		return ERR_OK;
	status_free(page);
	return ERR_CRYPTO;
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
	uint64_t sum = atomic_load_explicit(&status->elder[which], memory_order_relaxed);

	for (size_t i = 0; i < STATUS_SLOTS; i++)
		sum += atomic_load_explicit(&status->slot[i].values[which], memory_order_relaxed);
	return sum;
}

int
status_print(const struct status *status, int at, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (; at < STATUS_COUNT && size - len > PAIR_MAX; at++)
		len += (size_t)snprintf(text + len, size - len, "%s%s=%" PRIu64, len ? " " : "",
		                        words[at], status_sum(status, at));
	return at;
}

void
status_take(struct status *status, const char *text)
{
	char word[PAIR_MAX];
	uint64_t value;
	int used = 0;

	for (; sscanf(text, " %39[^= ]=%" SCNu64 "%n", word, &value, &used) == 2; text += used)
		for (int i = 0; i < STATUS_COUNT; i++)
			if (strcmp(words[i], word) == 0)
				atomic_store_explicit(&status->elder[i], value,
				                      memory_order_relaxed);
}

void
status_forget_gauges(struct status *status)
{
	for (int i = STATUS_FIRST_GAUGE; i < STATUS_COUNT; i++)
		atomic_store_explicit(&status->elder[i], 0, memory_order_relaxed);
}

const char *
status_word(enum status_counter which)
{
	return (size_t)which < STATUS_COUNT ? words[which] : "unknown";
}
