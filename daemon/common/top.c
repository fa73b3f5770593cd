/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/top.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"

enum { NAME_BYTES = TOP_NAME_WORDS * 8 };

static uint64_t
load(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_acquire);
}

static void
store(_Atomic uint64_t *value, uint64_t v)
{
	atomic_store_explicit(value, v, memory_order_release);
}

/* Nobody gains from two names with one key: they would be counted as one. */
static uint64_t
key_of(const char *name, size_t len)
{
	static const unsigned char hash_key[SIPHASH_KEY_LEN] = "certd top names";
	uint64_t key = siphash(hash_key, name, len);

	return key ? key : 1;
}

/* From 1 on: 0 is a place that was never used. */
static uint32_t
minute_of(int64_t mono_ms)
{
	return (uint32_t)(mono_ms / 1000 / TOP_MINUTE_S) + 1;
}

static void
begin(struct top_minute *m, uint32_t minute)
{
	for (int i = 0; i < TOP_NAMES; i++) {
		store(&m->keys[i], 0);
		store(&m->counts[i], 0);
		store(&m->bases[i], 0);
	}
	atomic_store_explicit(&m->minute, minute, memory_order_release);
}

/* Who finds the same key before and after its numbers has that key's, and whose name hashes to the
 * key has all of it. */
static void
replace(struct top_minute *m, int at, uint64_t key, const struct hostname *name)
{
	uint64_t words[TOP_NAME_WORDS] = {0}, base = load(&m->counts[at]);

	memcpy(words, name->name, name->len);
	store(&m->keys[at], 0);
	for (int i = 0; i < TOP_NAME_WORDS; i++)
		store(&m->names[at][i], words[i]);
	store(&m->bases[at], base);
	store(&m->counts[at], base + 1);
	store(&m->keys[at], key);
}

void
top_add(struct top *top, const struct hostname *name, int64_t mono_ms)
{
	uint32_t minute = minute_of(mono_ms);
	struct top_minute *m = &top->of[minute % 2];
	uint64_t key = key_of(name->name, name->len);
	int least = 0;

	if (atomic_load_explicit(&m->minute, memory_order_relaxed) != minute)
		begin(m, minute);
	for (int i = 0; i < TOP_NAMES; i++) {
		if (atomic_load_explicit(&m->keys[i], memory_order_relaxed) != key)
			continue;
		store(&m->counts[i], load(&m->counts[i]) + 1);
		return;
	}
	for (int i = 1; i < TOP_NAMES; i++)
		if (atomic_load_explicit(&m->counts[i], memory_order_relaxed) <
		    atomic_load_explicit(&m->counts[least], memory_order_relaxed))
			least = i;
	replace(m, least, key, name);
}

/* ---- the reader's side ---------------------------------------------------------------------- */

struct seen {
	uint64_t key, count;
	const struct top_minute *in;
	int at;
};

struct top_sum {
	int64_t mono_ms;
	uint32_t first; /* the earliest minute that was found */
	struct seen *seen;
	size_t count, room;
};

struct top_sum *
top_sum_new(int64_t mono_ms)
{
	struct top_sum *sum = calloc(1, sizeof(*sum));

	if (sum) {
		sum->mono_ms = mono_ms;
		sum->first = minute_of(mono_ms);
	}
	return sum;
}

static bool
make_room(struct top_sum *sum)
{
	size_t room = sum->room ? 2 * sum->room : 4 * (size_t)TOP_NAMES;
	struct seen *more;

	if (sum->room - sum->count >= TOP_NAMES)
		return true;
	more = realloc(sum->seen, room * sizeof(*more));
	if (!more)
		return false;
	sum->seen = more;
	sum->room = room;
	return true;
}

void
top_sum_add(struct top_sum *sum, const struct top *top)
{
	uint32_t now = minute_of(sum->mono_ms);

	for (int place = 0; place < 2; place++) {
		const struct top_minute *m = &top->of[place];
		uint32_t minute = atomic_load_explicit(&m->minute, memory_order_acquire);

		if ((minute != now && minute + 1 != now) || !make_room(sum))
			continue;
		if (minute < sum->first)
			sum->first = minute;
		for (int i = 0; i < TOP_NAMES; i++) {
			struct seen s = {.key = load(&m->keys[i]), .in = m, .at = i};
			uint64_t base = load(&m->bases[i]), count = load(&m->counts[i]);

			s.count = count > base ? count - base : 0;
			if (s.key && s.count && load(&m->keys[i]) == s.key)
				sum->seen[sum->count++] = s;
		}
	}
}

static int
by_key(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static int
by_count(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return x->count > y->count ? -1 : x->count < y->count ? 1 : by_key(a, b);
}

/* One row for each key. */
static void
merge(struct top_sum *sum)
{
	size_t kept = 0;

	qsort(sum->seen, sum->count, sizeof(*sum->seen), by_key);
	for (size_t i = 0; i < sum->count; i++) {
		if (kept && sum->seen[kept - 1].key == sum->seen[i].key)
			sum->seen[kept - 1].count += sum->seen[i].count;
		else
			sum->seen[kept++] = sum->seen[i];
	}
	sum->count = kept;
	qsort(sum->seen, sum->count, sizeof(*sum->seen), by_count);
}

/* False when the place has another name by now, or the worker has gone mad. */
static bool
read_name(const struct seen *s, struct hostname *ret_name)
{
	uint64_t words[TOP_NAME_WORDS];
	char text[NAME_BYTES + 1] = {0};
	struct hostname name = {.len = 0};

	for (int i = 0; i < TOP_NAME_WORDS; i++)
		words[i] = load(&s->in->names[s->at][i]);
	memcpy(text, words, NAME_BYTES);
	if (strlen(text) > HOSTNAME_MAX || key_of(text, strlen(text)) != s->key)
		return false;
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	name.len = (uint8_t)strlen(text);
	memcpy(name.name, text, strlen(text) + 1);
	*ret_name = name;
	return true;
}

size_t
top_sum_end(struct top_sum *sum, struct top_name *names, size_t limit, int64_t *ret_seconds)
{
	size_t count = 0;

	if (sum->count)
		merge(sum);
	for (size_t i = 0; i < sum->count && count < limit; i++)
		if (read_name(&sum->seen[i], &names[count].name))
			names[count++].count = sum->seen[i].count;
	*ret_seconds = sum->mono_ms / 1000 - (int64_t)(sum->first - 1) * TOP_MINUTE_S;
	free(sum->seen);
	free(sum);
	return count;
}
