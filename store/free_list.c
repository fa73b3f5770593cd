/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB's list of free pages (its database 0): each record is a count and as many numbers of pages,
 * falling; more room behind them is possible. LMDB believes all of it when it writes. */
#include <stdint.h>
#include <string.h>

#include "store/inside.h"
#include "store/walk.h"

enum { FIRST_PAGE = 2 }; /* behind the meta pages */

static uint64_t
number_at(const MDB_val *value, size_t i)
{
	uint64_t n;

	memcpy(&n, (const unsigned char *)value->mv_data + i * sizeof(n), sizeof(n));
	return n;
}

static bool
record_is_sound(const struct store_txn *txn, const MDB_val *value, uint64_t last_page)
{
	uint64_t count, above = last_page + 1;

	if (value->mv_size < sizeof(count) ||
	    !value_is_sound(txn, (struct span){value->mv_data, value->mv_size}))
		return false;
	count = number_at(value, 0);
	if (count >= value->mv_size / sizeof(count))
		return false;
	for (size_t i = 1; i <= count; i++) {
		uint64_t page = number_at(value, i);

		if (page >= above || page < FIRST_PAGE)
			return false;
		above = page;
	}
	return true;
}

enum err
store_check_free_list(struct store *store, enum store_env which)
{
	struct env *env = &store->env[which];
	MDB_cursor *cursor = NULL;
	MDB_val key, value;
	struct store_txn *txn;
	MDB_envinfo info;
	enum err err = store_begin_read(store, which, &txn);
	int rc;

	if (err)
		return err;
	mdb_env_info(env->mdb, &info);
	rc = mdb_cursor_open(txn->mdb, 0, &cursor);
	while (!rc && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
		if (key.mv_size != sizeof(uint64_t) ||
		    !record_is_sound(txn, &value, info.me_last_pgno))
			rc = MDB_CORRUPTED;
	if (cursor)
		mdb_cursor_close(cursor);
	store_abort(txn);
	return rc == MDB_NOTFOUND ? ERR_OK : env_err(env, rc);
}
