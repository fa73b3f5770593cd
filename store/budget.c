/* SPDX-License-Identifier: Apache-2.0 */
#include "store/budget.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "store/inside.h"
#include "store/table.h"

enum err
budget_get(struct store_txn *txn, const char *ca, struct budget_record *ret_record)
{
	struct budget_record r = {.orders = 0};
	struct cursor in;
	enum err err = table_get(txn, TABLE_BUDGET, table_key(ca, strlen(ca)), &in);

	if (err)
		return err;
	snprintf(r.ca, sizeof(r.ca), "%s", ca);
	r.orders = cursor_u32(&in);
	r.period = cursor_u32(&in);
	r.level = cursor_u64(&in);
	r.at = (int64_t)cursor_u64(&in);
	err = table_end(txn, &in);
	if (!err)
		*ret_record = r;
	return err;
}

/* Format 4, see docs/store.md. */
enum err
budget_put(struct store_txn *txn, const struct budget_record *r)
{
	size_t len = strnlen(r->ca, sizeof(r->ca));
	struct buf *out;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	if (len == 0 || len > NAME_WORD_MAX)
		return txn_fail(txn, ERR_INVALID);
	out = table_new(txn);
	buf_u32(out, r->orders);
	buf_u32(out, r->period);
	buf_u64(out, r->level);
	buf_u64(out, (uint64_t)r->at);
	return table_put(txn, TABLE_BUDGET, table_key(r->ca, len));
}
