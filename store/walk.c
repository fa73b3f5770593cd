/* SPDX-License-Identifier: Apache-2.0 */
#include "store/walk.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/hostname.h"
#include "store/change_log.h"
#include "store/inside.h"
#include "store/page.h"

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

bool
value_fits(size_t page_size, struct span value)
{
	const unsigned char *header = value.data - PAGE_HEADER;
	uint16_t flags;
	uint32_t pages;

	if (value.len <= page_size / 2)
		return true;
	memcpy(&flags, header + 10, sizeof(flags));
	memcpy(&pages, header + 12, sizeof(pages));
	return (flags & ~PAGE_DIRTY) == PAGE_BIG && value.len <= pages * page_size - PAGE_HEADER;
}

bool
value_is_sound(const struct store_txn *txn, struct span value)
{
	return value_fits(txn->env->page_size, value);
}

static enum err
step(struct walk *walk, MDB_cursor_op op, struct span from)
{
	MDB_val k = {from.len, (void *)(uintptr_t)from.data}, v;
	enum err err = env_err(walk->txn->env, mdb_cursor_get(walk->at, &k, &v, op));

	if (!err) {
		/* A longer one is none of ours, nor LMDB's: it may reach beyond the file. */
		walk->key = (struct span){k.mv_data,
		                          k.mv_size <= TABLE_KEY_MAX ? k.mv_size : TABLE_KEY_MAX};
		walk->value = (struct span){v.mv_data, v.mv_size};
		if (!value_is_sound(walk->txn, walk->value))
			walk->value.len = 0; /* opens nowhere */
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
walk_prev(struct walk *walk)
{
	return step(walk, MDB_PREV, (struct span){0});
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

bool
walk_is_double(const struct walk *walk, struct walk_last *last)
{
	bool is = stands_at(walk, table_key(last->key, last->len));

	last->len = walk->key.len <= sizeof(last->key) ? walk->key.len : 0;
	memcpy(last->key, walk->key.data, last->len);
	return is;
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

static bool
is_damaged_one(struct walk *walk, struct span key)
{
	struct cursor in;

	return stands_at(walk, key) && walk_read(walk, &in) != ERR_OK;
}

enum err
walk_find_damaged(struct walk *walk, struct span key)
{
	enum err err = walk_seek(walk, key);

	if (!err && is_damaged_one(walk, key))
		return ERR_OK;
	if (!err || err == ERR_NOTFOUND)
		err = walk_first(walk);
	while (!err && !is_damaged_one(walk, key))
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
walk_names(struct store_txn *txn, enum table table, const struct hostname *after, size_t limit,
           struct hostname *names, size_t *ret_count)
{
	struct walk walk;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, table);

	if (!err)
		err = walk_behind(&walk, after);
	while (!err && count < limit) {
		if (table_name_of_key(walk.key, &names[count]) == ERR_OK)
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
walk_before(struct walk *walk, struct span key)
{
	enum err err = key.len ? walk_seek(walk, key) : ERR_NOTFOUND;

	if (err == ERR_NOTFOUND)
		return walk_last(walk);
	return err ? err : walk_prev(walk);
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
	return err ? txn_fail(walk->txn, err) : walk_drop(walk);
}

enum err
walk_drop(struct walk *walk)
{
	enum err err = txn_writable(walk->txn);

	if (!err)
		err = env_err(walk->txn->env, mdb_cursor_del(walk->at, 0));
	return err ? txn_fail(walk->txn, err) : ERR_OK;
}

bool
walk_page_is_sound(const struct walk *walk)
{
	uintptr_t at = (uintptr_t)walk->key.data;
	MDB_stat stat;

	if (mdb_stat(walk->txn->mdb, walk->txn->env->dbi[walk->table], &stat) ||
	    (long)stat.ms_psize > sysconf(_SC_PAGESIZE))
		return true; /* another machine's pages: where they begin is not to be seen */
	at -= at % stat.ms_psize;
	return page_is_sound((const unsigned char *)at, stat.ms_psize, PAGE_LEAF);
}

enum err
table_page_check(struct store_txn *txn, enum table table, struct span key)
{
	struct store_txn *reader;
	struct walk walk;
	enum err err = store_begin_read(txn->store, txn->env->which, &reader);

	if (err)
		return err;
	err = walk_open(&walk, reader, table);
	if (!err)
		err = walk_find(&walk, key);
	if (!err && !walk_page_is_sound(&walk))
		err = ERR_IO;
	walk_close(&walk);
	store_abort(reader);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}
