/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mark.h"

#include <string.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/siphash.h"
#include "store/change.h"
#include "store/domain_list.h"
#include "store/inside.h"
#include "store/meta.h"

/* Not sealed, since it says nothing secret and must outlive a rotation of the keys; a hash finds
 * flips, which are no reason to refuse a store. */
static uint64_t
hash_of(const void *data, size_t len)
{
	static const unsigned char key[SIPHASH_KEY_LEN] = "certd mark";

	return siphash(key, data, len);
}

enum err
store_mark_now(struct store *store, struct store_mark *ret_mark)
{
	struct store_mark mark = {0};
	struct store_txn *txn;
	enum err err = store_begin_read(store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = change_last(txn, &mark.revision);
	if (!err)
		err = domain_count_all(txn, &mark.names);
	store_abort(txn);
	if (!err)
		*ret_mark = mark;
	return err;
}

enum err
store_mark_get(struct store *store, struct store_mark *ret_mark)
{
	struct store_mark mark;
	struct store_txn *txn;
	struct span value;
	struct cursor in;
	uint64_t hash = 0;
	enum err err = store_begin_read(store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = meta_get(txn->env, txn->mdb, META_MARK, &value);
	if (!err) {
		cursor_init(&in, value.data, value.len);
		mark.revision = cursor_u64(&in);
		mark.names = cursor_u64(&in);
		hash = cursor_u64(&in);
		if (!cursor_end(&in) || hash != hash_of(value.data, 16))
			err = ERR_NOTFOUND;
	}
	store_abort(txn);
	if (!err)
		*ret_mark = mark;
	return err;
}

enum err
store_mark_put(struct store *store, const struct store_mark *mark)
{
	struct buf value = {0};
	struct store_txn *txn;
	enum err err = store_begin_write(store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	buf_u64(&value, mark->revision);
	buf_u64(&value, mark->names);
	if (buf_ok(&value))
		buf_u64(&value, hash_of(value.data, value.len));
	err = meta_put(txn->env, txn->mdb, META_MARK, &value);
	err = store_finish(txn, err);
	buf_done(&value);
	return err;
}

enum mark_verdict
store_mark_compare(const struct store_mark *noted, const struct store_mark *now)
{
	if (now->revision >= noted->revision)
		return MARK_SAME;
	return now->names < noted->names - noted->names / 2 ? MARK_LOST : MARK_OLDER;
}
