/* SPDX-License-Identifier: Apache-2.0 */
#include "store/due_hours.h"

#include <endian.h>
#include <string.h>

#include "store/domain_due.h"
#include "store/domain_index.h"
#include "store/walk.h"

/* Adds one entry; false: it is another queue's, or too late. PREFIX: what all of QUEUE's begin
 * with, CA and lane. */
static bool
count_entry(struct span key, const struct index_key *prefix, struct due_count *count)
{
	size_t front = prefix->len - 1; /* the lane is the time's first byte */
	uint64_t wire;
	int64_t late;

	if (key.len < front + sizeof(wire) || memcmp(key.data, prefix->data, prefix->len) != 0)
		return false;
	memcpy(&wire, key.data + front, sizeof(wire));
	late = (int64_t)(be64toh(wire) & DUE_AT_MASK) - count->from;
	if (late > (int64_t)DUE_HOURS * HOUR_S)
		return false;
	if (late <= 0)
		count->waiting++;
	else
		count->hours[(late - 1) / HOUR_S]++;
	return true;
}

static enum err
begin(struct walk *walk, const struct due_place *place, const struct index_key *prefix)
{
	struct span key = place->len ? table_key(place->key, place->len)
	                             : table_key(prefix->data, prefix->len);
	enum err err = walk_seek(walk, key);

	if (!err && place->len && walk->key.len == key.len &&
	    memcmp(walk->key.data, key.data, key.len) == 0)
		err = walk_next(walk);
	return err;
}

enum err
domain_due_hours(struct store_txn *txn, const struct domain_queue *queue, struct due_place *place,
                 size_t most, struct due_count *count, size_t *ret_looked)
{
	struct index_key prefix;
	struct walk walk;
	size_t looked = 0;
	enum err err;

	if (strlen(queue->ca) > NAME_WORD_MAX)
		return ERR_INVALID;
	index_due(&prefix, queue, 0);
	prefix.len -= sizeof(uint64_t) - 1; /* the lane stays */
	err = walk_open(&walk, txn, TABLE_DUE);
	if (!err)
		err = begin(&walk, place, &prefix);
	while (!err && looked < most && count_entry(walk.key, &prefix, count)) {
		if (++looked == most) {
			place->len = walk.key.len;
			memcpy(place->key, walk.key.data, walk.key.len);
		}
		err = walk_next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_looked = looked;
	return ERR_OK;
}
