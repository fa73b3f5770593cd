/* SPDX-License-Identifier: Apache-2.0 */
#include "store/meta.h"

#include <string.h>

#include <openssl/rand.h>

#include "base/buf.h"
#include "base/problem.h"
#include "base/secret.h"
#include "store/inside.h"
#include "store/seal.h"

enum { DATA_KEY_LEN = 32, META_KEY_FORMAT = 1 };

/* Database and its keys; "format" and "id" are plain, "key" is sealed with the master key. */
static const char meta_word[] = "meta";
static const char key_format[] = "format"; /* u32 */
static const char key_id[] = "id";         /* 16 random bytes */
static const char key_key[] = "key";       /* the data key */

struct meta {
	MDB_txn *txn;
	MDB_dbi dbi;
};

static const struct seal_place key_place = {
	.table = meta_word,
	.key = key_key,
	.key_len = sizeof(key_key) - 1,
	.format = META_KEY_FORMAT,
};

static int
get(struct meta *meta, const char *key, struct span *ret_value)
{
	MDB_val k = {strlen(key), (void *)(uintptr_t)key}, v;
	int rc = mdb_get(meta->txn, meta->dbi, &k, &v);

	if (!rc)
		*ret_value = (struct span){v.mv_data, v.mv_size};
	return rc;
}

static int
put(struct meta *meta, const char *key, const struct buf *value)
{
	MDB_val k = {strlen(key), (void *)(uintptr_t)key}, v = {value->len, value->data};

	return mdb_put(meta->txn, meta->dbi, &k, &v, 0);
}

/* A new id, and a new data key under MASTER. */
static enum err
make(struct env *env, struct meta *meta, const struct secret *master)
{
	unsigned char id[SEAL_ID_LEN];
	struct buf value = {0}, sealed = {0};
	struct secret key = {0};
	struct seal *seal = NULL;
	enum err err = secret_alloc(&key, DATA_KEY_LEN);

	if (!err &&
	    (RAND_bytes(id, sizeof(id)) != 1 || RAND_priv_bytes(key.data, DATA_KEY_LEN) != 1))
		err = ERR_CRYPTO;
	if (!err)
		err = seal_new(master, id, &seal);
	if (!err)
		err = seal_close(seal, &key_place, key.data, key.len, &sealed);
	if (err)
		goto out;
	buf_u32(&value, STORE_FORMAT);
	err = buf_ok(&value) ? env_err(env, put(meta, key_format, &value)) : ERR_NOMEM;
	buf_reset(&value);
	buf_add(&value, id, sizeof(id));
	if (!err)
		err = buf_ok(&value) ? env_err(env, put(meta, key_id, &value)) : ERR_NOMEM;
	if (!err)
		err = env_err(env, put(meta, key_key, &sealed));
out:
	seal_free(seal);
	secret_done(&key);
	buf_done(&value);
	buf_done(&sealed);
	return err;
}

/* Whether we may go on with what "format" says; ERR_NOTFOUND when it says nothing. */
static enum err
check_format(struct env *env, struct meta *meta, const char *path, struct problem *why)
{
	struct span value;
	struct cursor in;
	uint32_t format;
	int rc = get(meta, key_format, &value);

	if (rc)
		return env_err(env, rc);
	cursor_init(&in, value.data, value.len);
	format = cursor_u32(&in);
	if (!cursor_end(&in) || format == 0)
		return ERR_CORRUPT;
	if (format <= STORE_FORMAT)
		return ERR_OK;
	problem_set(why, PROBLEM_INTERNAL,
	            "%s was written by a newer certd (store format %u, this one knows %d): install "
	            "that version again, or restore a backup made before the upgrade",
	            path, (unsigned)format, STORE_FORMAT);
	return ERR_VERSION;
}

/* The data key out of its record, and env->seal with it. */
static enum err
open_seal(struct env *env, struct meta *meta, const struct secret *master)
{
	struct seal *seal = NULL;
	struct buf plain = {.secret = true};
	struct secret key = {0};
	struct span id, sealed;
	unsigned char format;
	enum err err;

	if (get(meta, key_id, &id) || get(meta, key_key, &sealed) || id.len != SEAL_ID_LEN)
		return ERR_CORRUPT;
	err = seal_new(master, id.data, &seal);
	if (!err)
		err = seal_open(seal, &key_place, &sealed, &plain, &format);
	if (err == ERR_CORRUPT)
		err = ERR_CRYPTO;
	if (!err)
		err = secret_set(&key, plain.data, plain.len);
	if (!err)
		err = seal_new(&key, id.data, &env->seal);
	seal_free(seal);
	secret_done(&key);
	buf_wipe(&plain);
	return err;
}

static enum err
open_tables(struct env *env, MDB_txn *txn, bool create)
{
	int rc = 0;

	for (int t = 0; t < TABLE_END && !rc; t++)
		if (table_info[t].env == env->which)
			rc = mdb_dbi_open(txn, table_info[t].word, create ? MDB_CREATE : 0,
			                  &env->dbi[t]);
	return env_err(env, rc);
}

/* Whether LMDB's file has any database. */
static bool
is_empty(MDB_txn *txn)
{
	MDB_stat stat;
	MDB_dbi dbi;

	return mdb_dbi_open(txn, NULL, 0, &dbi) == 0 && mdb_stat(txn, dbi, &stat) == 0 &&
	       stat.ms_entries == 0;
}

static enum err
open_in(struct env *env, MDB_txn *txn, bool create, const struct secret *master, const char *path,
        struct problem *why)
{
	struct meta meta = {.txn = txn};
	bool empty = is_empty(txn);
	int rc = mdb_dbi_open(txn, meta_word, create ? MDB_CREATE : 0, &meta.dbi);
	enum err err = rc ? env_err(env, rc) : check_format(env, &meta, path, why);

	if (err == ERR_NOTFOUND && !empty)
		err = ERR_CORRUPT; /* somebody else's, or its meta is gone */
	else if (err == ERR_NOTFOUND && create)
		err = make(env, &meta, master);
	if (!err)
		err = open_seal(env, &meta, master);
	if (!err)
		err = open_tables(env, txn, create);
	if (err) {
		seal_free(env->seal);
		env->seal = NULL;
	}
	return err;
}

static void
explain(enum err err, const char *path, struct problem *why)
{
	if (err == ERR_CRYPTO)
		problem_set(why, PROBLEM_INTERNAL,
		            "%s was made with another master key than the one given: give it the "
		            "key it was made with (or, if it is the same, restore a backup)",
		            path);
	else if (err == ERR_CORRUPT)
		problem_set(why, PROBLEM_INTERNAL,
		            "%s/data.mdb is damaged or no store of certd: restore it from a backup",
		            path);
	else if (err == ERR_NOTFOUND)
		problem_set(why, PROBLEM_INTERNAL, "%s has no store yet", path);
	else if (err == ERR_FULL)
		problem_set(why, PROBLEM_INTERNAL, "%s: the disk is full", path);
	else if (err != ERR_VERSION)
		problem_set(why, PROBLEM_INTERNAL, "%s cannot be opened: %s", path, err_text(err));
}

static enum err
attempt(struct env *env, bool create, const struct secret *master, const char *path,
        struct problem *why)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(env->mdb, NULL, create ? 0 : MDB_RDONLY, &txn);
	enum err err;

	if (rc)
		return env_err(env, rc);
	err = open_in(env, txn, create, master, path, why);
	if (err) {
		mdb_txn_abort(txn);
		return err;
	}
	/* For a reader too: an abort would close the tables again. */
	return env_err(env, mdb_txn_commit(txn));
}

enum err
meta_open(struct env *env, bool create, const struct secret *master, const char *path,
          struct problem *why)
{
	/* Most often everything is there, and reading costs no fsync. */
	enum err err = attempt(env, false, master, path, why);

	if (err == ERR_NOTFOUND && create)
		err = attempt(env, true, master, path, why);
	if (err)
		explain(err, path, why);
	return err;
}
