/* SPDX-License-Identifier: Apache-2.0 */
#include "store/account.h"

#include <string.h>

#include "base/buf.h"
#include "store/inside.h"
#include "store/table.h"

enum { ACCOUNT_KEY_LEN = 32 };

void
account_done(struct account *account)
{
	secret_done(&account->key);
	*account = (struct account){0};
}

/* Terminated; the directory, being the key, at least one byte. */
static enum err
check(const struct account *a)
{
	if (!a->directory[0] || !memchr(a->directory, 0, sizeof(a->directory)) ||
	    !memchr(a->url, 0, sizeof(a->url)) || !memchr(a->orders, 0, sizeof(a->orders)) ||
	    a->key.len != ACCOUNT_KEY_LEN)
		return ERR_INVALID;
	return ERR_OK;
}

enum err
account_get(struct store_txn *txn, const char *directory, struct account *ret_account)
{
	struct account a = {0};
	struct cursor in;
	struct span key;
	size_t len = strlen(directory);
	enum err err, end;

	if (len == 0 || len > ACCOUNT_URL_MAX)
		return ERR_NOTFOUND;
	err = table_get(txn, TABLE_ACCOUNT, table_key(directory, len), &in);
	if (err)
		return err;
	memcpy(a.directory, directory, len);
	a.created_at = (int64_t)cursor_u64(&in);
	key = cursor_bytes16(&in);
	cursor_text16(&in, a.url, sizeof(a.url));
	cursor_text16(&in, a.orders, sizeof(a.orders));
	err = key.len == ACCOUNT_KEY_LEN ? secret_set(&a.key, key.data, key.len) : ERR_CORRUPT;
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

/* Format 1, see docs/store.md. */
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
	return table_put(txn, TABLE_ACCOUNT,
	                 table_key(account->directory, strlen(account->directory)));
}
