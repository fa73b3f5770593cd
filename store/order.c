/* SPDX-License-Identifier: Apache-2.0 */
#include "store/order.h"

#include <string.h>

#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

void
order_init(struct order *order)
{
	*order = (struct order){.state.secret = true};
}

void
order_done(struct order *order)
{
	buf_wipe(&order->state);
	order_init(order);
}

enum err
order_get(struct store_txn *txn, const struct hostname *name, struct order *ret_order)
{
	struct order o;
	struct cursor in;
	struct span state;
	enum err err = table_get(txn, TABLE_ORDER, table_key_name(name), &in);

	if (err)
		return err;
	order_init(&o);
	o.name = *name;
	o.created_at = (int64_t)cursor_u64(&in);
	o.updated_at = (int64_t)cursor_u64(&in);
	cursor_text16(&in, o.ca, sizeof(o.ca));
	state = cursor_bytes32(&in);
	buf_add(&o.state, state.data, state.len);
	err = table_end(txn, &in);
	if (!err && !buf_ok(&o.state))
		err = ERR_NOMEM;
	if (err) {
		order_done(&o);
		return err;
	}
	order_done(ret_order);
	*ret_order = o;
	return ERR_OK;
}

static enum err
check(const struct order *order)
{
	if (!memchr(order->ca, 0, sizeof(order->ca)))
		return ERR_INVALID;
	if (!buf_ok(&order->state))
		return ERR_NOMEM;
	if (order->state.len > ORDER_STATE_MAX)
		return ERR_TOOBIG;
	return table_check_name(&order->name);
}

/* Format 1, see docs/store.md. */
enum err
order_put(struct store_txn *txn, const struct order *order)
{
	struct buf *out;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = check(order);
	if (err)
		return txn_fail(txn, err);
	out = table_new(txn);
	buf_u64(out, (uint64_t)order->created_at);
	buf_u64(out, (uint64_t)order->updated_at);
	buf_bytes16(out, order->ca, strlen(order->ca));
	buf_bytes32(out, order->state.data, order->state.len);
	return table_put(txn, TABLE_ORDER, table_key_name(&order->name));
}

enum err
order_del(struct store_txn *txn, const struct hostname *name)
{
	enum err err = table_del(txn, TABLE_ORDER, table_key_name(name));

	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
begin(struct walk *walk, enum window_place place, const struct hostname *name)
{
	struct span key = table_key_name(name);

	if (place == WINDOW_BEFORE || place == WINDOW_LAST)
		return walk_before(walk, place == WINDOW_LAST ? table_key("", 0) : key);
	if (place == WINDOW_FROM && key.len)
		return walk_seek(walk, key);
	return walk_behind(walk, key.len ? name : NULL);
}

enum err
order_window(struct store_txn *txn, enum window_place place, const struct hostname *name,
             size_t limit, struct hostname *names, size_t *ret_count)
{
	bool backwards = place == WINDOW_BEFORE || place == WINDOW_LAST;
	struct walk walk;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_ORDER);

	if (!err)
		err = begin(&walk, place, name);
	while (!err && count < limit) {
		/* A key that is no name has no order anybody could go on with. */
		if (!table_name_of_key(walk.key, &names[count]))
			count++;
		err = backwards ? walk_prev(&walk) : walk_next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_count = count;
	return ERR_OK;
}

enum err
order_page(struct store_txn *txn, const struct hostname *after, size_t limit,
           struct hostname *names, size_t *ret_count)
{
	static const struct hostname none;

	return order_window(txn, WINDOW_BEHIND, after ? after : &none, limit, names, ret_count);
}
