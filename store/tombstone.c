/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tombstone.h"

#include <string.h>

#include "base/buf.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

/* Format 4, see docs/store.md. */
enum err
tombstone_put(struct store_txn *txn, const struct tombstone *t)
{
	struct buf *out;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	if (table_check_name(&t->name) || !memchr(t->by, 0, sizeof(t->by)) ||
	    !memchr(t->why, 0, sizeof(t->why)))
		return txn_fail(txn, ERR_INVALID);
	out = table_new(txn);
	buf_u64(out, (uint64_t)t->removed_at);
	buf_u32(out, t->uid);
	buf_bytes16(out, t->by, strlen(t->by));
	buf_bytes16(out, t->why, strlen(t->why));
	return table_put(txn, TABLE_TOMBSTONE, table_key_name(&t->name));
}

static enum err
read_one(struct store_txn *txn, struct cursor *in, struct tombstone *t)
{
	t->removed_at = (int64_t)cursor_u64(in);
	t->uid = cursor_u32(in);
	cursor_text16(in, t->by, sizeof(t->by));
	cursor_text16(in, t->why, sizeof(t->why));
	return table_end(txn, in);
}

enum err
tombstone_find(struct store_txn *txn, const struct hostname *name, int64_t from_at,
               struct tombstone *ret_tombstone)
{
	struct tombstone t = {.name = *name};
	struct cursor in;
	enum err err = table_get(txn, TABLE_TOMBSTONE, table_key_name(name), &in);

	if (!err)
		err = read_one(txn, &in, &t);
	if (err == ERR_CORRUPT || err == ERR_VERSION || (!err && t.removed_at < from_at))
		err = ERR_NOTFOUND;
	if (!err)
		*ret_tombstone = t;
	return err;
}

enum err
tombstone_del(struct store_txn *txn, const struct hostname *name)
{
	enum err err = table_del(txn, TABLE_TOMBSTONE, table_key_name(name));

	return err == ERR_NOTFOUND ? ERR_OK : err;
}

struct page {
	struct tombstone *list;
	size_t limit, count;
};

/* From where WALK has come to, or did not: ERR is what it said. */
static enum err
read_page(struct walk *walk, enum err err, enum err (*step)(struct walk *), struct page *page)
{
	while (!err && page->count < page->limit) {
		struct tombstone *t = &page->list[page->count];
		struct cursor in;

		*t = (struct tombstone){0};
		if (table_name_of_key(walk->key, &t->name) == ERR_OK) {
			if (walk_read(walk, &in) || read_one(walk->txn, &in, t))
				t->removed_at = INT64_MIN;
			page->count++;
		}
		err = step(walk);
	}
	walk_close(walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
tombstone_page(struct store_txn *txn, const struct hostname *after, size_t limit,
               struct tombstone *tombstones, size_t *ret_count)
{
	struct page page = {tombstones, limit, 0};
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_TOMBSTONE);

	if (!err)
		err = walk_behind(&walk, after);
	err = read_page(&walk, err, walk_next, &page);
	*ret_count = err ? 0 : page.count;
	return err;
}

enum err
tombstone_page_from(struct store_txn *txn, const struct hostname *from, size_t limit,
                    struct tombstone *tombstones, size_t *ret_count)
{
	struct page page = {tombstones, limit, 0};
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_TOMBSTONE);

	if (!err)
		err = walk_seek(&walk, table_key_name(from));
	err = read_page(&walk, err, walk_next, &page);
	*ret_count = err ? 0 : page.count;
	return err;
}

enum err
tombstone_page_before(struct store_txn *txn, const struct hostname *before, size_t limit,
                      struct tombstone *tombstones, size_t *ret_count)
{
	struct page page = {tombstones, limit, 0};
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_TOMBSTONE);

	if (!err)
		err = before ? walk_before(&walk, table_key_name(before)) : walk_last(&walk);
	err = read_page(&walk, err, walk_prev, &page);
	*ret_count = err ? 0 : page.count;
	return err;
}

enum err
tombstone_count(struct store_txn *txn, uint64_t *ret_count)
{
	return table_size(txn, TABLE_TOMBSTONE, ret_count);
}
