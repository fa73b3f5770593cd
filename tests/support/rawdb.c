/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/rawdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct rawdb
rawdb_open(const char *dir, const char *folder, const char *table)
{
	struct rawdb raw;
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, folder);
	assert_int_equal(mdb_env_create(&raw.env), 0);
	assert_int_equal(mdb_env_set_maxdbs(raw.env, 32), 0);
	assert_int_equal(mdb_env_open(raw.env, path, 0, 0640), 0);
	assert_int_equal(mdb_txn_begin(raw.env, NULL, 0, &raw.txn), 0);
	assert_int_equal(mdb_dbi_open(raw.txn, table, 0, &raw.dbi), 0);
	return raw;
}

void
rawdb_close(struct rawdb *raw)
{
	assert_int_equal(mdb_txn_commit(raw->txn), 0);
	mdb_env_close(raw->env);
}

size_t
rawdb_get(struct rawdb *raw, const void *key, size_t key_len, unsigned char data[RAWDB_MAX])
{
	MDB_val k = {key_len, (void *)(uintptr_t)key}, v;

	assert_int_equal(mdb_get(raw->txn, raw->dbi, &k, &v), 0);
	assert_true(v.mv_size <= RAWDB_MAX);
	memcpy(data, v.mv_data, v.mv_size);
	return v.mv_size;
}

void
rawdb_put(struct rawdb *raw, const void *key, size_t key_len, const void *data, size_t len)
{
	MDB_val k = {key_len, (void *)(uintptr_t)key}, v = {len, (void *)(uintptr_t)data};

	assert_int_equal(mdb_put(raw->txn, raw->dbi, &k, &v, 0), 0);
}

void
rawdb_del(struct rawdb *raw, const void *key, size_t key_len)
{
	MDB_val k = {key_len, (void *)(uintptr_t)key};

	assert_int_equal(mdb_del(raw->txn, raw->dbi, &k, NULL), 0);
}

/* Putting the same again makes the page the transaction's own, which is memory. */
void
rawdb_overwrite_key(struct rawdb *raw, const void *key, const void *to, size_t key_len)
{
	MDB_val k = {key_len, (void *)(uintptr_t)key}, v, same;
	unsigned char data[RAWDB_MAX];
	MDB_cursor *cursor;

	assert_int_equal(mdb_cursor_open(raw->txn, raw->dbi, &cursor), 0);
	assert_int_equal(mdb_cursor_get(cursor, &k, &v, MDB_SET_KEY), 0);
	assert_true(v.mv_size <= RAWDB_MAX);
	memcpy(data, v.mv_data, v.mv_size);
	same = (MDB_val){v.mv_size, data};
	assert_int_equal(mdb_cursor_put(cursor, &k, &same, MDB_CURRENT), 0);
	assert_int_equal(mdb_cursor_get(cursor, &k, &v, MDB_GET_CURRENT), 0);
	memcpy(k.mv_data, to, key_len);
	mdb_cursor_close(cursor);
}
