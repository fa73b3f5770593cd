/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/cert_inside.h"
#include "store/inside.h"
#include "store/table.h"
#include "tests/support/tmpstore.h"

enum err
cert_put(struct store_txn *txn, const struct hostname *name, struct cert *cert,
         const struct buf *chain)
{
	unsigned char id[CERT_CHAIN_ID_LEN];
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = cert_check(cert, chain);
	if (!err)
		err = table_check_name(name);
	if (!err)
		err = cert_put_chain(txn, chain, id);
	if (err)
		return txn_fail(txn, err);
	cert_encode(cert, id, table_new(txn));
	err = table_put(txn, TABLE_CERT, table_key_name(name));
	if (!err)
		memcpy(cert->chain_id, id, CERT_CHAIN_ID_LEN);
	return err;
}
