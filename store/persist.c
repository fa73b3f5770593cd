/* SPDX-License-Identifier: Apache-2.0 */
#include "store/persist.h"

#include <string.h>

#include "base/buf.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

/* Format 4, see docs/store.md. */
enum err
persist_put(struct store_txn *txn, const struct persist *p)
{
	struct buf *out;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	if (table_check_name(&p->name) || !*p->record)
		return txn_fail(txn, ERR_INVALID);
	out = table_new(txn);
	buf_u64(out, (uint64_t)p->ends_at);
	buf_u64(out, (uint64_t)p->seen_at);
	buf_u8(out, p->told);
	buf_bytes16(out, p->record, strlen(p->record));
	return table_put(txn, TABLE_PERSIST, table_key_name(&p->name));
}

static enum err
decode(struct store_txn *txn, struct cursor *in, struct persist *p)
{
	unsigned told;

	p->ends_at = (int64_t)cursor_u64(in);
	p->seen_at = (int64_t)cursor_u64(in);
	told = cursor_u8(in);
	p->told = told == 1;
	in->bad = in->bad || told > 1;
	cursor_text16(in, p->record, sizeof(p->record));
	return table_end(txn, in);
}

enum err
persist_get(struct store_txn *txn, const struct hostname *name, struct persist *ret_persist)
{
	struct persist p = {.name = *name};
	struct cursor in;
	enum err err = table_get(txn, TABLE_PERSIST, table_key_name(name), &in);

	if (!err)
		err = decode(txn, &in, &p);
	if (!err)
		*ret_persist = p;
	return err;
}

enum err
persist_del(struct store_txn *txn, const struct hostname *name)
{
	enum err err = table_del(txn, TABLE_PERSIST, table_key_name(name));

	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
persist_page(struct store_txn *txn, const struct hostname *after, size_t limit,
             struct persist *list, size_t *ret_count)
{
	struct walk walk;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_PERSIST);

	if (!err)
		err = walk_behind(&walk, after);
	while (!err && count < limit) {
		struct cursor in;

		list[count] = (struct persist){0};
		err = table_name_of_key(walk.key, &list[count].name);
		if (!err)
			err = walk_read(&walk, &in);
		if (!err)
			err = decode(txn, &in, &list[count]);
		count += !err;
		/* A damaged one is as good as none: the next look at DNS writes it anew. */
		if (!err || err == ERR_CORRUPT || err == ERR_VERSION)
			err = walk_next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_count = count;
	return ERR_OK;
}
