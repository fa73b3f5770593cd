/* SPDX-License-Identifier: Apache-2.0 */
#include "store/walk.h"

#include <stdbool.h>
#include <string.h>

#include "base/hostname.h"
#include "store/change_log.h"
#include "store/inside.h"

enum err
walk_open(struct walk *walk, struct store_txn *txn, enum table table)
{
	*walk = (struct walk){.txn = txn, .table = table};
	if (txn->env->which != table_info[table].env)
		return ERR_WRONGSTATE;
	return env_err(txn->env, mdb_cursor_open(txn->mdb, txn->env->dbi[table], &walk->at));
}

void
walk_close(struct walk *walk)
{
	if (walk->at)
		mdb_cursor_close(walk->at);
	walk->at = NULL;
}

static enum err
step(struct walk *walk, MDB_cursor_op op, struct span from)
{
	MDB_val k = {from.len, (void *)(uintptr_t)from.data}, v;
	enum err err = env_err(walk->txn->env, mdb_cursor_get(walk->at, &k, &v, op));

	if (!err) {
		walk->key = (struct span){k.mv_data, k.mv_size};
		walk->value = (struct span){v.mv_data, v.mv_size};
	}
	return err;
}

enum err
walk_seek(struct walk *walk, struct span key)
{
	return step(walk, MDB_SET_RANGE, key);
}

enum err
walk_first(struct walk *walk)
{
	return step(walk, MDB_FIRST, (struct span){0});
}

enum err
walk_next(struct walk *walk)
{
	return step(walk, MDB_NEXT, (struct span){0});
}

enum err
walk_last(struct walk *walk)
{
	return step(walk, MDB_LAST, (struct span){0});
}

static bool
stands_at(const struct walk *walk, struct span key)
{
	return walk->key.len == key.len && memcmp(walk->key.data, key.data, key.len) == 0;
}

enum err
walk_find(struct walk *walk, struct span key)
{
	enum err err = walk_seek(walk, key);

	if (!err && stands_at(walk, key))
		return ERR_OK;
	if (!err || err == ERR_NOTFOUND)
		err = walk_first(walk);
	while (!err && !stands_at(walk, key))
		err = walk_next(walk);
	return err;
}

enum err
walk_behind(struct walk *walk, const struct hostname *name)
{
	struct span key;
	enum err err;

	if (!name)
		return walk_first(walk);
	key = table_key_name(name);
	if (key.len == 0)
		return ERR_INVALID;
	err = walk_seek(walk, key);
	if (!err && stands_at(walk, key))
		err = walk_next(walk);
	return err;
}

enum err
walk_read(struct walk *walk, struct cursor *ret_in)
{
	return table_open(walk->txn, walk->table, walk->key, walk->value, ret_in);
}

enum err
walk_del(struct walk *walk)
{
	enum err err = txn_writable(walk->txn);
	uint64_t revision;

	if (err)
		return err;
	if (table_info[walk->table].change)
		err = change_note(walk->txn, walk->table, walk->key, true, &revision);
	if (!err)
		err = env_err(walk->txn->env, mdb_cursor_del(walk->at, 0));
	return err ? txn_fail(walk->txn, err) : ERR_OK;
}
