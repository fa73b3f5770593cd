/* SPDX-License-Identifier: Apache-2.0 */
#include "store/label_count.h"

#include <string.h>

#include "store/domain_index.h"
#include "store/domain_list.h"
#include "store/inside.h"
#include "store/label.h"
#include "store/walk.h"

static const char kind[] = "label"; /* its 0 belongs to it */

bool
label_count_is(struct span key)
{
	return key.len >= sizeof(kind) && memcmp(key.data, kind, sizeof(kind)) == 0;
}

static struct span
mark(void)
{
	return table_key(kind, sizeof(kind));
}

static struct span
span_of(const struct count_key *key)
{
	return table_key(key->data, key->len);
}

/* Of the word in front of ENTRY's name; false when that is none. */
static bool
key_of_entry(struct span entry, struct count_key *ret)
{
	char word[LABEL_TEXT_MAX + 1];
	size_t len = strnlen((const char *)entry.data, entry.len);

	if (!len || len == entry.len || len > LABEL_TEXT_MAX)
		return false;
	memcpy(word, entry.data, len);
	word[len] = '\0';
	count_key_make(ret, kind, word);
	return true;
}

enum err
label_count_follow(struct store_txn *txn, const struct index_key *entry, int64_t step)
{
	struct count_key key;

	if (entry->table != TABLE_LABEL || !key_of_entry(table_key(entry->data, entry->len), &key))
		return ERR_OK;
	return count_add(txn, span_of(&key), step);
}

static bool
is_of(struct span entry, const struct count_key *key)
{
	size_t len = key->len - sizeof(kind);

	return entry.len > len && memcmp(entry.data, key->data + sizeof(kind), len) == 0 &&
	       entry.data[len] == 0;
}

/* One that a search does not find, as keys are out of order, is missing for its name. */
static bool
is_good(struct walk *walk)
{
	struct hostname name;

	return !verify_entry(walk->txn, TABLE_LABEL, walk->key, &name) &&
	       !table_has(walk->txn, TABLE_LABEL, walk->key);
}

/* The entries of KEY's label from WALK on, which stands behind them then: ERR_NOTFOUND at the end.
 */
static enum err
count_entries(struct walk *walk, const struct count_key *key, const struct label_recount *r,
              uint64_t *ret_count)
{
	enum err err = ERR_OK;

	*ret_count = 0;
	while (!err && is_of(walk->key, key)) {
		if (r && !r->go_on(r->arg))
			return ERR_AGAIN;
		if (!r || !r->doubt || is_good(walk))
			++*ret_count;
		err = walk_next(walk);
	}
	return err;
}

/* Each label of the list once. WALK is open. */
typedef enum err each_label(struct store_txn *txn, const struct count_key *key, uint64_t count,
                            const struct label_recount *r);

static enum err
walk_labels(struct store_txn *txn, each_label *each, const struct label_recount *r)
{
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_LABEL), ended;

	if (!err)
		err = walk_first(&walk);
	while (!err) {
		struct count_key key;
		uint64_t count;

		if (!key_of_entry(walk.key, &key)) { /* a damaged one */
			err = walk_next(&walk);
			continue;
		}
		ended = count_entries(&walk, &key, r, &count);
		if (!ended || ended == ERR_NOTFOUND)
			err = each(txn, &key, count, r);
		if (!err)
			err = ended;
	}
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
set(struct store_txn *txn, const struct count_key *key, uint64_t count,
    const struct label_recount *r)
{
	(void)r;
	return count_set(txn, span_of(key), count);
}

/* Until then a counter is at most what it should be, and none is there for a label that no name
 * has. */
enum err
label_count_make(struct store_txn *txn)
{
	enum err err = table_has(txn, TABLE_COUNT, mark());

	if (err != ERR_NOTFOUND)
		return err;
	err = walk_labels(txn, set, NULL);
	return err ? err : count_set(txn, mark(), 1);
}

enum err
domain_count_label(struct store_txn *txn, const char *label, uint64_t *ret_count)
{
	struct count_key key;
	struct label parsed;
	enum err err = label_parse(label, &parsed, NULL);

	if (!err)
		err = txn->writes ? label_count_make(txn) : table_has(txn, TABLE_COUNT, mark());
	if (err)
		return err == ERR_NOTFOUND ? ERR_UNSUPPORTED : err;
	count_key_make(&key, kind, label);
	return count_get(txn, span_of(&key), ret_count);
}

/* ---- a recount ------------------------------------------------------------------------------ */

/* One that has a counter is compared with it in compare(). */
static enum err
tell_if_uncounted(struct store_txn *txn, const struct count_key *key, uint64_t count,
                  const struct label_recount *r)
{
	enum err err = table_has(txn, TABLE_COUNT, span_of(key));

	if (err != ERR_NOTFOUND)
		return err;
	count += r->missing(r->arg, key);
	if (count)
		r->differs(r->arg, span_of(key), 0, count);
	return ERR_OK;
}

static enum err
compare(struct store_txn *txn, struct span at, struct span value, const struct label_recount *r)
{
	struct count_key key = {.len = at.len};
	uint64_t stored = 0, counted = 0;
	struct walk walk;
	enum err err;

	(void)!count_decode(value, &stored);
	if (at.len > sizeof(key.data) || at.len == sizeof(kind)) {
		if (at.len != sizeof(kind) || stored != 1)
			r->differs(r->arg, at, stored, at.len == sizeof(kind));
		return ERR_OK;
	}
	memcpy(key.data, at.data, at.len);
	err = walk_open(&walk, txn, TABLE_LABEL);
	if (!err)
		err = walk_seek(&walk, table_key(key.data + sizeof(kind), key.len - sizeof(kind)));
	if (!err)
		err = count_entries(&walk, &key, r, &counted);
	walk_close(&walk);
	counted += r->missing(r->arg, &key);
	if ((!err || err == ERR_NOTFOUND) && (stored != counted || !stored))
		r->differs(r->arg, at, stored, counted);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
label_count_verify(struct store_txn *txn, const struct label_recount *r, bool *ret_has)
{
	struct walk walk;
	enum err err = table_has(txn, TABLE_COUNT, mark());

	*ret_has = !err;
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	err = walk_open(&walk, txn, TABLE_COUNT);
	if (!err)
		err = walk_seek(&walk, mark());
	for (; !err && label_count_is(walk.key); err = err ? err : walk_next(&walk))
		err = compare(txn, walk.key, walk.value, r);
	walk_close(&walk);
	return !err || err == ERR_NOTFOUND ? walk_labels(txn, tell_if_uncounted, r) : err;
}
