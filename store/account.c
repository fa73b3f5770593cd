/* SPDX-License-Identifier: Apache-2.0 */
#include "store/account.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "store/inside.h"
#include "store/table.h"

enum { KEY_LEN_MIN = 32 };

static const char *const status_words[ACCOUNT_STATUS_END] = {
	[ACCOUNT_VALID] = "valid",
	[ACCOUNT_DEACTIVATED] = "deactivated",
	[ACCOUNT_REVOKED] = "revoked",
};

const char *
account_status_word(enum account_status status)
{
	return (unsigned)status < ACCOUNT_STATUS_END ? status_words[status] : "unknown";
}

void
account_done(struct account *account)
{
	secret_done(&account->key);
	secret_done(&account->next_key);
	*account = (struct account){0};
}

static bool
is_key(size_t len)
{
	return len >= KEY_LEN_MIN && len <= ACCOUNT_KEY_MAX;
}

/* Terminated; the directory, being the key, at least one byte. */
static enum err
check(const struct account *a)
{
	if (!a->directory[0] || !memchr(a->directory, 0, sizeof(a->directory)) ||
	    !memchr(a->url, 0, sizeof(a->url)) || !memchr(a->orders, 0, sizeof(a->orders)) ||
	    !memchr(a->terms, 0, sizeof(a->terms)) || !memchr(a->contacts, 0, sizeof(a->contacts)))
		return ERR_INVALID;
	if (!is_key(a->key.len) || (a->next_key.len && !is_key(a->next_key.len)) ||
	    (unsigned)a->status >= ACCOUNT_STATUS_END)
		return ERR_INVALID;
	return ERR_OK;
}

static enum err
read_key(struct cursor *in, struct secret *key)
{
	struct span bytes = cursor_bytes16(in);

	if (!is_key(bytes.len))
		return ERR_CORRUPT;
	return secret_set(key, bytes.data, bytes.len);
}

/* What formats before 4 do not have. */
static enum err
decode_rest(struct cursor *in, struct account *a)
{
	struct cursor next;
	enum err err = ERR_OK;

	a->status = cursor_u8(in);
	if (a->status >= ACCOUNT_STATUS_END)
		return ERR_CORRUPT;
	next = *in;
	if (cursor_bytes16(in).len)
		err = read_key(&next, &a->next_key);
	cursor_text16(in, a->terms, sizeof(a->terms));
	cursor_text16(in, a->contacts, sizeof(a->contacts));
	return err;
}

enum err
account_get(struct store_txn *txn, const char *directory, struct account *ret_account)
{
	struct account a = {0};
	struct cursor in;
	size_t len = strlen(directory);
	enum err err, end;

	if (len == 0 || len > ACCOUNT_URL_MAX)
		return ERR_NOTFOUND;
	err = table_get(txn, TABLE_ACCOUNT, table_key(directory, len), &in);
	if (err)
		return err;
	memcpy(a.directory, directory, len);
	a.created_at = (int64_t)cursor_u64(&in);
	err = read_key(&in, &a.key);
	cursor_text16(&in, a.url, sizeof(a.url));
	cursor_text16(&in, a.orders, sizeof(a.orders));
	if (!err && in.left)
		err = decode_rest(&in, &a);
	end = table_end(txn, &in);
	if (!err)
		err = end;
	if (err) {
		account_done(&a);
		return err;
	}
	account_done(ret_account);
	*ret_account = a;
	return ERR_OK;
}

/* Format 4, see docs/store.md. */
enum err
account_put(struct store_txn *txn, const struct account *account)
{
	struct buf *out;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = check(account);
	if (err)
		return txn_fail(txn, err);
	out = table_new(txn);
	buf_u64(out, (uint64_t)account->created_at);
	buf_bytes16(out, account->key.data, account->key.len);
	buf_bytes16(out, account->url, strlen(account->url));
	buf_bytes16(out, account->orders, strlen(account->orders));
	buf_u8(out, (uint8_t)account->status);
	buf_bytes16(out, account->next_key.data, account->next_key.len);
	buf_bytes16(out, account->terms, strlen(account->terms));
	buf_bytes16(out, account->contacts, strlen(account->contacts));
	return table_put(txn, TABLE_ACCOUNT,
	                 table_key(account->directory, strlen(account->directory)));
}
