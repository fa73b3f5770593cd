/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/hostname.h"
#include "store/change_log.h"
#include "store/inside.h"
#include "store/keys.h"
#include "store/seal.h"
#include "store/walk.h"

const struct table_info table_info[TABLE_END] = {
#define X(name, word, env, format, change) [TABLE_##name] = {word, env, format, change},
	TABLE_LIST(X)
#undef X
};

struct span
table_key(const void *data, size_t len)
{
	return (struct span){data, len};
}

struct span
table_key_name(const struct hostname *name)
{
	return (struct span){(const unsigned char *)name->name, name->len};
}

/* Keys have zeros and numbers in them. */
const char *
table_key_text(struct span key, char text[TABLE_KEY_TEXT_MAX])
{
	char *p = text;

	for (size_t i = 0; i < key.len && i < TABLE_KEY_MAX; i++)
		if (key.data[i] > ' ' && key.data[i] < 0x7f && key.data[i] != '\\')
			*p++ = (char)key.data[i];
		else
			p += sprintf(p, "\\x%02x", key.data[i]);
	*p = '\0';
	return text;
}

enum err
table_name_of_key(struct span key, struct hostname *ret_name)
{
	char text[HOSTNAME_MAX + 1] = "";
	struct hostname name;

	if (key.len == 0 || key.len > HOSTNAME_MAX)
		return ERR_CORRUPT;
	memcpy(text, key.data, key.len);
	/* Normalizing it must change nothing. */
	if (hostname_parse_any(text, &name, NULL) || name.len != key.len ||
	    memcmp(name.name, key.data, key.len) != 0)
		return ERR_CORRUPT;
	*ret_name = name;
	return ERR_OK;
}

enum err
table_check_name(const struct hostname *name)
{
	struct hostname same;

	return table_name_of_key(table_key_name(name), &same) ? ERR_INVALID : ERR_OK;
}

/* Keys as LMDB takes them, in the environment that has the table. */
static enum err
check(const struct store_txn *txn, enum table table, struct span key, MDB_val *ret_key)
{
	if (txn->env->which != table_info[table].env)
		return ERR_WRONGSTATE;
	if (key.len == 0 || key.len > TABLE_KEY_MAX)
		return ERR_INVALID;
	/* LMDB's interface has no const; it does not write there. */
	ret_key->mv_data = (void *)(uintptr_t)key.data;
	ret_key->mv_size = key.len;
	return ERR_OK;
}

static struct seal_place
place_of(enum table table, struct span key)
{
	return (struct seal_place){
		.table = table_info[table].word,
		.key = key.data,
		.key_len = key.len,
		.format = table_info[table].format,
	};
}

enum err
table_open(struct store_txn *txn, enum table table, struct span key, struct span sealed,
           struct cursor *ret_in)
{
	struct seal_place place = place_of(table, key);
	struct seal *seal = txn->env->seal;
	enum err err = seal_open(seal, &place, &sealed, &txn->plain, &txn->head);
	struct seal_head head;

	/* A rotation began since this process opened the store, or the key id was flipped. */
	if (err == ERR_AGAIN) {
		err = seal_peek(&sealed, &head);
		if (!err)
			err = keys_take_up(txn->env, txn->mdb, head.key_id);
		if (err == ERR_CRYPTO)
			atomic_store(&txn->store->locked_out, true);
		if (!err)
			err = seal_open(seal, &place, &sealed, &txn->plain, &txn->head);
		if (err == ERR_AGAIN)
			err = ERR_CORRUPT;
	}
	if (!err)
		cursor_init(ret_in, txn->plain.data, txn->plain.len);
	return err;
}

enum err
table_get_plain(struct store_txn *txn, enum table table, struct span key, struct span *ret_value)
{
	MDB_val k, v;
	enum err err = check(txn, table, key, &k);

	if (!err)
		err = env_err(txn->env, mdb_get(txn->mdb, txn->env->dbi[table], &k, &v));
	if (!err)
		*ret_value = (struct span){v.mv_data, v.mv_size};
	if (!err && !value_is_sound(txn, *ret_value))
		ret_value->len = 0; /* it is there, and opens nowhere */
	return err;
}

enum err
table_get(struct store_txn *txn, enum table table, struct span key, struct cursor *ret_in)
{
	struct span sealed;
	enum err err = table_get_plain(txn, table, key, &sealed);

	return err ? err : table_open(txn, table, key, sealed, ret_in);
}

enum err
table_end(struct store_txn *txn, const struct cursor *in)
{
	bool whole = cursor_end(in);

	buf_reset(&txn->plain);
	return whole ? ERR_OK : ERR_CORRUPT;
}

unsigned char
table_format(const struct store_txn *txn)
{
	return txn->head.format;
}

struct buf *
table_new(struct store_txn *txn)
{
	buf_reset(&txn->plain);
	return &txn->plain;
}

/* Keys that come in order fill their pages: LMDB splits in the middle unless told that a key is
 * the last, and half of each page would stay empty. */
static int
put(MDB_txn *mdb, MDB_dbi dbi, MDB_val *key, MDB_val *value)
{
	MDB_cursor *cursor;
	MDB_val last, unused;
	unsigned flags = 0;
	int rc = mdb_cursor_open(mdb, dbi, &cursor);

	if (rc)
		return rc;
	rc = mdb_cursor_get(cursor, &last, &unused, MDB_LAST);
	if (rc == MDB_NOTFOUND || (rc == 0 && mdb_cmp(mdb, dbi, key, &last) > 0))
		flags = MDB_APPEND;
	if (rc == 0 || rc == MDB_NOTFOUND)
		rc = mdb_cursor_put(cursor, key, value, flags);
	mdb_cursor_close(cursor);
	return rc;
}

enum err
table_put_plain(struct store_txn *txn, enum table table, struct span key, struct span value)
{
	MDB_val k, v = {value.len, (void *)(uintptr_t)value.data};
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = check(txn, table, key, &k);
	if (!err)
		err = env_err(txn->env, put(txn->mdb, txn->env->dbi[table], &k, &v));
	return err ? txn_fail(txn, err) : ERR_OK;
}

/* Seals the scratch and puts it. */
static enum err
put_sealed(struct store_txn *txn, enum table table, struct span key, uint64_t revision)
{
	struct seal_place place = place_of(table, key);
	enum err err;

	place.revision = revision;
	buf_reset(&txn->sealed);
	err = seal_close(txn->env->seal, &place, txn->plain.data, txn->plain.len, &txn->sealed);
	buf_reset(&txn->plain);
	if (err)
		return txn_fail(txn, err);
	return table_put_plain(txn, table, key, table_key(txn->sealed.data, txn->sealed.len));
}

enum err
table_put(struct store_txn *txn, enum table table, struct span key)
{
	uint64_t revision = 0;
	enum err err = txn_writable(txn);

	if (!err && !buf_ok(&txn->plain))
		err = ERR_NOMEM;
	if (!err && txn->env->which != table_info[table].env)
		err = ERR_WRONGSTATE;
	if (!err && table_info[table].change)
		err = change_note(txn, table, key, false, &revision);
	if (!err)
		return put_sealed(txn, table, key, revision);
	buf_reset(&txn->plain);
	return txn->writes ? txn_fail(txn, err) : err;
}

enum err
table_reseal(struct store_txn *txn, enum table table, struct span key)
{
	struct cursor in;
	enum err err = txn_writable(txn);

	if (!err)
		err = table_get(txn, table, key, &in);
	if (!err && txn->head.format != table_info[table].format)
		err = ERR_VERSION;
	return err ? err : put_sealed(txn, table, key, txn->head.revision);
}

enum err
table_del(struct store_txn *txn, enum table table, struct span key)
{
	MDB_val k;
	uint64_t revision;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	if (table_info[table].change) {
		err = table_has(txn, table, key);
		if (!err)
			err = change_note(txn, table, key, true, &revision);
	}
	if (!err)
		err = check(txn, table, key, &k);
	if (!err)
		err = env_err(txn->env, mdb_del(txn->mdb, txn->env->dbi[table], &k, NULL));
	return err && err != ERR_NOTFOUND ? txn_fail(txn, err) : err;
}

enum err
table_has(struct store_txn *txn, enum table table, struct span key)
{
	struct span value;

	return table_get_plain(txn, table, key, &value);
}

enum err
table_size(struct store_txn *txn, enum table table, uint64_t *ret_records)
{
	MDB_stat stat;
	enum err err;

	if (txn->env->which != table_info[table].env)
		return ERR_WRONGSTATE;
	err = env_err(txn->env, mdb_stat(txn->mdb, txn->env->dbi[table], &stat));
	if (!err)
		*ret_records = stat.ms_entries;
	return err;
}
