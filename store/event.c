/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event.h"

#include <endian.h>
#include <string.h>

#include "base/buf.h"
#include "store/inside.h"
#include "store/table.h"

/* Big-endian, so byte order is the order of time. */
struct event_key {
	uint64_t id;
};

static struct span
key_of(uint64_t id, struct event_key *key)
{
	key->id = htobe64(id);
	return table_key(&key->id, sizeof(key->id));
}

static enum err
id_of(struct span key, uint64_t *ret_id)
{
	uint64_t id;

	if (key.len != sizeof(id))
		return ERR_CORRUPT;
	memcpy(&id, key.data, sizeof(id));
	*ret_id = be64toh(id);
	return ERR_OK;
}

static enum err
last_of(struct walk *walk, uint64_t *ret_id)
{
	enum err err = walk_last(walk);

	if (err == ERR_NOTFOUND) {
		*ret_id = 0;
		return ERR_OK;
	}
	return err ? err : id_of(walk->key, ret_id);
}

enum err
event_last(struct store_txn *txn, uint64_t *ret_id)
{
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_EVENT);

	if (!err)
		err = last_of(&walk, ret_id);
	walk_close(&walk);
	return err;
}

static enum err
check(const struct event *e)
{
	if (!e->type[0] || !memchr(e->type, 0, sizeof(e->type)) ||
	    !memchr(e->name, 0, sizeof(e->name)) || !memchr(e->detail, 0, sizeof(e->detail)))
		return ERR_INVALID;
	return ERR_OK;
}

/* The oldest go until EVENT_KEEP are left: one, except after EVENT_KEEP was lowered. */
static enum err
drop_oldest(struct store_txn *txn)
{
	struct walk walk;
	uint64_t records;
	enum err err = table_size(txn, TABLE_EVENT, &records);

	if (err || records <= EVENT_KEEP)
		return err;
	err = walk_open(&walk, txn, TABLE_EVENT);
	for (; !err && records > EVENT_KEEP; records--) {
		err = walk_first(&walk);
		if (!err)
			err = walk_del(&walk);
	}
	walk_close(&walk);
	return err;
}

/* Format 1, see docs/store.md. */
enum err
event_put(struct store_txn *txn, struct event *event)
{
	struct event_key key;
	struct buf *out;
	uint64_t id;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = check(event);
	if (!err)
		err = event_last(txn, &id);
	if (err)
		return txn_fail(txn, err);
	out = table_new(txn);
	buf_u64(out, (uint64_t)event->at);
	buf_bytes16(out, event->type, strlen(event->type));
	buf_bytes16(out, event->name, strlen(event->name));
	buf_bytes16(out, event->detail, strlen(event->detail));
	err = table_put(txn, TABLE_EVENT, key_of(id + 1, &key));
	if (!err)
		err = drop_oldest(txn);
	if (err)
		return txn_fail(txn, err);
	event->id = id + 1;
	return ERR_OK;
}

static enum err
read_row(struct walk *walk, struct event *e)
{
	struct cursor in;
	enum err err = id_of(walk->key, &e->id);

	if (!err)
		err = walk_read(walk, &in);
	if (err)
		return err;
	e->at = (int64_t)cursor_u64(&in);
	cursor_text16(&in, e->type, sizeof(e->type));
	cursor_text16(&in, e->name, sizeof(e->name));
	cursor_text16(&in, e->detail, sizeof(e->detail));
	return table_end(walk->txn, &in);
}

enum err
event_page(struct store_txn *txn, uint64_t after, size_t limit, struct event *events,
           size_t *ret_count)
{
	struct event_key key;
	struct walk walk;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_EVENT);

	if (!err && after == UINT64_MAX)
		err = ERR_NOTFOUND;
	if (!err)
		err = walk_seek(&walk, key_of(after + 1, &key));
	while (!err && count < limit) {
		err = read_row(&walk, &events[count]);
		/* A damaged event is left out: a log with a gap is better than none. */
		if (!err)
			count++;
		if (!err || err == ERR_CORRUPT || err == ERR_VERSION)
			err = walk_next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_count = count;
	return ERR_OK;
}
