/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "store/event_inside.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"
#include "store/upgrade.h"

struct span
event_key_of(uint64_t id, struct event_key *key)
{
	key->id = htobe64(id);
	return table_key(&key->id, sizeof(key->id));
}

enum err
event_id_of(struct span key, uint64_t *ret_id)
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
	return err ? err : event_id_of(walk->key, ret_id);
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

/* Folding: event-fold has, for a hash of type, name and detail, the newest row that has them. It
 * only points: what counts is the row itself, so a collision or a stale entry does no harm. Tallies
 * have one entry, under this instead of a detail; it stays when their row goes. */
static const char tally_mark[] = "\1 tally";

struct span
event_fold_key(const struct event *e, const char *detail, uint64_t *hash)
{
	const char *texts[] = {e->type, e->name, detail};

	*hash = 0xcbf29ce484222325; /* FNV-1a, 64 bits */
	for (int i = 0; i < 3; i++)
		for (const char *p = texts[i];; p++) {
			*hash = (*hash ^ (unsigned char)*p) * 0x100000001b3;
			if (!*p)
				break;
		}
	return table_key(hash, sizeof(*hash));
}

enum err
event_read(struct store_txn *txn, uint64_t id, struct cursor *in, struct event *e)
{
	e->id = id;
	e->at = (int64_t)cursor_u64(in);
	cursor_text16(in, e->type, sizeof(e->type));
	cursor_text16(in, e->name, sizeof(e->name));
	cursor_text16(in, e->detail, sizeof(e->detail));
	e->count = 1;
	e->first_at = e->at;
	if (table_format(txn) > 1) {
		e->count = cursor_u32(in);
		e->first_at = (int64_t)cursor_u64(in);
	}
	e->acked_at = 0;
	if (!cursor_end(in)) { /* only those that were acknowledged go on */
		e->acked_at = (int64_t)cursor_u64(in);
		e->acked_by = cursor_u32(in);
	}
	return table_end(txn, in);
}

static bool
repeats(const struct event *event, const struct event *row, bool tally)
{
	if (strcmp(row->type, event->type) != 0 || strcmp(row->name, event->name) != 0)
		return false;
	return tally ? event->at - row->first_at <= EVENT_FOLD_S
	             : strcmp(row->detail, event->detail) == 0 &&
	                       event->at - row->at <= EVENT_FOLD_S;
}

/* The row that EVENT repeats; ERR_NOTFOUND when there is none. */
static enum err
find_repeated(struct store_txn *txn, const struct event *event, bool tally, struct event *ret_row)
{
	uint64_t hash, id;
	struct event_key key;
	struct span value;
	struct cursor in;
	enum err err = table_get_plain(
		txn, TABLE_EVENT_FOLD,
		event_fold_key(event, tally ? tally_mark : event->detail, &hash), &value);

	if (!err && value.len != sizeof(id))
		err = ERR_NOTFOUND;
	if (err)
		return err;
	memcpy(&id, value.data, sizeof(id));
	err = table_get(txn, TABLE_EVENT, event_key_of(be64toh(id), &key), &in);
	if (!err)
		err = event_read(txn, be64toh(id), &in, ret_row);
	if (err)
		return err == ERR_CORRUPT || err == ERR_VERSION ? ERR_NOTFOUND : err;
	return repeats(event, ret_row, tally) ? ERR_OK : ERR_NOTFOUND;
}

/* Format 2, see docs/store.md. */
static enum err
write_row(struct store_txn *txn, const struct event *e, uint64_t *bytes)
{
	struct event_key key;
	struct buf *out = table_new(txn);

	buf_u64(out, (uint64_t)e->at);
	buf_bytes16(out, e->type, strlen(e->type));
	buf_bytes16(out, e->name, strlen(e->name));
	buf_bytes16(out, e->detail, strlen(e->detail));
	buf_u32(out, e->count);
	buf_u64(out, (uint64_t)e->first_at);
	if (e->acked_at) {
		buf_u64(out, (uint64_t)e->acked_at);
		buf_u32(out, e->acked_by);
	}
	*bytes += out->len + SEAL_OVERHEAD;
	return table_put(txn, TABLE_EVENT, event_key_of(e->id, &key));
}

static enum err
write_event(struct store_txn *txn, const struct event *e, bool tally, uint64_t *bytes)
{
	struct event_key key;
	uint64_t hash;
	enum err err = write_row(txn, e, bytes);

	if (!err)
		err = table_put_plain(txn, TABLE_EVENT_FOLD,
		                      event_fold_key(e, tally ? tally_mark : e->detail, &hash),
		                      event_key_of(e->id, &key));
	return err;
}

/* The row that E repeats goes; E takes over what it had counted. */
static enum err
fold(struct store_txn *txn, struct event *e, bool tally, uint64_t *bytes)
{
	struct event_key key;
	struct event row;
	struct span old;
	enum err err = find_repeated(txn, e, tally, &row);

	if (!tally || e->count == 0)
		e->count = 1;
	e->first_at = e->at;
	e->acked_at = 0;
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	if (tally) {
		e->acked_at = row.acked_at;
		e->acked_by = row.acked_by;
	}
	e->count = row.count < UINT32_MAX - e->count ? row.count + e->count : UINT32_MAX;
	e->first_at = row.first_at;
	err = table_get_plain(txn, TABLE_EVENT, event_key_of(row.id, &key), &old);
	if (err)
		return err;
	*bytes -= old.len < *bytes ? old.len : *bytes;
	return table_del(txn, TABLE_EVENT, event_key_of(row.id, &key));
}

static enum err
put(struct store_txn *txn, struct event *event, bool tally)
{
	struct event e = *event;
	uint64_t id, bytes;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = check(event);
	if (!err)
		err = event_last(txn, &id);
	if (!err)
		err = event_number(txn, event_bytes_key, &bytes);
	if (!err)
		err = fold(txn, &e, tally, &bytes);
	if (!err) {
		e.id = id + 1;
		err = write_event(txn, &e, tally, &bytes);
	}
	if (!err)
		err = event_drop_oldest(txn, e.at, &bytes);
	if (!err)
		err = event_number_put(txn, event_bytes_key, bytes);
	if (err)
		return txn_fail(txn, err);
	*event = e;
	return ERR_OK;
}

enum err
event_put(struct store_txn *txn, struct event *event)
{
	return put(txn, event, false);
}

enum err
event_tally(struct store_txn *txn, struct event *event)
{
	return put(txn, event, true);
}

enum err
event_tallied(struct store_txn *txn, const char *type, int64_t at, struct event *ret_event)
{
	struct event e = {.at = at};

	if (strlen(type) > EVENT_TYPE_MAX)
		return ERR_INVALID;
	strcpy(e.type, type);
	return find_repeated(txn, &e, true, ret_event);
}

enum err
event_ack(struct store_txn *txn, uint64_t id, int64_t at, uint32_t by, struct event *ret_event)
{
	struct event_key key;
	struct event e;
	struct cursor in;
	struct span old;
	uint64_t bytes;
	enum err err = txn_writable(txn);

	if (!err)
		err = table_get(txn, TABLE_EVENT, event_key_of(id, &key), &in);
	if (!err)
		err = event_read(txn, id, &in, &e);
	if (!err)
		err = table_get_plain(txn, TABLE_EVENT, event_key_of(id, &key), &old);
	if (!err)
		err = event_number(txn, event_bytes_key, &bytes);
	if (err)
		return err;
	bytes -= old.len < bytes ? old.len : bytes;
	e.acked_at = at;
	e.acked_by = by;
	err = write_row(txn, &e, &bytes);
	if (!err)
		err = event_number_put(txn, event_bytes_key, bytes);
	if (!err)
		*ret_event = e;
	return err;
}

enum err
event_upgrade(struct store_txn *txn, struct span at)
{
	struct event e;
	struct cursor in;
	uint64_t bytes, id;
	enum err err = event_id_of(at, &id);

	if (!err)
		err = table_get(txn, TABLE_EVENT, at, &in);
	if (!err)
		err = event_read(txn, id, &in, &e);
	if (!err)
		err = event_number(txn, event_bytes_key, &bytes);
	if (!err)
		err = write_event(txn, &e, false, &bytes);
	return err ? err : event_number_put(txn, event_bytes_key, bytes);
}

static enum err
read_row(struct walk *walk, struct event *e)
{
	struct cursor in;
	uint64_t id;
	enum err err = event_id_of(walk->key, &id);

	if (!err)
		err = walk_read(walk, &in);
	return err ? err : event_read(walk->txn, id, &in, e);
}

/* From where WALK stands (ERR: not at all), by NEXT. */
static enum err
read_rows(struct walk *walk, enum err err, enum err (*next)(struct walk *walk), size_t limit,
          struct event *events, size_t *ret_count)
{
	size_t count = 0;

	while (!err && count < limit) {
		err = read_row(walk, &events[count]);
		/* A damaged event is left out: a log with a gap is better than none. */
		if (!err)
			count++;
		if (!err || err == ERR_CORRUPT || err == ERR_VERSION)
			err = next(walk);
	}
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_count = count;
	return ERR_OK;
}

enum err
event_page(struct store_txn *txn, uint64_t after, size_t limit, struct event *events,
           size_t *ret_count)
{
	struct event_key key;
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_EVENT);

	if (!err && after == UINT64_MAX)
		err = ERR_NOTFOUND;
	if (!err)
		err = walk_seek(&walk, event_key_of(after + 1, &key));
	err = read_rows(&walk, err, walk_next, limit, events, ret_count);
	walk_close(&walk);
	return err;
}

enum err
event_page_back(struct store_txn *txn, uint64_t before, size_t limit, struct event *events,
                size_t *ret_count)
{
	struct event_key key;
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_EVENT);

	if (!err)
		err = before ? walk_before(&walk, event_key_of(before, &key)) : walk_last(&walk);
	err = read_rows(&walk, err, walk_prev, limit, events, ret_count);
	walk_close(&walk);
	return err;
}
