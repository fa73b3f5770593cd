/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pass.h"

#include <string.h>

#include "store/inside.h"
#include "store/walk.h"

static bool
is_sealed_here(const struct store_txn *txn, int table)
{
	return table_info[table].env == txn->env->which && table_info[table].format != TABLE_PLAIN;
}

enum err
pass_size(struct store_txn *txn, uint64_t *ret_records)
{
	uint64_t sum = 0, records;
	enum err err = ERR_OK;

	for (int t = 0; t < TABLE_END && !err; t++) {
		if (!is_sealed_here(txn, t))
			continue;
		err = table_size(txn, (enum table)t, &records);
		if (!err)
			sum += records;
	}
	*ret_records = sum;
	return err;
}

static enum err
behind(struct walk *walk, const struct meta_place *place)
{
	enum err err;

	if (!place->len)
		return walk_first(walk);
	err = walk_seek(walk, table_key(place->key, place->len));
	if (!err && walk->key.len == place->len &&
	    memcmp(walk->key.data, place->key, place->len) == 0)
		err = walk_next(walk);
	return err;
}

/* One record on; ERR_NOTFOUND at the end of the table. */
static enum err
look(struct store_txn *txn, struct walk *walk, struct meta_place *place, pass_move *move,
     bool *ret_moved)
{
	enum err err = behind(walk, place);

	if (err)
		return err;
	place->len = (uint16_t)walk->key.len;
	memcpy(place->key, walk->key.data, walk->key.len);
	place->done++;
	*ret_moved = false;
	err = move(txn, walk->table, table_key(place->key, place->len), walk->value, place,
	           ret_moved);
	/* What is damaged stays as it is; the failure of a write sticks to TXN. */
	if (err == ERR_CORRUPT || err == ERR_VERSION || err == ERR_NOTFOUND)
		err = ERR_OK;
	return err;
}

enum err
pass_step(struct store_txn *txn, struct meta_place *place, size_t max, pass_move *move,
          bool *ret_ended)
{
	size_t moved = 0, looked = 0;
	enum err err = ERR_OK;

	for (; place->table < TABLE_END && !err; place->table++, place->len = 0) {
		struct walk walk;
		bool one;

		if (!is_sealed_here(txn, place->table))
			continue;
		err = walk_open(&walk, txn, (enum table)place->table);
		for (; !err && moved < max && looked < max * PASS_LOOKS; looked++) {
			err = look(txn, &walk, place, move, &one);
			moved += !err && one;
			place->found += !err && one;
		}
		walk_close(&walk);
		if (err != ERR_NOTFOUND)
			break;
		err = ERR_OK;
	}
	*ret_ended = place->table >= TABLE_END;
	return err;
}
