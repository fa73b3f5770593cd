/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "store/domain.h"
#include "store/domain_index.h"
#include "store/inside.h"
#include "store/table.h"

struct tally {
	struct count_key key;
	uint64_t count;
};

/* The recount: counters sorted by key, and the entries the due index should have. */
struct recount {
	struct tally *tallies;
	size_t len, cap;
	uint64_t due;
};

static int
compare(const struct count_key *a, const struct count_key *b)
{
	int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

	return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* Where KEY is, or would be. */
static size_t
find(const struct recount *r, const struct count_key *key)
{
	size_t from = 0, to = r->len;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (compare(&r->tallies[middle].key, key) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static enum err
count_one(struct recount *r, const struct count_key *key)
{
	size_t at = find(r, key);

	if (at < r->len && compare(&r->tallies[at].key, key) == 0) {
		r->tallies[at].count++;
		return ERR_OK;
	}
	if (r->len == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 64;
		struct tally *more = reallocarray(r->tallies, cap, sizeof(*more));

		if (!more)
			return ERR_NOMEM;
		r->tallies = more;
		r->cap = cap;
	}
	memmove(&r->tallies[at + 1], &r->tallies[at], (r->len - at) * sizeof(r->tallies[0]));
	r->tallies[at] = (struct tally){.key = *key, .count = 1};
	r->len++;
	return ERR_OK;
}

static enum err
count_domain(struct store_txn *txn, struct recount *r, const struct domain *d)
{
	struct count_key keys[COUNTS_PER_DOMAIN];
	struct due_key due;
	enum err err = ERR_OK;

	count_keys_of(d, keys);
	for (int i = 0; i < COUNTS_PER_DOMAIN && !err; i++)
		err = count_one(r, &keys[i]);
	if (err || !d->due_at)
		return err;
	r->due++;
	due_key_make(&due, d->ca, d->due_at, &d->name);
	err = table_has(txn, TABLE_DUE, table_key(due.data, due.len));
	return err == ERR_NOTFOUND ? ERR_CORRUPT : err;
}

/* Every record opens, and domain_get() rather than domain_page() says so when one does not. */
static enum err
count_domains(struct store_txn *txn, struct recount *r)
{
	struct hostname name;
	struct domain d;
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_DOMAIN);

	if (!err)
		err = walk_first(&walk);
	while (!err) {
		err = table_name_of_key(walk.key, &name);
		if (!err)
			err = domain_get(txn, &name, &d);
		if (err) {
			err = err == ERR_NOTFOUND ? ERR_CORRUPT : err;
			break;
		}
		err = count_domain(txn, r, &d);
		if (!err)
			err = walk_next(&walk);
	}
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

/* The stored counters are exactly the recounted ones. */
static enum err
compare_counts(struct store_txn *txn, const struct recount *r)
{
	struct walk walk;
	size_t seen = 0;
	enum err err = walk_open(&walk, txn, TABLE_COUNT);

	if (!err)
		err = walk_first(&walk);
	while (!err) {
		struct count_key key = {.len = walk.key.len};
		uint64_t count;
		size_t at;

		if (key.len > sizeof(key.data) || count_decode(walk.value, &count)) {
			err = ERR_CORRUPT;
			break;
		}
		memcpy(key.data, walk.key.data, key.len);
		at = find(r, &key);
		if (at == r->len || compare(&r->tallies[at].key, &key) != 0 ||
		    r->tallies[at].count != count) {
			err = ERR_CORRUPT;
			break;
		}
		seen++;
		err = walk_next(&walk);
	}
	walk_close(&walk);
	if (err == ERR_NOTFOUND)
		err = seen == r->len ? ERR_OK : ERR_CORRUPT;
	return err;
}

enum err
domain_verify(struct store_txn *txn)
{
	struct recount r = {0};
	uint64_t due;
	enum err err = count_domains(txn, &r);

	if (!err)
		err = compare_counts(txn, &r);
	if (!err)
		err = table_size(txn, TABLE_DUE, &due);
	if (!err && due != r.due)
		err = ERR_CORRUPT;
	free(r.tallies);
	return err;
}
