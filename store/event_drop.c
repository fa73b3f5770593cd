/* SPDX-License-Identifier: Apache-2.0 */
/* The bounds of the log: what goes, and the numbers that tell when. */
#include <endian.h>
#include <string.h>

#include "base/buf.h"
#include "store/event_inside.h"
#include "store/inside.h"
#include "store/walk.h"

enum { DROP_MAX = 16 };

/* Two numbers beside the hashes: how many bytes the records have together, and the newest id that
 * was dropped. */
const char event_bytes_key[] = "bytes";
static const char dropped_key[] = "dropped";

enum err
event_number(struct store_txn *txn, const char *key, uint64_t *ret_number)
{
	struct span value;
	struct cursor in;
	enum err err =
		table_get_plain(txn, TABLE_EVENT_FOLD, table_key(key, strlen(key) + 1), &value);

	*ret_number = 0;
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	cursor_init(&in, value.data, value.len);
	*ret_number = cursor_u64(&in);
	return ERR_OK;
}

enum err
event_number_put(struct store_txn *txn, const char *key, uint64_t number)
{
	uint64_t wire = htole64(number);

	return table_put_plain(txn, TABLE_EVENT_FOLD, table_key(key, strlen(key) + 1),
	                       table_key(&wire, sizeof(wire)));
}

enum err
event_dropped(struct store_txn *txn, uint64_t *ret_id)
{
	return event_number(txn, dropped_key, ret_id);
}

/* Removes the row under the walk, and what points to it. */
static enum err
drop(struct walk *walk, uint64_t *bytes)
{
	struct event e;
	struct cursor in;
	struct span value;
	uint64_t id, hash;
	enum err err = event_id_of(walk->key, &id);

	if (!err)
		err = walk_read(walk, &in);
	if (!err)
		err = event_read(walk->txn, id, &in, &e);
	*bytes -= walk->value.len < *bytes ? walk->value.len : *bytes;
	if (!err)
		err = event_number_put(walk->txn, dropped_key, id);
	if (!err)
		err = table_get_plain(walk->txn, TABLE_EVENT_FOLD,
		                      event_fold_key(&e, e.detail, &hash), &value);
	id = htobe64(id);
	if (!err && value.len == sizeof(id) && memcmp(value.data, &id, sizeof(id)) == 0)
		err = table_del(walk->txn, TABLE_EVENT_FOLD, table_key(&hash, sizeof(hash)));
	return walk_del(walk);
}

static int64_t
at_of(struct walk *walk)
{
	struct event e;
	struct cursor in;
	enum err err = walk_read(walk, &in);

	if (!err)
		err = event_read(walk->txn, 0, &in, &e);
	return err ? INT64_MAX : e.at;
}

/* The oldest go: at most DROP_MAX, so that no put pays for many. */
enum err
event_drop_oldest(struct store_txn *txn, int64_t now, uint64_t *bytes)
{
	struct walk walk;
	uint64_t records;
	enum err err = table_size(txn, TABLE_EVENT, &records);

	if (!err)
		err = walk_open(&walk, txn, TABLE_EVENT);
	if (err)
		return err;
	for (int i = 0; i < DROP_MAX && !err && records > 1; i++, records--) {
		err = walk_first(&walk);
		if (!err && records <= EVENT_KEEP && *bytes <= EVENT_BYTES_MAX &&
		    at_of(&walk) >= now - EVENT_KEEP_S)
			break;
		if (!err)
			err = drop(&walk, bytes);
	}
	walk_close(&walk);
	return err;
}
