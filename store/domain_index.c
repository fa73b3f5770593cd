/* SPDX-License-Identifier: Apache-2.0 */
#include "store/domain_index.h"

#include <endian.h>
#include <string.h>

#include "store/domain_list.h"
#include "store/inside.h"
#include "store/table.h"

void
due_key_make(struct due_key *key, const char *ca, int64_t due_at, const struct hostname *name)
{
	uint64_t at = htobe64((uint64_t)due_at);
	unsigned char *p = mempcpy(key->data, ca, strlen(ca) + 1);

	p = mempcpy(p, &at, sizeof(at));
	if (name)
		p = mempcpy(p, name->name, name->len);
	key->len = (size_t)(p - key->data);
}

void
count_key_make(struct count_key *key, const char *kind, const char *word)
{
	char *p = mempcpy(key->data, kind, strlen(kind) + 1);

	p = mempcpy(p, word, strlen(word));
	key->len = (size_t)(p - key->data);
}

void
count_keys_of(const struct domain *domain, struct count_key keys[COUNTS_PER_DOMAIN])
{
	count_key_make(&keys[0], "state", domain_state_word(domain->state));
	count_key_make(&keys[1], "ca", domain->ca);
	count_key_make(&keys[2], "backend", domain->backend);
}

enum err
count_decode(struct span value, uint64_t *ret_count)
{
	struct cursor in;
	uint64_t count;

	cursor_init(&in, value.data, value.len);
	count = cursor_u64(&in);
	if (!cursor_end(&in))
		return ERR_CORRUPT;
	*ret_count = count;
	return ERR_OK;
}

static enum err
count_get(struct store_txn *txn, struct span key, uint64_t *ret_count)
{
	struct span value;
	enum err err = table_get_plain(txn, TABLE_COUNT, key, &value);

	if (err == ERR_NOTFOUND) {
		*ret_count = 0;
		return ERR_OK;
	}
	return err ? err : count_decode(value, ret_count);
}

/* A counter below its due stays at 0: a wrong number is domain_verify()'s to report, and no reason
 * to refuse a certificate. One at 0 is not kept. */
static enum err
count_add(struct store_txn *txn, const struct count_key *at, int step)
{
	struct span key = table_key(at->data, at->len);
	uint64_t count, wire;
	enum err err = count_get(txn, key, &count);

	if (err == ERR_CORRUPT)
		count = 0;
	else if (err)
		return txn_fail(txn, err);
	count = step > 0 ? count + 1 : count - (count > 0);
	if (count == 0) {
		err = table_del(txn, TABLE_COUNT, key);
		return err == ERR_NOTFOUND ? ERR_OK : err;
	}
	wire = htole64(count);
	return table_put_plain(txn, TABLE_COUNT, key, table_key(&wire, sizeof(wire)));
}

static enum err
index_counts(struct store_txn *txn, const struct domain *before, const struct domain *after)
{
	struct count_key was[COUNTS_PER_DOMAIN], is[COUNTS_PER_DOMAIN];
	enum err err = ERR_OK;

	if (before)
		count_keys_of(before, was);
	if (after)
		count_keys_of(after, is);
	for (int i = 0; i < COUNTS_PER_DOMAIN && !err; i++) {
		if (before && after && was[i].len == is[i].len &&
		    memcmp(was[i].data, is[i].data, is[i].len) == 0)
			continue;
		if (before)
			err = count_add(txn, &was[i], -1);
		if (after && !err)
			err = count_add(txn, &is[i], 1);
	}
	return err;
}

static enum err
index_due(struct store_txn *txn, const struct domain *before, const struct domain *after)
{
	struct due_key was = {0}, is = {0};
	enum err err = ERR_OK;

	if (before && before->due_at)
		due_key_make(&was, before->ca, before->due_at, &before->name);
	if (after && after->due_at)
		due_key_make(&is, after->ca, after->due_at, &after->name);
	if (was.len == is.len && memcmp(was.data, is.data, is.len) == 0)
		return ERR_OK;
	if (was.len)
		err = table_del(txn, TABLE_DUE, table_key(was.data, was.len));
	if (err == ERR_NOTFOUND)
		err = ERR_OK;
	if (is.len && !err)
		err = table_put_plain(txn, TABLE_DUE, table_key(is.data, is.len), table_key("", 0));
	return err;
}

enum err
domain_index(struct store_txn *txn, const struct domain *before, const struct domain *after)
{
	enum err err = index_due(txn, before, after);

	return err ? err : index_counts(txn, before, after);
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

/* Stands WALK at the earliest entry of CA; PREFIX is its word with the 0. */
static enum err
due_first(struct walk *walk, const char *ca, struct span *ret_prefix)
{
	struct span prefix = table_key(ca, strlen(ca) + 1);
	enum err err;

	if (prefix.len > NAME_WORD_MAX + 1)
		return ERR_INVALID;
	err = walk_seek(walk, prefix);
	if (!err)
		*ret_prefix = prefix;
	return err;
}

/* ERR_NOTFOUND when the entry is another CA's. */
static enum err
due_decode(struct span key, struct span prefix, int64_t *ret_at, struct hostname *ret_name)
{
	uint64_t at;

	if (key.len < prefix.len || memcmp(key.data, prefix.data, prefix.len) != 0)
		return ERR_NOTFOUND;
	if (key.len <= prefix.len + sizeof(at))
		return ERR_CORRUPT;
	memcpy(&at, key.data + prefix.len, sizeof(at));
	*ret_at = (int64_t)be64toh(at);
	key.data += prefix.len + sizeof(at);
	key.len -= prefix.len + sizeof(at);
	return table_name_of_key(key, ret_name);
}

enum err
domain_due(struct store_txn *txn, const char *ca, int64_t now, size_t limit, struct hostname *names,
           size_t *ret_count)
{
	struct walk walk;
	struct span prefix;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_DUE);

	if (!err)
		err = due_first(&walk, ca, &prefix);
	while (!err && count < limit) {
		int64_t at;

		err = due_decode(walk.key, prefix, &at, &names[count]);
		if (!err && at > now)
			break;
		/* An entry nobody can read belongs to no name. */
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

enum err
domain_next_due(struct store_txn *txn, const char *ca, int64_t *ret_at)
{
	struct hostname name;
	struct walk walk;
	struct span prefix;
	enum err err = walk_open(&walk, txn, TABLE_DUE);

	if (!err)
		err = due_first(&walk, ca, &prefix);
	while (!err) {
		err = due_decode(walk.key, prefix, ret_at, &name);
		if (err != ERR_CORRUPT)
			break;
		err = walk_next(&walk);
	}
	walk_close(&walk);
	return err;
}
