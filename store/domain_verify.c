/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "store/domain.h"
#include "store/domain_index.h"
#include "store/inside.h"
#include "store/label_count.h"
#include "store/table.h"
#include "store/tally.h"
#include "store/walk.h"

static const enum table index_tables[] = {TABLE_DUE,    TABLE_EXPIRY, TABLE_STATE,
                                          TABLE_REASON, TABLE_LABEL,  TABLE_LEAD};

/* More of them, and counters of labels are for a later scan: their list is made right first. */
enum { LOST_LABELS_MAX = 1000 };

/* The counters, and the entries each index should have. */
struct recount {
	struct tallies tallies;
	uint64_t entries[TABLE_END];
	bool missing[TABLE_END]; /* some entry was not found */
	bool doubt;              /* entries of labels are wrong */
	size_t labels;           /* tallies of labels whose entry was not found */
	uint64_t names;
	const struct verify *verify;
};

/* Labels are counted by their list; beside it, those that it lacks. */
static enum err
count_lost_label(struct recount *r, const struct index_key *entry)
{
	struct count_key key;

	if (r->labels == LOST_LABELS_MAX)
		return ERR_OK;
	r->labels++;
	count_key_make(&key, "label", (const char *)entry->data);
	return tally_add(&r->tallies, &key);
}

static void
say(const struct recount *r, const struct verify_finding *f)
{
	r->verify->on_bad(r->verify->arg, f);
}

static bool
goes_on(const struct recount *r)
{
	return !r->verify->go_on || r->verify->go_on(r->verify->arg);
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
			err = tally_add(&r->tallies, &counts[i]);
	index_keys_of(d, keys);
	for (int i = 0; i < INDEXES_MAX && !err; i++) {
		if (!keys[i].len)
			continue;
		r->entries[keys[i].table]++;
		err = table_has(txn, keys[i].table, table_key(keys[i].data, keys[i].len));
		if (err != ERR_NOTFOUND)
			continue;
		err = keys[i].table == TABLE_LABEL ? count_lost_label(r, &keys[i]) : ERR_OK;
		r->missing[keys[i].table] = true;
		say(r, &(struct verify_finding){.kind = VERIFY_MISSING,
		                                .table = keys[i].table,
		                                .key = table_key_name(&d->name),
		                                .name = &d->name,
		                                .err = ERR_CORRUPT,
		                                .what = "a name is missing in this list"});
	}
	return err;
}

/* The record under WALK: it opens, and whoever asks for its name finds it, which keys that are out
 * of order prevent, its own or a neighbour's. */
static enum err
look_at_record(struct walk *walk, struct domain *d, struct verify_finding *f)
{
	struct cursor in;
	enum err err;

	d->name.len = 0;
	err = table_name_of_key(walk->key, &d->name);
	f->what = "the key of this record is no name";
	if (err)
		return err;
	f->what = "the record of this name does not open";
	err = walk_read(walk, &in);
	if (!err) {
		struct hostname name = d->name;

		err = domain_read(walk->txn, &in, &name, d);
	}
	if (err)
		return err;
	err = table_has(walk->txn, TABLE_DOMAIN, walk->key);
	if (err != ERR_NOTFOUND)
		return err;
	f->kind = VERIFY_HIDDEN;
	f->what = "this name is there and is not found: pages of this table are damaged; "
		  "stop certd and run certctl db compact";
	return ERR_CORRUPT;
}

static void
say_double(const struct recount *r, const struct walk *walk)
{
	say(r, &(struct verify_finding){.kind = VERIFY_DOUBLE,
	                                .table = TABLE_DOMAIN,
	                                .key = walk->key,
	                                .err = ERR_CORRUPT,
	                                .what = "there are two records under this key"});
}

static enum err
count_domains(struct store_txn *txn, struct recount *r)
{
	struct walk_last last = {0};
	struct domain d;
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_DOMAIN);

	if (!err)
		err = walk_first(&walk);
	for (; !err; err = err ? err : walk_next(&walk)) {
		struct verify_finding f = {.kind = VERIFY_RECORD, .table = TABLE_DOMAIN};

		r->names++;
		if (!goes_on(r)) {
			err = ERR_AGAIN;
			continue;
		}
		if (walk_is_double(&walk, &last))
			say_double(r, &walk);
		f.err = look_at_record(&walk, &d, &f);
		if (!f.err || f.kind == VERIFY_HIDDEN)
			err = count_domain(txn, r, &d);
		else if (!verify_is_damage(f.err))
			err = f.err;
		f.key = walk.key;
		f.name = d.name.len ? &d.name : NULL;
		if (!err && f.err)
			say(r, &f);
	}
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static void
say_count(const struct recount *r, struct span key, uint64_t stored, uint64_t counted)
{
	say(r, &(struct verify_finding){
		       .kind = VERIFY_COUNT,
		       .table = TABLE_COUNT,
		       .key = key,
		       .surplus = (int64_t)(stored - counted),
		       .record = counted ? ERR_OK : ERR_NOTFOUND,
		       .err = ERR_CORRUPT,
		       .what = "this counter is not what a recount says",
	       });
}

/* Those of LABELS, or all others, that were counted and have no counter. */
static void
say_unseen(const struct recount *r, bool labels)
{
	for (size_t i = 0; i < r->tallies.len; i++) {
		const struct tally *t = &r->tallies.of[i];
		struct span key = table_key(t->key.data, t->key.len);

		if (!t->seen && label_count_is(key) == labels)
			say_count(r, key, 0, t->count);
	}
}

/* The stored counters are exactly the recounted ones. One that cannot be read is 0, as for
 * count_add(). */
static enum err
compare_counts(struct store_txn *txn, struct recount *r)
{
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_COUNT);

	if (!err)
		err = walk_first(&walk);
	for (; !err; err = walk_next(&walk)) {
		struct count_key key = {.len = walk.key.len};
		uint64_t stored = 0, counted = 0;
		struct tally *tally = NULL;

		if (label_count_is(walk.key))
			continue;
		if (key.len <= sizeof(key.data)) {
			memcpy(key.data, walk.key.data, key.len);
			tally = tally_find(&r->tallies, &key);
		}
		if (tally) {
			counted = tally->count;
			tally->seen = true;
		}
		(void)!count_decode(walk.value, &stored);
		if (stored != counted || stored == 0) /* 0 is never stored */
			say_count(r, walk.key, stored, counted);
	}
	walk_close(&walk);
	if (err == ERR_NOTFOUND)
		say_unseen(r, false);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
verify_entry(struct store_txn *txn, enum table table, struct span key, struct hostname *ret_name)
{
	struct index_key keys[INDEXES_MAX];
	struct hostname name = {0};
	struct domain d;
	enum err err = index_name_of(table, key, &name);

	*ret_name = name;
	if (err)
		return ERR_INVALID;
	err = domain_get(txn, &name, &d);
	if (err)
		return err;
	index_keys_of(&d, keys);
	for (int i = 0; i < INDEXES_MAX; i++)
		if (keys[i].table == table && keys[i].len == key.len && key.len &&
		    memcmp(keys[i].data, key.data, key.len) == 0)
			return ERR_OK;
	return ERR_INVALID;
}

static enum err
find_strays(struct store_txn *txn, struct recount *r, enum table table)
{
	struct hostname name;
	struct walk walk;
	enum err err = walk_open(&walk, txn, table), one;

	if (!err)
		err = walk_first(&walk);
	for (; !err; err = err ? err : walk_next(&walk)) {
		if (!goes_on(r)) {
			err = ERR_AGAIN;
			continue;
		}
		one = verify_entry(txn, table, walk.key, &name);
		if (one)
			say(r, &(struct verify_finding){
				       .kind = VERIFY_STRAY,
				       .table = table,
				       .key = walk.key,
				       .name = name.len ? &name : NULL,
				       .record = one,
				       .err = ERR_CORRUPT,
				       .what = "this entry of a list belongs to no name",
			       });
	}
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

/* All entries that should be there are, and there are as many: then none is wrong. */
static enum err
compare_indexes(struct store_txn *txn, struct recount *r)
{
	uint64_t entries;
	enum err err = ERR_OK;

	for (size_t i = 0; i < sizeof(index_tables) / sizeof(index_tables[0]) && !err; i++) {
		err = table_size(txn, index_tables[i], &entries);
		if (err || (!r->missing[index_tables[i]] && entries == r->entries[index_tables[i]]))
			continue;
		r->doubt = r->doubt || index_tables[i] == TABLE_LABEL;
		err = find_strays(txn, r, index_tables[i]);
	}
	return err;
}

static uint64_t
lost(void *arg, const struct count_key *key)
{
	const struct recount *r = arg;
	struct tally *tally = tally_find(&r->tallies, key);

	if (tally)
		tally->seen = true;
	return tally ? tally->count : 0;
}

static void
label_differs(void *arg, struct span key, uint64_t stored, uint64_t counted)
{
	say_count(arg, key, stored, counted);
}

static bool
label_goes_on(void *arg)
{
	return goes_on(arg);
}

static enum err
compare_labels(struct store_txn *txn, struct recount *r)
{
	struct label_recount labels = {.doubt = r->doubt,
	                               .missing = lost,
	                               .differs = label_differs,
	                               .go_on = label_goes_on,
	                               .arg = r};

	bool counts = false;
	enum err err =
		r->labels < LOST_LABELS_MAX ? label_count_verify(txn, &labels, &counts) : ERR_OK;

	if (!err && counts)
		say_unseen(r, true);
	return err;
}

bool
verify_is_damage(enum err err)
{
	return err == ERR_CORRUPT || err == ERR_VERSION;
}

enum err
domain_verify_each(struct store_txn *txn, const struct verify *verify, uint64_t *ret_names)
{
	struct recount r = {.verify = verify};
	enum err err = count_domains(txn, &r);

	if (!err)
		err = compare_counts(txn, &r);
	if (!err)
		err = compare_indexes(txn, &r);
	if (!err)
		err = compare_labels(txn, &r);
	if (!err)
		*ret_names = r.names;
	free(r.tallies.of);
	return err;
}

static void
note(void *arg, const struct verify_finding *f)
{
	bool *bad = arg;

	(void)f;
	*bad = true;
}

enum err
domain_verify(struct store_txn *txn)
{
	bool bad = false;
	struct verify verify = {.on_bad = note, .arg = &bad};
	uint64_t names;
	enum err err = domain_verify_each(txn, &verify, &names);

	return !err && bad ? ERR_CORRUPT : err;
}
