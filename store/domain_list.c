/* SPDX-License-Identifier: Apache-2.0 */
#include "store/domain_list.h"

#include <endian.h>
#include <string.h>

#include "store/domain_index.h"
#include "store/inside.h"
#include "store/label.h"
#include "store/table.h"
#include "store/walk.h"

enum err
domain_count_all(struct store_txn *txn, uint64_t *ret_count)
{
	return table_size(txn, TABLE_DOMAIN, ret_count);
}

static enum err
count_of(struct store_txn *txn, const char *kind, const char *word, uint64_t *ret_count)
{
	struct count_key key;

	if (strlen(word) > NAME_WORD_MAX)
		return ERR_INVALID;
	count_key_make(&key, kind, word);
	return count_get(txn, table_key(key.data, key.len), ret_count);
}

enum err
domain_count_state(struct store_txn *txn, enum domain_state state, uint64_t *ret_count)
{
	return count_of(txn, "state", domain_state_word(state), ret_count);
}

enum err
domain_count_ca(struct store_txn *txn, const char *ca, uint64_t *ret_count)
{
	return count_of(txn, "ca", ca, ret_count);
}

enum err
domain_count_backend(struct store_txn *txn, const char *backend, uint64_t *ret_count)
{
	return count_of(txn, "backend", backend, ret_count);
}

enum err
domain_count_reason(struct store_txn *txn, enum problem_kind kind, uint64_t *ret_count)
{
	return count_of(txn, "reason", problem_code(kind), ret_count);
}

/* Whether KEY lies below PREFIX, and then the name behind it. */
static enum err
name_behind(struct span key, struct span prefix, struct hostname *ret_name)
{
	if (key.len < prefix.len || memcmp(key.data, prefix.data, prefix.len) != 0)
		return ERR_NOTFOUND;
	return table_name_of_key(table_key(key.data + prefix.len, key.len - prefix.len), ret_name);
}

/* Names that end in the hour of BEFORE, and before it. */
static enum err
count_last_hour(struct store_txn *txn, int64_t before, uint64_t *ret_count)
{
	struct index_key from, to;
	struct walk walk;
	uint64_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_EXPIRY);

	/* Without a name: each is below all with one. */
	index_expiry(&from, before < HOUR_S ? INT64_MIN : before / HOUR_S * HOUR_S);
	index_expiry(&to, before);
	if (!err)
		err = walk_seek(&walk, table_key(from.data, from.len));
	while (!err && walk.key.len >= to.len && memcmp(walk.key.data, to.data, to.len) < 0) {
		count++;
		err = walk_next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_count = count;
	return ERR_OK;
}

enum err
domain_count_expiring(struct store_txn *txn, int64_t before, uint64_t *ret_count)
{
	struct count_key first, last;
	struct walk walk;
	uint64_t sum = 0, count = 0, hour;
	enum err err = walk_open(&walk, txn, TABLE_COUNT);

	count_key_make(&first, "hour", "");
	count_key_hour(&last, before);
	if (!err)
		err = walk_seek(&walk, table_key(first.data, first.len));
	while (!err && walk.key.len == last.len && memcmp(walk.key.data, last.data, last.len) < 0) {
		/* One that cannot be read is 0, as for count_add(). */
		if (count_decode(walk.value, &hour) == ERR_OK)
			sum += hour;
		err = walk_next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	err = count_get(txn, table_key(last.data, last.len), &hour);
	if (!err && hour && hour <= DOMAIN_EXPIRING_EXACT)
		err = count_last_hour(txn, before, &count);
	if (!err || err == ERR_CORRUPT)
		*ret_count = sum + count;
	return err == ERR_CORRUPT ? ERR_OK : err;
}

enum err
domain_next_expiry(struct store_txn *txn, int64_t *ret_at)
{
	uint64_t at;
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_EXPIRY);

	if (!err)
		err = walk_first(&walk);
	if (!err && walk.key.len < sizeof(at))
		err = ERR_CORRUPT;
	if (!err) {
		memcpy(&at, walk.key.data, sizeof(at));
		*ret_at = (int64_t)(be64toh(at) ^ (uint64_t)1 << 63);
	}
	walk_close(&walk);
	return err;
}

/* The domain of an index entry. ERR_CORRUPT, passed over: the entry belongs to no name. */
static enum err
read_row(struct store_txn *txn, const struct hostname *name, struct domain *ret_domain)
{
	enum err err = domain_get(txn, name, ret_domain);

	return err == ERR_NOTFOUND ? ERR_CORRUPT : domain_row(err, name, ret_domain);
}

/* The list of the entries that begin with PREFIX, or, with PREFIX.len 0, of all behind FROM, whose
 * names stand behind SKIP bytes. */
struct list {
	enum table table;
	struct span prefix;
	struct index_key from; /* with the name behind which to begin, if any */
	size_t skip;
};

static enum err
page(struct store_txn *txn, const struct list *list, size_t limit, struct domain *domains,
     size_t *ret_count)
{
	struct walk walk;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, list->table);

	if (!err)
		err = walk_seek(&walk, table_key(list->from.data, list->from.len));
	if (!err && list->from.len > list->skip && walk.key.len == list->from.len &&
	    memcmp(walk.key.data, list->from.data, walk.key.len) == 0)
		err = walk_next(&walk);
	while (!err && count < limit) {
		struct span prefix = list->prefix;
		struct hostname name;

		if (!prefix.len)
			prefix = table_key(walk.key.data, list->skip);
		err = walk.key.len < prefix.len ? ERR_CORRUPT
		                                : name_behind(walk.key, prefix, &name);
		if (!err)
			err = read_row(txn, &name, &domains[count]);
		if (!err)
			count++;
		if (!err || err == ERR_CORRUPT)
			err = walk_next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_count = count;
	return ERR_OK;
}

static enum err
page_word(struct store_txn *txn, struct list *list, const struct hostname *after, size_t limit,
          struct domain *domains, size_t *ret_count)
{
	unsigned char prefix[LABEL_TEXT_MAX + 1];

	list->table = list->from.table;
	list->skip = list->from.len;
	memcpy(prefix, list->from.data, list->skip);
	list->prefix = table_key(prefix, list->skip);
	if (after)
		index_add_name(&list->from, after);
	return page(txn, list, limit, domains, ret_count);
}

enum err
domain_page_expiry(struct store_txn *txn, int64_t from_at, const struct hostname *after,
                   size_t limit, struct domain *domains, size_t *ret_count)
{
	struct list list = {.table = TABLE_EXPIRY};

	index_expiry(&list.from, from_at);
	list.skip = list.from.len;
	if (after)
		index_add_name(&list.from, after);
	return page(txn, &list, limit, domains, ret_count);
}

enum err
domain_page_state(struct store_txn *txn, enum domain_state state, const struct hostname *after,
                  size_t limit, struct domain *domains, size_t *ret_count)
{
	struct list list = {.skip = 0};
	const char *word = domain_state_word(state);

	if (state == DOMAIN_VALID)
		return ERR_UNSUPPORTED;
	index_word(&list.from, TABLE_STATE, word, strlen(word));
	return page_word(txn, &list, after, limit, domains, ret_count);
}

enum err
domain_page_reason(struct store_txn *txn, enum problem_kind kind, const struct hostname *after,
                   size_t limit, struct domain *domains, size_t *ret_count)
{
	struct list list = {.skip = 0};
	const char *code = problem_code(kind);

	index_word(&list.from, TABLE_REASON, code, strlen(code));
	return page_word(txn, &list, after, limit, domains, ret_count);
}

enum err
domain_page_label(struct store_txn *txn, const char *label, const struct hostname *after,
                  size_t limit, struct domain *domains, size_t *ret_count)
{
	struct list list = {.skip = 0};
	struct label parsed;
	enum err err = label_parse(label, &parsed, NULL);

	if (err)
		return err;
	index_word(&list.from, TABLE_LABEL, label, strlen(label));
	return page_word(txn, &list, after, limit, domains, ret_count);
}

enum err
domain_count_label(struct store_txn *txn, const char *label, uint64_t most, uint64_t *ret_count)
{
	struct index_key from;
	struct label parsed;
	struct walk walk;
	uint64_t count = 0;
	enum err err = label_parse(label, &parsed, NULL);

	if (err)
		return err;
	index_word(&from, TABLE_LABEL, label, strlen(label));
	err = walk_open(&walk, txn, TABLE_LABEL);
	if (!err)
		err = walk_seek(&walk, table_key(from.data, from.len));
	for (; !err && count < most && walk.key.len > from.len &&
	       memcmp(walk.key.data, from.data, from.len) == 0;
	     count++)
		err = walk_next(&walk);
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_count = count;
	return ERR_OK;
}
