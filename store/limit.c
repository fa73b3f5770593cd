/* SPDX-License-Identifier: Apache-2.0 */
#include "store/limit.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

enum { KEY_MAX = NAME_WORD_MAX + 1 + 1 + LIMIT_KEY_MAX };

static const char *const words[LIMIT_SCOPES] = {
	[LIMIT_ACCOUNT] = "account",
	[LIMIT_DOMAIN] = "domain",
	[LIMIT_SET] = "set",
	[LIMIT_NAME] = "name",
};

const char *
limit_scope_word(enum limit_scope scope)
{
	return (unsigned)scope < LIMIT_SCOPES ? words[scope] : "unknown";
}

/* ca word | 0 | scope u8 | key */
static enum err
key_of(const struct limit_id *id, char key[KEY_MAX + 1], struct span *ret_key)
{
	size_t ca = strnlen(id->ca, sizeof(id->ca)), len = strnlen(id->key, sizeof(id->key));

	if (ca == 0 || ca > NAME_WORD_MAX || len > LIMIT_KEY_MAX ||
	    (unsigned)id->scope >= LIMIT_SCOPES)
		return ERR_INVALID;
	memcpy(key, id->ca, ca);
	key[ca] = '\0';
	key[ca + 1] = (char)id->scope;
	memcpy(key + ca + 2, id->key, len);
	*ret_key = table_key(key, ca + 2 + len);
	return ERR_OK;
}

static enum err
id_of(struct span key, struct limit_id *id)
{
	const unsigned char *zero = memchr(key.data, 0, key.len);
	size_t ca = zero ? (size_t)(zero - key.data) : 0;

	*id = (struct limit_id){.scope = LIMIT_ACCOUNT};
	if (ca == 0 || ca > NAME_WORD_MAX || key.len < ca + 2 || key.len - ca - 2 > LIMIT_KEY_MAX ||
	    key.data[ca + 1] >= LIMIT_SCOPES)
		return ERR_CORRUPT;
	memcpy(id->ca, key.data, ca);
	id->scope = (enum limit_scope)key.data[ca + 1];
	memcpy(id->key, key.data + ca + 2, key.len - ca - 2);
	return ERR_OK;
}

static enum err
decode(struct store_txn *txn, struct cursor *in, struct limit_record *l)
{
	l->count = cursor_u32(in);
	l->period = cursor_u32(in);
	l->level = cursor_u64(in);
	l->at = (int64_t)cursor_u64(in);
	l->since = (int64_t)cursor_u64(in);
	l->until = (int64_t)cursor_u64(in);
	cursor_text16(in, l->title, sizeof(l->title));
	cursor_text16(in, l->text, sizeof(l->text));
	if (l->count && !l->period)
		in->bad = true;
	return table_end(txn, in);
}

enum err
limit_get(struct store_txn *txn, const struct limit_id *id, struct limit_record *ret_limit)
{
	char bytes[KEY_MAX + 1];
	struct limit_record l = {.id = *id};
	struct span key;
	struct cursor in;
	enum err err = key_of(id, bytes, &key);

	if (!err)
		err = table_get(txn, TABLE_LIMIT, key, &in);
	if (!err)
		err = decode(txn, &in, &l);
	if (!err)
		*ret_limit = l;
	return err;
}

/* Format 4, see docs/store.md. */
enum err
limit_put(struct store_txn *txn, const struct limit_record *l)
{
	char bytes[KEY_MAX + 1];
	struct span key;
	struct buf *out;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	if (key_of(&l->id, bytes, &key) || (l->count && !l->period) ||
	    !memchr(l->title, 0, sizeof(l->title)) || !memchr(l->text, 0, sizeof(l->text)))
		return txn_fail(txn, ERR_INVALID);
	out = table_new(txn);
	buf_u32(out, l->count);
	buf_u32(out, l->period);
	buf_u64(out, l->level);
	buf_u64(out, (uint64_t)l->at);
	buf_u64(out, (uint64_t)l->since);
	buf_u64(out, (uint64_t)l->until);
	buf_bytes16(out, l->title, strlen(l->title));
	buf_bytes16(out, l->text, strlen(l->text));
	return table_put(txn, TABLE_LIMIT, key);
}

enum err
limit_del(struct store_txn *txn, const struct limit_id *id)
{
	char bytes[KEY_MAX + 1];
	struct span key;
	enum err err = key_of(id, bytes, &key);

	if (!err)
		err = table_del(txn, TABLE_LIMIT, key);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
to_first(struct walk *walk, const struct limit_id *after)
{
	char bytes[KEY_MAX + 1];
	struct span key;
	enum err err;

	if (!after)
		return walk_first(walk);
	err = key_of(after, bytes, &key);
	if (err)
		return err;
	bytes[key.len++] = '\0'; /* the next key there can be */
	return walk_seek(walk, key);
}

enum err
limit_page(struct store_txn *txn, const struct limit_id *after, size_t max,
           struct limit_record *limits, size_t *ret_count)
{
	struct walk walk;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_LIMIT);

	if (!err)
		err = to_first(&walk, after);
	while (!err && count < max) {
		struct cursor in;

		err = id_of(walk.key, &limits[count].id);
		if (!err)
			err = walk_read(&walk, &in);
		if (!err)
			err = decode(txn, &in, &limits[count]);
		count += !err;
		if (!err || err == ERR_CORRUPT || err == ERR_VERSION)
			err = walk_next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_count = count;
	return ERR_OK;
}
