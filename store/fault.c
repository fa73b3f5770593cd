/* SPDX-License-Identifier: Apache-2.0 */
#include "store/fault.h"

#include <string.h>

#include "base/buf.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

/* Format 4, see docs/store.md. */
enum err
fault_put(struct store_txn *txn, const struct fault *fault)
{
	struct buf *out;
	enum err err = txn_writable(txn);

	if (!err)
		err = fault->open ? table_check_name(&fault->name) : ERR_INVALID;
	if (err)
		return txn_fail(txn, err);
	out = table_new(txn);
	buf_u32(out, fault->open);
	buf_u32(out, fault->told);
	buf_u8(out, fault->asked);
	buf_u64(out, (uint64_t)fault->since);
	buf_bytes16(out, fault->why, strlen(fault->why));
	buf_u32(out, fault->acked);
	buf_u64(out, (uint64_t)fault->acked_at);
	buf_u32(out, fault->acked_by);
	return table_put(txn, TABLE_FAULT, table_key_name(&fault->name));
}

enum err
fault_get(struct store_txn *txn, const struct hostname *name, struct fault *ret_fault)
{
	struct fault f = {.name = *name};
	struct cursor in;
	enum err err = table_get(txn, TABLE_FAULT, table_key_name(name), &in);

	if (err)
		return err;
	f.open = cursor_u32(&in);
	f.told = cursor_u32(&in);
	f.asked = cursor_u8(&in) != 0;
	f.since = (int64_t)cursor_u64(&in);
	if (!cursor_end(&in)) { /* earlier ones end here */
		cursor_text16(&in, f.why, sizeof(f.why));
		f.acked = cursor_u32(&in);
		f.acked_at = (int64_t)cursor_u64(&in);
		f.acked_by = cursor_u32(&in);
	}
	err = table_end(txn, &in);
	if (!err)
		*ret_fault = f;
	return err;
}

enum err
fault_del(struct store_txn *txn, const struct hostname *name)
{
	enum err err = table_del(txn, TABLE_FAULT, table_key_name(name));

	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
fault_page(struct store_txn *txn, const struct hostname *after, size_t limit,
           struct hostname *names, size_t *ret_count)
{
	return walk_names(txn, TABLE_FAULT, after, limit, names, ret_count);
}

enum err
fault_count(struct store_txn *txn, uint64_t *ret_count)
{
	return table_size(txn, TABLE_FAULT, ret_count);
}
