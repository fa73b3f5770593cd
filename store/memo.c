/* SPDX-License-Identifier: Apache-2.0 */
#include "store/memo.h"

#include <string.h>

#include "base/buf.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

static enum err
key_of(const char *key, struct span *ret_key)
{
	size_t len = strnlen(key, MEMO_KEY_MAX + 1);

	if (len == 0 || len > MEMO_KEY_MAX)
		return ERR_INVALID;
	*ret_key = table_key(key, len);
	return ERR_OK;
}

/* Format 4, see docs/store.md. */
enum err
memo_put(struct store_txn *txn, const char *key, const void *data, size_t len)
{
	struct span at;
	enum err err = txn_writable(txn);

	if (!err)
		err = key_of(key, &at);
	if (!err && len > MEMO_MAX)
		err = ERR_TOOBIG;
	if (err)
		return txn_fail(txn, err);
	buf_bytes16(table_new(txn), data, len);
	return table_put(txn, TABLE_MEMO, at);
}

enum err
memo_get(struct store_txn *txn, const char *key, struct buf *out)
{
	struct span at, data;
	struct cursor in;
	enum err err = key_of(key, &at);

	if (!err)
		err = table_get(txn, TABLE_MEMO, at, &in);
	if (err)
		return err;
	data = cursor_bytes(&in, cursor_u16(&in));
	buf_add(out, data.data, data.len);
	return table_end(txn, &in);
}

enum err
memo_del(struct store_txn *txn, const char *key)
{
	struct span at;
	enum err err = key_of(key, &at);

	if (!err)
		err = table_del(txn, TABLE_MEMO, at);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
memo_next(struct store_txn *txn, const char *prefix, const char *after,
          char ret_key[MEMO_KEY_MAX + 1])
{
	const char *from = strcmp(after, prefix) > 0 ? after : prefix;
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_MEMO);

	if (!err)
		err = walk_seek(&walk, table_key(from, strlen(from)));
	if (!err && walk.key.len == strlen(after) &&
	    memcmp(walk.key.data, after, walk.key.len) == 0)
		err = walk_next(&walk);
	if (!err && (walk.key.len < strlen(prefix) || walk.key.len > MEMO_KEY_MAX ||
	             memcmp(walk.key.data, prefix, strlen(prefix)) != 0))
		err = ERR_NOTFOUND;
	if (!err) {
		memcpy(ret_key, walk.key.data, walk.key.len);
		ret_key[walk.key.len] = '\0';
	}
	walk_close(&walk);
	return err;
}
