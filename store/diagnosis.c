/* SPDX-License-Identifier: Apache-2.0 */
#include "store/diagnosis.h"

#include <string.h>

#include "base/buf.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

/* Format 4, see docs/store.md. */
enum err
diagnosis_put(struct store_txn *txn, const struct diagnosis *d)
{
	struct buf *out;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	if (table_check_name(&d->name) || !*d->code)
		return txn_fail(txn, ERR_INVALID);
	out = table_new(txn);
	buf_bytes16(out, d->code, strlen(d->code));
	buf_bytes16(out, d->text, strlen(d->text));
	buf_bytes16(out, d->record, strlen(d->record));
	buf_bytes16(out, d->findings, strlen(d->findings));
	buf_u64(out, (uint64_t)d->at);
	buf_u64(out, (uint64_t)d->since);
	buf_u64(out, (uint64_t)d->attempted_at);
	buf_u64(out, (uint64_t)d->next_at);
	buf_u64(out, (uint64_t)d->woken_at);
	buf_u32(out, d->looks);
	buf_u64(out, (uint64_t)d->away_since);
	buf_bytes16(out, d->owned, strlen(d->owned));
	return table_put(txn, TABLE_DIAGNOSIS, table_key_name(&d->name));
}

enum err
diagnosis_get(struct store_txn *txn, const struct hostname *name, struct diagnosis *ret_diagnosis)
{
	struct diagnosis *d = ret_diagnosis;
	struct cursor in;
	enum err err = table_get(txn, TABLE_DIAGNOSIS, table_key_name(name), &in);

	if (err)
		return err;
	*d = (struct diagnosis){.name = *name};
	cursor_text16(&in, d->code, sizeof(d->code));
	cursor_text16(&in, d->text, sizeof(d->text));
	cursor_text16(&in, d->record, sizeof(d->record));
	cursor_text16(&in, d->findings, sizeof(d->findings));
	d->at = (int64_t)cursor_u64(&in);
	d->since = (int64_t)cursor_u64(&in);
	d->attempted_at = (int64_t)cursor_u64(&in);
	d->next_at = (int64_t)cursor_u64(&in);
	d->woken_at = (int64_t)cursor_u64(&in);
	d->looks = cursor_u32(&in);
	d->away_since = (int64_t)cursor_u64(&in);
	cursor_text16(&in, d->owned, sizeof(d->owned));
	return table_end(txn, &in);
}

enum err
diagnosis_del(struct store_txn *txn, const struct hostname *name)
{
	enum err err = table_del(txn, TABLE_DIAGNOSIS, table_key_name(name));

	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
diagnosis_names(struct store_txn *txn, const struct hostname *after, size_t limit,
                struct hostname *names, size_t *ret_count)
{
	return walk_names(txn, TABLE_DIAGNOSIS, after, limit, names, ret_count);
}
