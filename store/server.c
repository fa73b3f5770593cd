/* SPDX-License-Identifier: Apache-2.0 */
#include "store/server.h"

#include <string.h>

#include "base/buf.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

enum { KEY_MAX = NAME_WORD_MAX + 1 + SERVER_TEXT_MAX };

/* backend | 0 | server. ERR_INVALID when one of them cannot be in a configuration. */
static enum err
key_of(const char *backend, const char *server, char key[KEY_MAX], struct span *ret_key)
{
	size_t backend_len = strnlen(backend, NAME_WORD_MAX + 1);
	size_t server_len = strnlen(server, SERVER_TEXT_MAX + 1);

	if (backend_len == 0 || backend_len > NAME_WORD_MAX || server_len == 0 ||
	    server_len > SERVER_TEXT_MAX)
		return ERR_INVALID;
	memcpy(key, backend, backend_len);
	key[backend_len] = '\0';
	memcpy(key + backend_len + 1, server, server_len);
	*ret_key = table_key(key, backend_len + 1 + server_len);
	return ERR_OK;
}

static enum err
parts_of(struct span key, struct server *s)
{
	const char *text = (const char *)key.data, *end = memchr(text, '\0', key.len);
	size_t backend_len = end ? (size_t)(end - text) : 0;
	size_t server_len = end ? key.len - backend_len - 1 : 0;

	if (backend_len == 0 || backend_len > NAME_WORD_MAX || server_len == 0 ||
	    server_len > SERVER_TEXT_MAX)
		return ERR_CORRUPT;
	*s = (struct server){0};
	memcpy(s->backend, text, backend_len);
	memcpy(s->server, end + 1, server_len);
	return ERR_OK;
}

/* Format 2, see docs/store.md. */
enum err
server_put(struct store_txn *txn, const struct server *server)
{
	char bytes[KEY_MAX];
	struct span key;
	struct buf *out;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = key_of(server->backend, server->server, bytes, &key);
	if (err || server->state == 0)
		return txn_fail(txn, ERR_INVALID);
	out = table_new(txn);
	buf_u8(out, server->state);
	buf_u64(out, (uint64_t)server->at);
	return table_put(txn, TABLE_SERVER, key);
}

enum err
server_del(struct store_txn *txn, const char *backend, const char *server)
{
	char bytes[KEY_MAX];
	struct span key;
	enum err err = key_of(backend, server, bytes, &key);

	if (!err)
		err = table_del(txn, TABLE_SERVER, key);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
read_row(struct walk *walk, struct server *s)
{
	struct cursor in;
	enum err err = parts_of(walk->key, s);

	if (!err)
		err = walk_read(walk, &in);
	if (err)
		return err;
	s->state = cursor_u8(&in);
	s->at = (int64_t)cursor_u64(&in);
	return table_end(walk->txn, &in);
}

enum err
server_page(struct store_txn *txn, size_t limit, struct server *servers, size_t *ret_count)
{
	struct walk walk;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_SERVER);

	if (!err)
		err = walk_first(&walk);
	while (!err && count < limit) {
		err = read_row(&walk, &servers[count]);
		/* A damaged one is left out: its server is used as usual. */
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
