/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
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

/* The recount: counters sorted by key, and the entries each index should have. */
struct recount {
	struct tally *tallies;
	size_t len, cap;
	uint64_t entries[TABLE_END];
	uint64_t names;
	verify_on_bad *on_bad;
	void *arg;
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

static void
say(struct recount *r, enum table table, struct span key, const char *what)
{
	if (r->on_bad)
		r->on_bad(r->arg, table, key, ERR_CORRUPT, what);
}

static enum err
count_domain(struct store_txn *txn, struct recount *r, const struct domain *d)
{
	struct count_key counts[COUNTS_MAX];
	struct index_key keys[INDEXES_MAX];
	enum err err = ERR_OK;

	count_keys_of(d, counts);
	for (int i = 0; i < COUNTS_MAX && !err; i++)
		if (counts[i].len)
			err = count_one(r, &counts[i]);
	if (!r->on_bad)
		return err;
	index_keys_of(d, keys);
	for (int i = 0; i < INDEXES_MAX && !err; i++) {
		if (!keys[i].len)
			continue;
		r->entries[keys[i].table]++;
		err = table_has(txn, keys[i].table, table_key(keys[i].data, keys[i].len));
		if (err == ERR_NOTFOUND) {
			say(r, keys[i].table, table_key_name(&d->name),
			    "a name is missing in this list");
			err = ERR_OK;
		}
	}
	return err;
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
	for (; !err; err = err ? err : walk_next(&walk)) {
		r->names++;
		err = table_name_of_key(walk.key, &name);
		if (!err)
			err = domain_get(txn, &name, &d);
		if (!err) {
			err = count_domain(txn, r, &d);
		} else if (err == ERR_CORRUPT || err == ERR_VERSION) {
			if (r->on_bad)
				r->on_bad(r->arg, TABLE_DOMAIN, walk.key, err,
				          "the record of this name does not open");
			err = ERR_OK;
		}
	}
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

/* The stored counters are exactly the recounted ones. */
static enum err
compare_counts(struct store_txn *txn, struct recount *r)
{
	struct walk walk;
	size_t seen = 0;
	enum err err = walk_open(&walk, txn, TABLE_COUNT);

	if (!err)
		err = walk_first(&walk);
	for (; !err; err = walk_next(&walk)) {
		struct count_key key = {.len = walk.key.len};
		uint64_t count;
		size_t at = r->len;

		if (key.len <= sizeof(key.data)) {
			memcpy(key.data, walk.key.data, key.len);
			at = find(r, &key);
		}
		if (at == r->len || compare(&r->tallies[at].key, &key) != 0 ||
		    count_decode(walk.value, &count) || r->tallies[at].count != count)
			say(r, TABLE_COUNT, walk.key, "this counter is not what a recount says");
		if (at < r->len && compare(&r->tallies[at].key, &key) == 0)
			seen++;
	}
	walk_close(&walk);
	if (err == ERR_NOTFOUND && seen != r->len)
		say(r, TABLE_COUNT, table_key("", 0), "counters are missing");
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
compare_sizes(struct store_txn *txn, struct recount *r)
{
	static const enum table tables[] = {TABLE_DUE, TABLE_EXPIRY, TABLE_STATE, TABLE_REASON,
	                                    TABLE_LABEL};
	uint64_t entries;
	enum err err = ERR_OK;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !err; i++) {
		err = table_size(txn, tables[i], &entries);
		if (!err && entries != r->entries[tables[i]])
			say(r, tables[i], table_key("", 0),
			    "this list has not as many entries as the names should have there");
	}
	return err;
}

enum err
domain_verify_each(struct store_txn *txn, verify_on_bad *on_bad, void *arg, uint64_t *ret_names)
{
	struct recount r = {.on_bad = on_bad, .arg = arg};
	enum err err = count_domains(txn, &r);

	if (!err)
		err = compare_counts(txn, &r);
	if (!err)
		err = compare_sizes(txn, &r);
	if (!err)
		*ret_names = r.names;
	free(r.tallies);
	return err;
}

static void
note(void *arg, enum table table, struct span key, enum err err, const char *what)
{
	bool *bad = arg;

	(void)table, (void)key, (void)err, (void)what;
	*bad = true;
}

enum err
domain_verify(struct store_txn *txn)
{
	bool bad = false;
	uint64_t names;
	enum err err = domain_verify_each(txn, note, &bad, &names);

	return !err && bad ? ERR_CORRUPT : err;
}

static enum err
drop_counts(struct store_txn *txn)
{
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_COUNT);

	if (!err)
		err = walk_first(&walk);
	while (!err) {
		err = walk_del(&walk);
		if (!err)
			err = walk_first(&walk);
	}
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
domain_recount(struct store_txn *txn)
{
	struct recount r = {.names = 0};
	enum err err = count_domains(txn, &r);

	if (!err)
		err = drop_counts(txn);
	for (size_t i = 0; i < r.len && !err; i++)
		err = count_set(txn, &r.tallies[i].key, r.tallies[i].count);
	free(r.tallies);
	return err ? txn_fail(txn, err) : ERR_OK;
}
