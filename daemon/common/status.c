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
	listening_reset_gauges(&slot->listening);
}

uint64_t
status_sum(const struct status *status, enum status_counter which)
{
	uint64_t sum = atomic_load_explicit(&status->elder[which], memory_order_relaxed);

	for (size_t i = 0; i < STATUS_SLOTS; i++)
		sum += atomic_load_explicit(&status->slot[i].values[which], memory_order_relaxed);
	return sum;
}

static uint64_t
value_in(const struct listening_table *table, uint64_t key, enum listening_value which)
{
	const struct listening *l = listening_find(table, key);

	return l ? atomic_load_explicit(&l->values[which], memory_order_relaxed) : 0;
}

uint64_t
status_listening(const struct status *status, uint64_t key, enum listening_value which)
{
	uint64_t sum = value_in(&status->elder_listening, key, which);

	for (size_t i = 0; i < STATUS_SLOTS; i++)
		sum += value_in(&status->slot[i].listening, key, which);
	return sum;
}

void
status_handshakes(const struct status *status, struct histogram_counts *ret_counts)
{
	*ret_counts = (struct histogram_counts){.sum_us = 0};
	histogram_read(&status->elder_handshakes, ret_counts);
	for (size_t i = 0; i < STATUS_SLOTS; i++)
		histogram_read(&status->slot[i].handshakes, ret_counts);
}

/* ---- from one certd to the next ------------------------------------------------------------- */

/* What listeners the workers have, in places like theirs. */
static void
gather_listening(const struct status *status, struct listening_table *ret_table)
{
	memset(ret_table, 0, sizeof(*ret_table));
	for (size_t i = 0; i < STATUS_SLOTS; i++)
		for (size_t j = 0; j < LISTENING_MAX; j++) {
			uint64_t key = atomic_load_explicit(&status->slot[i].listening.of[j].key,
			                                    memory_order_acquire);

			if (key)
				(void)listening_take(ret_table, key);
		}
}

/* "WORD=NUMBER" of the number AT; empty: there is no such thing. */
static void
print_number(const struct status *status, const struct listening_table *listening,
             const struct histogram_counts *handshakes, int at, char pair[PAIR_MAX])
{
	int place = at - STATUS_PRINT_LISTENING, bucket = at - STATUS_PRINT_HANDSHAKES - 1;
	int which = place % LISTENING_VALUES;
	uint64_t key = place < 0 ? 0 : listening->of[place / LISTENING_VALUES].key;

	pair[0] = '\0';
	if (at < STATUS_COUNT)
		snprintf(pair, PAIR_MAX, "%s=%" PRIu64, words[at], status_sum(status, at));
	else if (bucket < 0)
		snprintf(pair, PAIR_MAX, "handshakes_us=%" PRIu64, handshakes->sum_us);
	else if (place < 0 && handshakes->buckets[bucket])
		snprintf(pair, PAIR_MAX, "handshakes:%d=%" PRIu64, bucket,
		         handshakes->buckets[bucket]);
	else if (key)
		snprintf(pair, PAIR_MAX, "listen:%016" PRIx64 ":%s=%" PRIu64, key,
		         listening_word(which), status_listening(status, key, which));
}

int
status_print(const struct status *status, int at, char *text, size_t size)
{
	struct listening_table listening;
	struct histogram_counts handshakes;
	char pair[PAIR_MAX];
	size_t len = 0;

	gather_listening(status, &listening);
	status_handshakes(status, &handshakes);
	text[0] = '\0';
	for (; at < STATUS_PRINT_END && size - len > PAIR_MAX; at++) {
		print_number(status, &listening, &handshakes, at, pair);
		if (*pair)
			len += (size_t)snprintf(text + len, size - len, "%s%s", len ? " " : "",
			                        pair);
	}
	return at;
}

static void
take_listening(struct status *status, const char *rest, uint64_t value)
{
	struct listening *l;
	uint64_t key;
	int used = 0;

	if (sscanf(rest, "%16" SCNx64 ":%n", &key, &used) != 1 || used == 0 || key == 0 ||
	    !(l = listening_take(&status->elder_listening, key)))
		return;
	for (int i = 0; i < LISTENING_VALUES; i++)
		if (strcmp(listening_word(i), rest + used) == 0)
			atomic_store_explicit(&l->values[i], value, memory_order_relaxed);
}

static void
take_word(struct status *status, const char *word, uint64_t value)
{
	unsigned bucket;

	for (int i = 0; i < STATUS_COUNT; i++)
		if (strcmp(words[i], word) == 0)
			atomic_store_explicit(&status->elder[i], value, memory_order_relaxed);
	if (strcmp(word, "handshakes_us") == 0)
		atomic_store_explicit(&status->elder_handshakes.sum_us, value,
		                      memory_order_relaxed);
	if (sscanf(word, "handshakes:%u", &bucket) == 1 && bucket < HISTOGRAM_BUCKETS)
		atomic_store_explicit(&status->elder_handshakes.buckets[bucket], value,
		                      memory_order_relaxed);
	if (strncmp(word, "listen:", 7) == 0)
		take_listening(status, word + 7, value);
}

void
status_take(struct status *status, const char *text)
{
	char word[PAIR_MAX];
	uint64_t value;
	int used = 0;

	for (; sscanf(text, " %39[^= ]=%" SCNu64 "%n", word, &value, &used) == 2; text += used)
		take_word(status, word, value);
}

void
status_forget_gauges(struct status *status)
{
	for (int i = STATUS_FIRST_GAUGE; i < STATUS_COUNT; i++)
		atomic_store_explicit(&status->elder[i], 0, memory_order_relaxed);
	listening_reset_gauges(&status->elder_listening);
}

const char *
status_word(enum status_counter which)
{
	return (size_t)which < STATUS_COUNT ? words[which] : "unknown";
}
