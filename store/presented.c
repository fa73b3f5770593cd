/* SPDX-License-Identifier: Apache-2.0 */
#include "store/presented.h"

#include <string.h>

#include "base/buf.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

enum { KEY_MAX = HOSTNAME_MAX + 1 + PRESENTED_VALUE_MAX };

/* name | 0 | value */
static enum err
key_of(const struct presented *p, char key[KEY_MAX], struct span *ret_key)
{
	size_t len = strnlen(p->value, sizeof(p->value));
	enum err err = table_check_name(&p->name);

	if (err || len == 0 || len > PRESENTED_VALUE_MAX)
		return ERR_INVALID;
	memcpy(key, p->name.name, p->name.len);
	key[p->name.len] = '\0';
	memcpy(key + p->name.len + 1, p->value, len);
	*ret_key = table_key(key, p->name.len + 1u + len);
	return ERR_OK;
}

static enum err
parts_of(struct span key, struct presented *p)
{
	const unsigned char *end = memchr(key.data, '\0', key.len);
	size_t len = end ? (size_t)(end - key.data) : 0;
	size_t value_len = end ? key.len - len - 1 : 0;

	*p = (struct presented){0};
	if (value_len == 0 || value_len > PRESENTED_VALUE_MAX)
		return ERR_CORRUPT;
	memcpy(p->value, end + 1, value_len);
	return table_name_of_key(table_key(key.data, len), &p->name);
}

static bool
kind_is_ours(unsigned kind)
{
	return kind > 0 && kind < CHALLENGE_KIND_END &&
	       !challenge_kind_is_served((enum challenge_kind)kind);
}

/* Format 4, see docs/store.md. */
enum err
presented_put(struct store_txn *txn, const struct presented *p)
{
	char bytes[KEY_MAX];
	struct span key;
	struct buf *out;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = key_of(p, bytes, &key);
	if (!err)
		err = table_check_name(&p->identifier);
	if (err || !kind_is_ours(p->kind) || !*p->dns || !*p->record)
		return txn_fail(txn, ERR_INVALID);
	out = table_new(txn);
	buf_u8(out, (uint8_t)p->kind);
	buf_u64(out, (uint64_t)p->created_at);
	buf_bytes16(out, p->identifier.name, p->identifier.len);
	buf_bytes16(out, p->dns, strlen(p->dns));
	buf_bytes16(out, p->record, strlen(p->record));
	return table_put(txn, TABLE_PRESENTED, key);
}

enum err
presented_del(struct store_txn *txn, const struct presented *p)
{
	char bytes[KEY_MAX];
	struct span key;
	enum err err = key_of(p, bytes, &key);

	if (!err)
		err = table_del(txn, TABLE_PRESENTED, key);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

bool
presented_same(const struct presented *a, const struct presented *b)
{
	return hostname_equal(&a->name, &b->name) && strcmp(a->value, b->value) == 0;
}

static enum err
read_row(struct walk *walk, struct presented *p)
{
	unsigned kind;
	struct cursor in;
	enum err err = parts_of(walk->key, p);

	if (!err)
		err = walk_read(walk, &in);
	if (err)
		return err;
	kind = cursor_u8(&in);
	p->kind = (enum challenge_kind)kind;
	p->created_at = (int64_t)cursor_u64(&in);
	if (!kind_is_ours(kind) || table_name_of_key(cursor_bytes16(&in), &p->identifier))
		in.bad = true;
	cursor_text16(&in, p->dns, sizeof(p->dns));
	cursor_text16(&in, p->record, sizeof(p->record));
	return table_end(walk->txn, &in);
}

static enum err
to_first(struct walk *walk, const struct presented *after)
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
presented_page(struct store_txn *txn, const struct presented *after, size_t limit,
               struct presented *list, size_t *ret_count)
{
	struct walk walk;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_PRESENTED);

	if (!err)
		err = to_first(&walk, after);
	while (!err && count < limit) {
		err = read_row(&walk, &list[count]);
		/* What cannot be read cannot be removed from DNS either. */
		if (!err)
			count++;
		if (!err || err == ERR_CORRUPT || err == ERR_VERSION)
			err = walk_next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_count = count;
	return ERR_OK;
}
