/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <string.h>

#include "store/domain.h"
#include "store/domain_index.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

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

/* Stands WALK behind PLACE; PREFIX as above. */
static enum err
due_behind(struct walk *walk, const char *ca, const struct domain_due_at *place,
           struct span *ret_prefix)
{
	struct index_key key = {.len = 0};
	struct span at;
	enum err err = due_first(walk, ca, ret_prefix);

	if (err || place->name.len == 0)
		return err;
	index_due(&key, ca, place->at);
	index_add_name(&key, &place->name);
	at = table_key(key.data, key.len);
	err = walk_seek(walk, at);
	if (!err && walk->key.len == at.len && memcmp(walk->key.data, at.data, at.len) == 0)
		err = walk_next(walk);
	return err;
}

enum err
domain_due_behind(struct store_txn *txn, const char *ca, int64_t now, struct domain_due_at *place,
                  size_t limit, struct hostname *names, size_t *ret_count)
{
	struct walk walk;
	struct span prefix;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_DUE);

	if (!err)
		err = due_behind(&walk, ca, place, &prefix);
	while (!err && count < limit) {
		int64_t at;

		err = due_decode(walk.key, prefix, &at, &names[count]);
		if (!err && at > now)
			break;
		/* An entry nobody can read belongs to no name. */
		if (!err)
			*place = (struct domain_due_at){.at = at, .name = names[count++]};
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
domain_due(struct store_txn *txn, const char *ca, int64_t now, size_t limit, struct hostname *names,
           size_t *ret_count)
{
	struct domain_due_at place = {.at = 0};

	return domain_due_behind(txn, ca, now, &place, limit, names, ret_count);
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
