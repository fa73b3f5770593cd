/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/listening.h"

#include <stdbool.h>
#include <string.h>

#include "base/siphash.h"

static const char *const words[] = {
#define X(name, word) [LISTENING_##name] = word,
	LISTENING_COUNTERS(X) LISTENING_GAUGES(X)
#undef X
};

/* Addresses are the operator's: two of at most 64 that are the same in 64 bits will not be met. */
uint64_t
listening_key(const char *address)
{
	static const unsigned char hash_key[SIPHASH_KEY_LEN] = "certd listening";
	uint64_t key = siphash(hash_key, address, strlen(address));

	return key ? key : 1;
}

static uint64_t
key_of(const struct listening *l)
{
	return atomic_load_explicit(&l->key, memory_order_acquire);
}

const struct listening *
listening_find(const struct listening_table *table, uint64_t key)
{
	for (size_t i = 0; i < LISTENING_MAX; i++)
		if (key_of(&table->of[i]) == key)
			return &table->of[i];
	return NULL;
}

struct listening *
listening_take(struct listening_table *table, uint64_t key)
{
	struct listening *free_place = NULL;

	for (size_t i = LISTENING_MAX; i-- > 0;) {
		struct listening *l = &table->of[i];

		if (key_of(l) == key)
			return l;
		if (key_of(l) == 0)
			free_place = l;
	}
	if (free_place)
		atomic_store_explicit(&free_place->key, key, memory_order_release);
	return free_place;
}

static void
clear(struct listening *l)
{
	atomic_store_explicit(&l->key, 0, memory_order_release);
	for (int i = 0; i < LISTENING_VALUES; i++)
		atomic_store_explicit(&l->values[i], 0, memory_order_relaxed);
}

void
listening_keep(struct listening_table *table, const uint64_t *keys, size_t count)
{
	for (size_t i = 0; i < LISTENING_MAX; i++) {
		bool kept = false;

		for (size_t k = 0; k < count; k++)
			kept |= key_of(&table->of[i]) == keys[k];
		if (!kept)
			clear(&table->of[i]);
	}
}

void
listening_reset_gauges(struct listening_table *table)
{
	for (size_t i = 0; i < LISTENING_MAX; i++)
		for (int v = LISTENING_FIRST_GAUGE; v < LISTENING_VALUES; v++)
			atomic_store_explicit(&table->of[i].values[v], 0, memory_order_relaxed);
}

const char *
listening_word(enum listening_value which)
{
	return (size_t)which < LISTENING_VALUES ? words[which] : "unknown";
}
