/* SPDX-License-Identifier: Apache-2.0 */
#include "store/challenge.h"

#include <string.h>

#include "base/buf.h"
#include "store/inside.h"
#include "store/order.h"
#include "store/table.h"
#include "store/walk.h"

static const char *const kind_words[CHALLENGE_KIND_END] = {
	[CHALLENGE_HTTP_01] = "http-01",
	[CHALLENGE_TLS_ALPN_01] = "tls-alpn-01",
	[CHALLENGE_DNS_01] = "dns-01",
	[CHALLENGE_DNS_ACCOUNT_01] = "dns-account-01",
	[CHALLENGE_DNS_PERSIST_01] = "dns-persist-01",
};

static const enum table tables[CHALLENGE_DNS_01] = {
	[CHALLENGE_HTTP_01] = TABLE_CHALLENGE_HTTP,
	[CHALLENGE_TLS_ALPN_01] = TABLE_CHALLENGE_ALPN,
};

static bool
kind_is_known(enum challenge_kind kind)
{
	return kind >= CHALLENGE_HTTP_01 && kind < CHALLENGE_KIND_END;
}

bool
challenge_kind_is_served(enum challenge_kind kind)
{
	return kind == CHALLENGE_HTTP_01 || kind == CHALLENGE_TLS_ALPN_01;
}

const char *
challenge_kind_word(enum challenge_kind kind)
{
	return kind_is_known(kind) ? kind_words[kind] : "unknown";
}

enum err
challenge_kind_parse(const char *word, enum challenge_kind *ret_kind)
{
	for (unsigned kind = CHALLENGE_HTTP_01; kind < CHALLENGE_KIND_END; kind++)
		if (strcmp(word, kind_words[kind]) == 0) {
			*ret_kind = kind;
			return ERR_OK;
		}
	return ERR_INVALID;
}

/* base64url (RFC 8555 8.1), terminated within SIZE. */
static bool
token_is_valid(const char *token, size_t size)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-_";
	size_t len = strnlen(token, size);

	return len > 0 && len < size && strspn(token, letters) == len;
}

static enum err
check(const struct challenge *c)
{
	if (!challenge_kind_is_served(c->kind) || !token_is_valid(c->token, sizeof(c->token)) ||
	    !c->keyauth[0] || !memchr(c->keyauth, 0, sizeof(c->keyauth)))
		return ERR_INVALID;
	return table_check_name(&c->name);
}

static struct span
key_of(const struct challenge *c)
{
	if (c->kind == CHALLENGE_HTTP_01)
		return table_key(c->token, strlen(c->token));
	return table_key_name(&c->name);
}

/* Format 1, see docs/store.md. */
static void
encode(const struct challenge *c, struct buf *out)
{
	buf_u64(out, (uint64_t)c->created_at);
	buf_bytes16(out, c->name.name, c->name.len);
	buf_bytes16(out, c->token, strlen(c->token));
	buf_bytes16(out, c->keyauth, strlen(c->keyauth));
}

static void
decode(struct cursor *in, enum challenge_kind kind, struct challenge *c)
{
	c->kind = kind;
	c->created_at = (int64_t)cursor_u64(in);
	if (table_name_of_key(cursor_bytes16(in), &c->name))
		in->bad = true;
	cursor_text16(in, c->token, sizeof(c->token));
	cursor_text16(in, c->keyauth, sizeof(c->keyauth));
}

enum err
challenge_put(struct store_txn *txn, const struct challenge *challenge)
{
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = check(challenge);
	if (err)
		return txn_fail(txn, err);
	encode(challenge, table_new(txn));
	return table_put(txn, tables[challenge->kind], key_of(challenge));
}

static enum err
get(struct store_txn *txn, enum challenge_kind kind, struct span key,
    struct challenge *ret_challenge)
{
	struct challenge c;
	struct cursor in;
	enum err err = table_get(txn, tables[kind], key, &in);

	if (err)
		return err;
	decode(&in, kind, &c);
	err = table_end(txn, &in);
	if (!err)
		*ret_challenge = c;
	return err;
}

enum err
challenge_get_http(struct store_txn *txn, const char *token, struct challenge *ret_challenge)
{
	/* What a client asks for may be anything. */
	if (!token_is_valid(token, CHALLENGE_TOKEN_MAX + 1))
		return ERR_NOTFOUND;
	return get(txn, CHALLENGE_HTTP_01, table_key(token, strlen(token)), ret_challenge);
}

enum err
challenge_get_alpn(struct store_txn *txn, const struct hostname *name,
                   struct challenge *ret_challenge)
{
	return get(txn, CHALLENGE_TLS_ALPN_01, table_key_name(name), ret_challenge);
}

enum err
challenge_del(struct store_txn *txn, const struct challenge *challenge)
{
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = check(challenge);
	if (err)
		return txn_fail(txn, err);
	err = table_del(txn, tables[challenge->kind], key_of(challenge));
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
challenge_any(struct store_txn *txn, bool *ret_any)
{
	uint64_t http, alpn;
	enum err err = table_size(txn, TABLE_CHALLENGE_HTTP, &http);

	if (!err)
		err = table_size(txn, TABLE_CHALLENGE_ALPN, &alpn);
	if (!err)
		*ret_any = http > 0 || alpn > 0;
	return err;
}

/* ERR_OK: nobody needs the challenge under the walk any more. ERR_EXISTS: somebody does. */
static enum err
is_over(struct walk *walk, enum challenge_kind kind, int64_t created_before,
        struct store_txn *orders)
{
	struct challenge c;
	struct cursor in;
	enum err err = walk_read(walk, &in);

	if (!err) {
		decode(&in, kind, &c);
		err = table_end(walk->txn, &in);
	}
	if (err == ERR_CORRUPT)
		return ERR_OK; /* answers nobody, and its order makes a new one */
	if (err)
		return err;
	if (c.created_at >= created_before)
		return ERR_EXISTS;
	err = table_has(orders, TABLE_ORDER, table_key_name(&c.name));
	if (err == ERR_NOTFOUND)
		return ERR_OK;
	return err ? err : ERR_EXISTS;
}

static enum err
expire(struct store_txn *txn, enum challenge_kind kind, int64_t created_before,
       struct store_txn *orders)
{
	struct walk walk;
	enum err err = walk_open(&walk, txn, tables[kind]);

	if (!err)
		err = walk_first(&walk);
	while (!err) {
		err = is_over(&walk, kind, created_before, orders);
		if (!err)
			err = walk_del(&walk);
		if (!err || err == ERR_EXISTS)
			err = walk_next(&walk);
	}
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
challenge_expire(struct store_txn *txn, int64_t created_before)
{
	struct store_txn *orders = NULL;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = store_begin_read(txn->store, STORE_PRIVATE, &orders);
	if (!err)
		err = expire(txn, CHALLENGE_HTTP_01, created_before, orders);
	if (!err)
		err = expire(txn, CHALLENGE_TLS_ALPN_01, created_before, orders);
	store_abort(orders);
	return err ? txn_fail(txn, err) : ERR_OK;
}
