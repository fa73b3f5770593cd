/* SPDX-License-Identifier: Apache-2.0 */
#include "store/domain_window.h"

#include <string.h>

#include "store/domain_index.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

/* One way through a table: its entries are below `front` (or, `timed`, have a time there), then
 * comes a name. */
struct way {
	enum table table;
	struct index_key place;
	size_t front_len;
	bool timed;
	enum err (*next)(struct walk *walk);
};

static void
way_of(const struct domain_window *w, struct way *way)
{
	static const enum table tables[] = {
		[WINDOW_NAMES] = TABLE_DOMAIN, [WINDOW_EXPIRY] = TABLE_EXPIRY,
		[WINDOW_STATE] = TABLE_STATE,  [WINDOW_REASON] = TABLE_REASON,
		[WINDOW_LABEL] = TABLE_LABEL,
	};
	/* Names are ASCII: this is behind all of them. */
	static const struct hostname beyond = {.len = 1, .name = "\xff"};

	way->table = tables[w->list];
	way->timed = w->list == WINDOW_EXPIRY;
	way->next = w->place == WINDOW_FROM || w->place == WINDOW_BEHIND ? walk_next : walk_prev;
	way->place.len = 0;
	if (way->timed)
		index_expiry(&way->place, w->place == WINDOW_LAST ? INT64_MAX : w->at);
	else if (w->list != WINDOW_NAMES)
		index_word(&way->place, way->table, w->word, strlen(w->word));
	way->front_len = way->place.len;
	index_add_name(&way->place, w->place == WINDOW_LAST ? &beyond : &w->name);
}

static enum err
begin(struct walk *walk, const struct way *way, enum window_place place)
{
	struct span key = table_key(way->place.data, way->place.len);
	enum err err;

	if (place == WINDOW_BEFORE || place == WINDOW_LAST)
		return walk_before(walk, key);
	err = key.len ? walk_seek(walk, key) : walk_first(walk);
	if (!err && place == WINDOW_BEHIND && walk->key.len == key.len &&
	    memcmp(walk->key.data, key.data, key.len) == 0)
		err = walk_next(walk);
	return err;
}

/* ERR_NOTFOUND: the list ends here. ERR_CORRUPT: to be passed over. */
static enum err
read_row(struct walk *walk, const struct way *way, struct domain *d)
{
	struct span key = walk->key;
	struct hostname name;
	struct cursor in;
	enum err err;

	if (key.len < way->front_len)
		return way->timed ? ERR_CORRUPT : ERR_NOTFOUND;
	if (!way->timed && memcmp(key.data, way->place.data, way->front_len) != 0)
		return ERR_NOTFOUND;
	err = table_name_of_key(table_key(key.data + way->front_len, key.len - way->front_len),
	                        &name);
	if (err)
		return err;
	if (way->table == TABLE_DOMAIN) {
		err = walk_read(walk, &in);
		if (!err)
			err = domain_read(walk->txn, &in, &name, d);
	} else {
		err = domain_get(walk->txn, &name, d);
	}
	return err == ERR_NOTFOUND ? ERR_CORRUPT : domain_row(err, &name, d);
}

enum err
domain_window(struct store_txn *txn, const struct domain_window *window, size_t limit,
              struct domain *domains, size_t *ret_count)
{
	struct way way;
	struct walk walk;
	size_t count = 0;
	enum err err;

	way_of(window, &way);
	err = walk_open(&walk, txn, way.table);
	if (!err)
		err = begin(&walk, &way, window->place);
	while (!err && count < limit) {
		err = read_row(&walk, &way, &domains[count]);
		if (!err)
			count++;
		if (!err || err == ERR_CORRUPT)
			err = way.next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_count = count;
	return ERR_OK;
}
