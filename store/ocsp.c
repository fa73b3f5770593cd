/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ocsp.h"

#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

void
ocsp_init(struct ocsp *ocsp)
{
	*ocsp = (struct ocsp){0};
}

void
ocsp_done(struct ocsp *ocsp)
{
	buf_done(&ocsp->response);
	ocsp_init(ocsp);
}

static enum table
table_of(bool second)
{
	return second ? TABLE_OCSP_SECOND : TABLE_OCSP;
}

/* Format 2, see docs/store.md. RET_RESPONSE is the scratch's. */
static void
decode(struct cursor *in, struct ocsp *o, struct span *ret_response)
{
	o->generation = cursor_u64(in);
	o->due_at = (int64_t)cursor_u64(in);
	o->failures = cursor_u32(in);
	o->this_update = (int64_t)cursor_u64(in);
	o->next_update = (int64_t)cursor_u64(in);
	*ret_response = cursor_bytes16(in);
}

enum err
ocsp_get(struct store_txn *txn, const struct hostname *name, bool second, struct ocsp *ret_ocsp)
{
	struct ocsp o;
	struct span response;
	struct cursor in;
	enum err err = table_get(txn, table_of(second), table_key_name(name), &in);

	if (err)
		return err;
	ocsp_init(&o);
	decode(&in, &o, &response);
	buf_add(&o.response, response.data, response.len);
	err = table_end(txn, &in);
	if (!err && !buf_ok(&o.response))
		err = ERR_NOMEM;
	if (err) {
		ocsp_done(&o);
		return err;
	}
	ocsp_done(ret_ocsp);
	*ret_ocsp = o;
	return ERR_OK;
}

enum err
ocsp_put(struct store_txn *txn, const struct hostname *name, bool second, const struct ocsp *ocsp)
{
	struct buf *out;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = ocsp->response.len > OCSP_RESPONSE_MAX ? ERR_TOOBIG : table_check_name(name);
	if (err)
		return txn_fail(txn, err);
	out = table_new(txn);
	buf_u64(out, ocsp->generation);
	buf_u64(out, (uint64_t)ocsp->due_at);
	buf_u32(out, ocsp->failures);
	buf_u64(out, (uint64_t)ocsp->this_update);
	buf_u64(out, (uint64_t)ocsp->next_update);
	buf_bytes16(out, ocsp->response.data, ocsp->response.len);
	return table_put(txn, table_of(second), table_key_name(name));
}

enum err
ocsp_del(struct store_txn *txn, const struct hostname *name, bool second)
{
	enum err err = table_del(txn, table_of(second), table_key_name(name));

	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
read_row(struct walk *walk, struct ocsp_row *row)
{
	struct ocsp o;
	struct span response;
	struct cursor in;
	enum err err = table_name_of_key(walk->key, &row->name);

	if (err)
		return err;
	row->due_at = 0;
	err = walk_read(walk, &in);
	if (err)
		return err == ERR_CORRUPT ? ERR_OK : err;
	decode(&in, &o, &response);
	if (table_end(walk->txn, &in) == ERR_OK)
		row->due_at = o.due_at;
	return ERR_OK;
}

/* Appends to ROWS, behind AFTER (NULL: from the first). */
static enum err
page_table(struct store_txn *txn, bool second, const struct hostname *after, struct ocsp_row *rows,
           size_t limit, size_t *count)
{
	struct walk walk;
	enum err err = walk_open(&walk, txn, table_of(second));

	if (!err)
		err = walk_behind(&walk, after);
	while (!err && *count < limit) {
		rows[*count].second = second;
		err = read_row(&walk, &rows[*count]);
		if (!err)
			++*count;
		if (!err || err == ERR_CORRUPT)
			err = walk_next(&walk);
	}
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
ocsp_page(struct store_txn *txn, const struct ocsp_row *after, size_t limit, struct ocsp_row *rows,
          size_t *ret_count)
{
	bool second = after && after->second;
	size_t count = 0;
	enum err err = page_table(txn, second, after ? &after->name : NULL, rows, limit, &count);

	if (!err && !second)
		err = page_table(txn, true, NULL, rows, limit, &count);
	if (!err)
		*ret_count = count;
	return err;
}
