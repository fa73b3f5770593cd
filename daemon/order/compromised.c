/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/compromised.h"

#include <openssl/sha.h>
#include <stdio.h>

#include "acme/certview.h"
#include "base/buf.h"
#include "base/clock.h"
#include "store/memo.h"

static enum err
memo_key(struct span leaf, char ret_key[MEMO_KEY_MAX + 1])
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	struct certview view;
	enum err err = certview_read(leaf, &view);
	size_t used;

	if (err)
		return err;
	if (!SHA256(view.public_key.data, view.public_key.len, hash))
		return ERR_CRYPTO;
	used = (size_t)snprintf(ret_key, MEMO_KEY_MAX + 1, "compromised/");
	for (size_t i = 0; i < sizeof(hash); i++, used += 2)
		snprintf(ret_key + used, 3, "%02x", hash[i]);
	return ERR_OK;
}

enum err
compromised_put(struct store_txn *txn, struct span leaf)
{
	char key[MEMO_KEY_MAX + 1];
	struct buf at = {0};
	enum err err = memo_key(leaf, key);

	if (!err) {
		buf_u64(&at, (uint64_t)clock_wall());
		err = buf_ok(&at) ? memo_put(txn, key, at.data, at.len) : ERR_NOMEM;
	}
	buf_done(&at);
	return err;
}

enum err
compromised_has(struct store_txn *txn, struct span leaf, bool *ret_has)
{
	char key[MEMO_KEY_MAX + 1];
	struct buf at = {0};
	enum err err = memo_key(leaf, key);

	if (!err) {
		err = memo_get(txn, key, &at);
		*ret_has = err != ERR_NOTFOUND; /* one that is damaged is one, too */
		err = err == ERR_NOTFOUND || err == ERR_CORRUPT ? ERR_OK : err;
	}
	buf_done(&at);
	return err;
}
