/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <string.h>

#include "store/domain.h"
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
