/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/rawdb.h - LMDB itself on one database of a closed store, to change it behind its
 * back
 *
 * Fails the running test (assert_...) instead of returning errors.
 */
#ifndef TESTS_SUPPORT_RAWDB_H
#define TESTS_SUPPORT_RAWDB_H

#include <stddef.h>

#include <lmdb.h>

enum { RAWDB_MAX = 4096 };

struct rawdb {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
};

/* TABLE of the environment in DIR/FOLDER. */
struct rawdb rawdb_open(const char *dir, const char *folder, const char *table);
/* Commits. */
void rawdb_close(struct rawdb *raw);
/* The record's length. */
size_t rawdb_get(struct rawdb *raw, const void *key, size_t key_len, unsigned char data[RAWDB_MAX]);
void rawdb_put(struct rawdb *raw, const void *key, size_t key_len, const void *data, size_t len);
void rawdb_del(struct rawdb *raw, const void *key, size_t key_len);
/* Writes the bytes of TO over a key in its page: it stays where it is, in order or not. */
void rawdb_overwrite_key(struct rawdb *raw, const void *key, const void *to, size_t key_len);

#endif
