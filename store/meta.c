/* SPDX-License-Identifier: Apache-2.0 */
#include "store/meta.h"

#include <string.h>

#include "base/buf.h"
#include "base/problem.h"
#include "base/secret.h"
#include "store/inside.h"
#include "store/keys.h"
#include "store/seal.h"

static const char meta_word[] = "meta";

enum err
meta_get(struct env *env, MDB_txn *mdb, const char *key, struct span *ret_value)
{
	MDB_val k = {strlen(key), (void *)(uintptr_t)key}, v;
	enum err err = env_err(env, mdb_get(mdb, env->meta, &k, &v));

	if (!err)
		*ret_value = (struct span){v.mv_data, v.mv_size};
	return err;
}

enum err
meta_put(struct env *env, MDB_txn *mdb, const char *key, const struct buf *value)
{
	MDB_val k = {strlen(key), (void *)(uintptr_t)key}, v = {value->len, value->data};

	return buf_ok(value) ? env_err(env, mdb_put(mdb, env->meta, &k, &v, 0)) : ERR_NOMEM;
}

enum err
meta_del(struct env *env, MDB_txn *mdb, const char *key)
{
	MDB_val k = {strlen(key), (void *)(uintptr_t)key};
	enum err err = env_err(env, mdb_del(mdb, env->meta, &k, NULL));

	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
put_format(struct env *env, MDB_txn *mdb)
{
	struct buf value = {0};
	enum err err;

	buf_u32(&value, STORE_FORMAT);
	err = meta_put(env, mdb, "format", &value);
	buf_done(&value);
	return err;
}

/* ERR_NOTFOUND when "format" says nothing. */
static enum err
read_format(struct env *env, MDB_txn *mdb, uint32_t *ret_format)
{
	struct span value;
	struct cursor in;
	uint32_t format;
	enum err err = meta_get(env, mdb, "format", &value);

	if (err)
		return err;
	cursor_init(&in, value.data, value.len);
	format = cursor_u32(&in);
	if (!cursor_end(&in) || format == 0)
		return ERR_CORRUPT;
	*ret_format = format;
	return ERR_OK;
}

enum err
meta_place_get(struct store_txn *txn, const char *name, struct meta_place *ret_place)
{
	struct meta_place place;
	struct span value, key;
	struct cursor in;
	enum err err = meta_get(txn->env, txn->mdb, name, &value);

	if (err)
		return err;
	cursor_init(&in, value.data, value.len);
	place.key_id = cursor_u16(&in);
	place.again = cursor_u8(&in);
	place.found = cursor_u64(&in);
	place.done = cursor_u64(&in);
	place.table = cursor_u8(&in);
	key = cursor_bytes16(&in);
	if (!cursor_end(&in) || key.len > sizeof(place.key))
		return ERR_CORRUPT;
	place.len = (uint16_t)key.len;
	memcpy(place.key, key.data, key.len);
	*ret_place = place;
	return ERR_OK;
}

enum err
meta_place_put(struct store_txn *txn, const char *name, const struct meta_place *place)
{
	struct buf value = {0};
	enum err err;

	buf_u16(&value, place->key_id);
	buf_u8(&value, place->again);
	buf_u64(&value, place->found);
	buf_u64(&value, place->done);
	buf_u8(&value, place->table);
	buf_bytes16(&value, place->key, place->len);
	err = meta_put(txn->env, txn->mdb, name, &value);
	buf_done(&value);
	return err ? txn_fail(txn, err) : ERR_OK;
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

/* Format 2 has no pool, and no record of a domain that knows of one: nothing to rewrite; up
 * to format 3 the due index has no lanes, and is made anew (domain_upgrade_due()). Format 1 to be:
 * new keys, new tables; the records follow, see store/upgrade.h. The tables that are derived are
 * made anew with them. */
static enum err
begin_upgrade(struct env *env, MDB_txn *mdb, uint32_t format, const struct secret *master)
{
	struct store_txn txn = {.env = env, .mdb = mdb, .writes = true};
	struct meta_place place = {0};
	enum err err = format > 1 ? ERR_OK : keys_upgrade(env, mdb, master);

	if (!err)
		err = open_tables(env, mdb, true);
	for (int t = 0; t < TABLE_END && !err; t++)
		if (table_info[t].env == env->which && table_info[t].format == TABLE_PLAIN &&
		    (format == 1 || t == TABLE_DUE))
			err = env_err(env, mdb_drop(mdb, env->dbi[t], 0));
	if (!err)
		err = meta_place_put(&txn, "upgrade", &place);
	return err ? err : put_format(env, mdb);
}

static enum err
too_new(uint32_t format, const char *path, struct problem *why)
{
	problem_set(why, PROBLEM_INTERNAL,
	            "%s was written by a newer certd (store format %u, this one knows %d): install "
	            "that version again, or restore a backup made before the upgrade",
	            path, (unsigned)format, STORE_FORMAT);
	return ERR_VERSION;
}

static bool
is_ours(const struct env *env, const MDB_val *key)
{
	bool is = strlen(meta_word) == key->mv_size &&
	          memcmp(meta_word, key->mv_data, key->mv_size) == 0;

	for (int t = 0; t < TABLE_END && !is; t++)
		is = table_info[t].env == env->which &&
		     strlen(table_info[t].word) == key->mv_size &&
		     memcmp(table_info[t].word, key->mv_data, key->mv_size) == 0;
	return is;
}

/* A table whose name was flipped would be made anew, empty, and all that knows of its records be
 * put aside. A newer certd may have left more tables, an older one fewer, but not both. */
static enum err
check_names(const struct env *env, MDB_txn *mdb)
{
	size_t ours = 0, others = 0, wanted = 1;
	MDB_cursor *cursor = NULL;
	MDB_val key, value;
	MDB_dbi names;
	int rc = mdb_dbi_open(mdb, NULL, 0, &names);

	for (int t = 0; t < TABLE_END; t++)
		wanted += table_info[t].env == env->which;
	if (!rc)
		rc = mdb_cursor_open(mdb, names, &cursor);
	while (!rc && !(rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)))
		if (is_ours(env, &key))
			ours++;
		else
			others++;
	if (cursor)
		mdb_cursor_close(cursor);
	return rc != MDB_NOTFOUND || (others && ours < wanted) ? ERR_CORRUPT : ERR_OK;
}

/* What there is, or, with CREATE, what there should be. */
static enum err
settle(struct env *env, MDB_txn *mdb, bool create, const struct secret *master, const char *path,
       struct problem *why)
{
	uint32_t format = 0;
	bool empty = is_empty(mdb);
	int rc = mdb_dbi_open(mdb, meta_word, create ? MDB_CREATE : 0, &env->meta);
	enum err err = rc ? env_err(env, rc) : read_format(env, mdb, &format);

	if (err == ERR_NOTFOUND && !empty)
		return ERR_CORRUPT; /* somebody else's, or its meta is gone */
	if (err == ERR_NOTFOUND && create) {
		err = put_format(env, mdb);
		return err ? err : keys_make(env, mdb, master);
	}
	if (err)
		return err;
	if (format > STORE_FORMAT)
		return too_new(format, path, why);
	if (format < STORE_FORMAT)
		return create ? begin_upgrade(env, mdb, format, master) : ERR_NOTFOUND;
	return check_names(env, mdb);
}

static enum err
open_in(struct env *env, MDB_txn *txn, bool create, const struct secret *master, const char *path,
        struct problem *why)
{
	enum err err = settle(env, txn, create, master, path, why);

	if (!err)
		err = keys_open(env, txn, master);
	if (!err)
		err = open_tables(env, txn, create);
	if (err) {
		seal_free(env->seal);
		seal_free(env->wrap);
		env->seal = env->wrap = NULL;
	}
	return err;
}

enum err
meta_format(struct env *env, uint32_t *ret_format)
{
	uint32_t format = 0;
	MDB_txn *mdb;
	int rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &mdb);
	enum err err;

	if (rc)
		return env_err(env, rc);
	rc = mdb_dbi_open(mdb, meta_word, 0, &env->meta);
	err = rc ? env_err(env, rc) : read_format(env, mdb, &format);
	mdb_txn_abort(mdb); /* closes meta again */
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_format = format;
	return ERR_OK;
}

static void
explain(enum err err, const char *path, struct problem *why)
{
	if (err == ERR_CRYPTO)
		problem_set(why, PROBLEM_INTERNAL,
		            "%s was sealed with another master key: bring that key back (as the "
		            "systemd credential certd.master, or the file of master-key), or, if "
		            "the key is the right one, restore a backup",
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
