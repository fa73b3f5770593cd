/* SPDX-License-Identifier: Apache-2.0 */
#include "store/domain_due.h"

#include <endian.h>
#include <string.h>

#include "store/domain.h"
#include "store/domain_index.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

static const char *const lane_words[LANES] = {
	[LANE_RENEW] = "renew",
	[LANE_FIRST] = "first",
	[LANE_RETRY] = "retry",
	[LANE_FAILING] = "failing",
};

enum domain_lane
domain_lane(const struct domain *d)
{
	if (d->failures > 0)
		return d->failures > LANE_RETRIES ? LANE_FAILING : LANE_RETRY;
	return d->generation ? LANE_RENEW : LANE_FIRST;
}

const char *
domain_lane_word(enum domain_lane lane)
{
	return (unsigned)lane < LANES ? lane_words[lane] : "unknown";
}

/* Stands WALK at the earliest entry of QUEUE, or behind PLACE where that has a name; PREFIX is what
 * all its entries begin with. */
static enum err
due_seek(struct walk *walk, const struct domain_queue *queue, const struct domain_due_at *place,
         struct index_key *prefix)
{
	struct index_key key;
	struct span at;
	enum err err;

	if (strlen(queue->ca) > NAME_WORD_MAX)
		return ERR_INVALID;
	index_due(&key, queue, place ? place->at : 0);
	*prefix = key;
	prefix->len -= sizeof(uint64_t) - 1; /* the lane stays */
	if (place)
		index_add_name(&key, &place->name);
	at = table_key(key.data, key.len);
	err = walk_seek(walk, at);
	if (!err && place && walk->key.len == at.len &&
	    memcmp(walk->key.data, at.data, at.len) == 0)
		err = walk_next(walk);
	return err;
}

/* ERR_NOTFOUND when the entry is another CA's. */
static enum err
due_decode(struct span key, const struct index_key *prefix, int64_t *ret_at,
           struct hostname *ret_name)
{
	size_t front = prefix->len - 1;
	uint64_t at;

	if (key.len < prefix->len || memcmp(key.data, prefix->data, prefix->len) != 0)
		return ERR_NOTFOUND;
	if (key.len <= front + sizeof(at))
		return ERR_CORRUPT;
	memcpy(&at, key.data + front, sizeof(at));
	*ret_at = (int64_t)(be64toh(at) & DUE_AT_MASK);
	key.data += front + sizeof(at);
	key.len -= front + sizeof(at);
	return table_name_of_key(key, ret_name);
}

enum err
domain_due_behind(struct store_txn *txn, const struct domain_queue *queue, int64_t now,
                  struct domain_due_at *place, size_t limit, struct hostname *names,
                  size_t *ret_count)
{
	struct walk walk;
	struct index_key prefix;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_DUE);

	if (!err)
		err = due_seek(&walk, queue, place->name.len ? place : NULL, &prefix);
	while (!err && count < limit) {
		int64_t at;

		err = due_decode(walk.key, &prefix, &at, &names[count]);
		if (!err && at > now)
			break;
		/* An entry nobody can read belongs to no name. */
		if (!err)
			*place = (struct domain_due_at){.at = at, .name = names[count++]};
		if (!err || err == ERR_CORRUPT)
			err = walk_next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_count = count;
	return ERR_OK;
}

enum err
domain_due(struct store_txn *txn, const struct domain_queue *queue, int64_t now, size_t limit,
           struct hostname *names, size_t *ret_count)
{
	struct domain_due_at place = {.at = 0};

	return domain_due_behind(txn, queue, now, &place, limit, names, ret_count);
}

enum err
domain_next_due(struct store_txn *txn, const struct domain_queue *queue, int64_t *ret_at)
{
	struct hostname name;
	struct walk walk;
	struct index_key prefix;
	enum err err = walk_open(&walk, txn, TABLE_DUE);

	if (!err)
		err = due_seek(&walk, queue, NULL, &prefix);
	while (!err) {
		err = due_decode(walk.key, &prefix, ret_at, &name);
		if (err != ERR_CORRUPT)
			break;
		err = walk_next(&walk);
	}
	walk_close(&walk);
	return err;
}
