/* SPDX-License-Identifier: Apache-2.0 */
#include "store/late.h"

#include "base/buf.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

/* Format 4, see docs/store.md. */
enum err
late_put(struct store_txn *txn, const struct late *late)
{
	enum err err = txn_writable(txn);

	if (!err)
		err = table_check_name(&late->name);
	if (err)
		return txn_fail(txn, err);
	buf_u64(table_new(txn), late->generation);
	return table_put(txn, TABLE_LATE, table_key_name(&late->name));
}

enum err
late_del(struct store_txn *txn, const struct hostname *name)
{
	enum err err = table_del(txn, TABLE_LATE, table_key_name(name));

	return err == ERR_NOTFOUND ? ERR_OK : err;
}

/* A damaged one has generation 0, which no certificate has: it goes at the next look. */
static enum err
read_row(struct walk *walk, struct late *late)
{
	struct cursor in;
	enum err err = table_name_of_key(walk->key, &late->name);

	if (err)
		return err;
	late->generation = 0;
	if (walk_read(walk, &in))
		return ERR_OK;
	late->generation = cursor_u64(&in);
	if (table_end(walk->txn, &in))
		late->generation = 0;
	return ERR_OK;
}

enum err
late_page(struct store_txn *txn, const struct hostname *after, size_t limit, struct late *list,
          size_t *ret_count)
{
	struct walk walk;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_LATE);

	if (!err)
		err = walk_behind(&walk, after);
	while (!err && count < limit) {
		if (read_row(&walk, &list[count]) == ERR_OK)
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
late_count(struct store_txn *txn, uint64_t *ret_count)
{
	return table_size(txn, TABLE_LATE, ret_count);
}
