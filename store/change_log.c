/* SPDX-License-Identifier: Apache-2.0 */
#include "store/change_log.h"

#include <endian.h>
#include <string.h>

#include "base/clock.h"
#include "store/change.h"
#include "store/inside.h"
#include "store/walk.h"

enum {
	VALUE_MAX = 8 + 1 + TABLE_KEY_MAX,
	DROP_MAX = 4, /* tombstones dropped by one removal */
};

/* The entry of gone under which change_horizon() is kept: revisions begin with 1. */
static const unsigned char horizon_key[8];

struct bytes {
	size_t len;
	unsigned char data[VALUE_MAX];
};

static struct span
span_of(const struct bytes *b)
{
	return table_key(b->data, b->len);
}

static struct span
revision_key(uint64_t revision, uint64_t *wire)
{
	*wire = htobe64(revision);
	return table_key(wire, sizeof(*wire));
}

static bool
same(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* table u8 | key */
static void
name_record(enum table table, struct span key, struct bytes *ret)
{
	ret->data[0] = table_info[table].change;
	memcpy(ret->data + 1, key.data, key.len);
	ret->len = 1 + key.len;
}

static enum err
newest_of(struct store_txn *txn, enum table table, uint64_t *ret_revision)
{
	struct walk walk;
	uint64_t wire = 0;
	enum err err = walk_open(&walk, txn, table);

	if (!err)
		err = walk_last(&walk);
	if (!err && walk.key.len != sizeof(wire))
		err = ERR_CORRUPT;
	if (!err)
		memcpy(&wire, walk.key.data, sizeof(wire));
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_revision = be64toh(wire);
	return ERR_OK;
}

enum err
change_last(struct store_txn *txn, uint64_t *ret_revision)
{
	uint64_t there, gone;
	enum err err;

	if (txn->revision) {
		*ret_revision = txn->revision;
		return ERR_OK;
	}
	err = newest_of(txn, TABLE_CHANGE, &there);
	if (!err)
		err = newest_of(txn, TABLE_GONE, &gone);
	if (!err)
		*ret_revision = there > gone ? there : gone;
	return err;
}

static enum table
table_of(unsigned char change)
{
	for (int t = 0; t < TABLE_END; t++)
		if (change && table_info[t].change == change)
			return (enum table)t;
	return TABLE_END;
}

enum err
change_entry_read(const struct walk *walk, struct change_entry *ret_entry)
{
	struct change_entry e = {.gone = walk->table == TABLE_GONE};
	struct cursor in;

	if (walk->key.len != sizeof(e.revision))
		return ERR_CORRUPT;
	memcpy(&e.revision, walk->key.data, sizeof(e.revision));
	e.revision = be64toh(e.revision);
	cursor_init(&in, walk->value.data, walk->value.len);
	if (e.gone)
		e.at = (int64_t)cursor_u64(&in);
	e.table = table_of(cursor_u8(&in));
	e.key = cursor_bytes(&in, in.left);
	if (!cursor_end(&in) || e.table == TABLE_END || !e.key.len || e.key.len > TABLE_KEY_MAX)
		return ERR_CORRUPT;
	*ret_entry = e;
	return ERR_OK;
}

bool
change_is_current(struct store_txn *txn, const struct change_entry *entry)
{
	struct seal_head head;
	struct span sealed;
	enum err err = table_get_plain(txn, entry->table, entry->key, &sealed);

	if (entry->gone)
		return err == ERR_NOTFOUND;
	return !err && !seal_peek(&sealed, &head) && head.revision == entry->revision;
}

enum err
change_horizon(struct store_txn *txn, uint64_t *ret_revision)
{
	struct span value;
	struct cursor in;
	enum err err = table_get_plain(txn, TABLE_GONE, table_key(horizon_key, 8), &value);

	if (err == ERR_NOTFOUND) {
		*ret_revision = 0;
		return ERR_OK;
	}
	if (err)
		return err;
	cursor_init(&in, value.data, value.len);
	*ret_revision = cursor_u64(&in);
	return cursor_end(&in) ? ERR_OK : ERR_CORRUPT;
}

/* The record's own word on its revision was flipped, so its entry is searched for: 50 ms for a
 * million names. */
static enum err
search_and_remove(struct store_txn *txn, const struct bytes *record)
{
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_CHANGE);

	if (!err)
		err = walk_first(&walk);
	while (!err && !same(walk.value, span_of(record)))
		err = walk_next(&walk);
	if (!err)
		err = walk_del(&walk);
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
change_forget(struct store_txn *txn, enum table table, struct span key)
{
	struct bytes record;

	name_record(table, key, &record);
	return search_and_remove(txn, &record);
}

bool
change_has_newest(struct store_txn *txn, enum table table, struct span key)
{
	struct bytes record;
	struct seal_head head;
	struct span sealed, entry;
	uint64_t wire;

	name_record(table, key, &record);
	return !table_get_plain(txn, table, key, &sealed) && !seal_peek(&sealed, &head) &&
	       !table_get_plain(txn, TABLE_CHANGE, revision_key(head.revision, &wire), &entry) &&
	       same(entry, span_of(&record));
}

/* Removes the entry of the record SEALED. */
static enum err
forget_record(struct store_txn *txn, const struct bytes *record, struct span sealed)
{
	struct seal_head head = {0};
	struct span entry;
	uint64_t wire;
	enum err err;

	if (seal_peek(&sealed, &head) == ERR_OK && head.format == 1)
		return ERR_OK; /* an older store's: it has none yet */
	err = table_get_plain(txn, TABLE_CHANGE, revision_key(head.revision, &wire), &entry);
	if (!err && same(entry, span_of(record)))
		return table_del(txn, TABLE_CHANGE, revision_key(head.revision, &wire));
	return err && err != ERR_NOTFOUND ? err : search_and_remove(txn, record);
}

/* Removes the tombstone of a key that comes back. */
static enum err
forget_gone(struct store_txn *txn, const struct bytes *record)
{
	struct span value;
	uint64_t wire;
	enum err err = table_get_plain(txn, TABLE_GONE_KEY, span_of(record), &value);

	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	if (value.len == sizeof(wire)) {
		memcpy(&wire, value.data, sizeof(wire));
		err = table_del(txn, TABLE_GONE, table_key(&wire, sizeof(wire)));
	}
	if (!err || err == ERR_NOTFOUND)
		err = table_del(txn, TABLE_GONE_KEY, span_of(record));
	return err;
}

/* Drops the oldest tombstone, which stands under the walk, and says how far that reaches. */
static enum err
drop(struct walk *walk, const struct change_entry *e)
{
	struct bytes record;
	uint64_t horizon = htole64(e->revision);
	struct store_txn *txn = walk->txn;
	enum err err;

	name_record(e->table, e->key, &record);
	err = walk_del(walk);
	if (!err)
		err = table_del(txn, TABLE_GONE_KEY, span_of(&record));
	if (err && err != ERR_NOTFOUND)
		return err;
	return table_put_plain(txn, TABLE_GONE, table_key(horizon_key, 8),
	                       table_key(&horizon, sizeof(horizon)));
}

/* Tombstones beyond their number or age go; never the newest, which says where revisions are. */
static enum err
bound_gone(struct store_txn *txn)
{
	int64_t before = clock_wall() - CHANGE_GONE_S;
	struct change_entry e;
	enum err err = ERR_OK;

	for (int i = 0; i < DROP_MAX && !err; i++) {
		struct walk walk;
		uint64_t entries, wire;

		err = table_size(txn, TABLE_GONE, &entries);
		if (err || entries < 3)
			break;
		err = walk_open(&walk, txn, TABLE_GONE);
		if (!err)
			err = walk_seek(&walk, revision_key(1, &wire));
		if (!err)
			err = change_entry_read(&walk, &e);
		if (!err && entries <= CHANGE_GONE_KEEP + 1 && e.at >= before)
			err = ERR_NOTFOUND;
		if (!err)
			err = drop(&walk, &e);
		walk_close(&walk);
	}
	return err == ERR_NOTFOUND || err == ERR_CORRUPT ? ERR_OK : err;
}

static enum err
put_gone(struct store_txn *txn, const struct bytes *record, uint64_t revision)
{
	uint64_t wire, at = htole64((uint64_t)clock_wall());
	struct bytes value = {.len = sizeof(at) + record->len};
	enum err err;

	memcpy(value.data, &at, sizeof(at));
	memcpy(value.data + sizeof(at), record->data, record->len);
	err = table_put_plain(txn, TABLE_GONE, revision_key(revision, &wire), span_of(&value));
	if (!err)
		err = table_put_plain(txn, TABLE_GONE_KEY, span_of(record),
		                      table_key(&wire, sizeof(wire)));
	return err ? err : bound_gone(txn);
}

enum err
change_note(struct store_txn *txn, enum table table, struct span key, bool gone,
            uint64_t *ret_revision)
{
	struct bytes record;
	struct span sealed;
	uint64_t revision, wire;
	enum err err = key.len && key.len <= TABLE_KEY_MAX ? ERR_OK : ERR_INVALID;

	if (!err)
		err = change_last(txn, &revision);
	if (err)
		return err;
	name_record(table, key, &record);
	err = table_get_plain(txn, table, key, &sealed);
	if (!err)
		err = forget_record(txn, &record, sealed);
	else if (err == ERR_NOTFOUND)
		err = forget_gone(txn, &record);
	if (err)
		return err;
	revision++;
	if (gone)
		err = put_gone(txn, &record, revision);
	else
		err = table_put_plain(txn, TABLE_CHANGE, revision_key(revision, &wire),
		                      span_of(&record));
	if (!err)
		*ret_revision = txn->revision = revision;
	return err;
}

enum err
change_lost(struct store_txn *txn, struct span sealed)
{
	struct bytes record = {.len = 0};
	struct seal_head head;
	struct span entry, key;
	uint64_t wire, revision;
	enum table table;
	enum err err = seal_peek(&sealed, &head);

	if (!err)
		err = table_get_plain(txn, TABLE_CHANGE, revision_key(head.revision, &wire),
		                      &entry);
	if (err || entry.len < 2 || entry.len > sizeof(record.data))
		return err == ERR_NOTFOUND || err == ERR_CORRUPT ? ERR_OK : err;
	memcpy(record.data, entry.data, entry.len);
	record.len = entry.len;
	table = table_of(record.data[0]);
	key = table_key(record.data + 1, record.len - 1);
	if (table == TABLE_END || table_has(txn, table, key) != ERR_NOTFOUND)
		return ERR_OK; /* the revision is another one's */
	err = table_del(txn, TABLE_CHANGE, revision_key(head.revision, &wire));
	return err ? err : change_note(txn, table, key, true, &revision);
}
