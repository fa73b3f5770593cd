/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tally.h"

#include <stdlib.h>
#include <string.h>

static int
compare(const struct count_key *a, const struct count_key *b)
{
	int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

	return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* Where KEY is, or would be. */
static size_t
place_of(const struct tallies *t, const struct count_key *key)
{
	size_t from = 0, to = t->len;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (compare(&t->of[middle].key, key) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

struct tally *
tally_find(const struct tallies *t, const struct count_key *key)
{
	size_t at = place_of(t, key);

	return at < t->len && compare(&t->of[at].key, key) == 0 ? &t->of[at] : NULL;
}

enum err
tally_add(struct tallies *t, const struct count_key *key)
{
	size_t at = place_of(t, key);

	if (at < t->len && compare(&t->of[at].key, key) == 0) {
		t->of[at].count++;
		return ERR_OK;
	}
	if (t->len == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		struct tally *more = reallocarray(t->of, cap, sizeof(*more));

		if (!more)
			return ERR_NOMEM;
		t->of = more;
		t->cap = cap;
	}
	memmove(&t->of[at + 1], &t->of[at], (t->len - at) * sizeof(t->of[0]));
	t->of[at] = (struct tally){.key = *key, .count = 1};
	t->len++;
	return ERR_OK;
}
