/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/compromised.h - keys that may not come back (RFC 5280 5.3.1, keyCompromise)
 *
 * What an operator revokes for that reason has a key that others know. What certd orders always has
 * a new key; an import could bring the old one back. Kept in private/, for ever (store/memo.h), as
 * the SHA-256 of the SubjectPublicKeyInfo. LEAF is a certificate's DER.
 */
#ifndef DAEMON_ORDER_COMPROMISED_H
#define DAEMON_ORDER_COMPROMISED_H

#include <stdbool.h>

#include "base/cursor.h"
#include "base/err.h"

struct store_txn;

/* ERR_INVALID: LEAF is no certificate that certd would import. */
MUST_CHECK enum err compromised_put(struct store_txn *txn, struct span leaf);
MUST_CHECK enum err compromised_has(struct store_txn *txn, struct span leaf, bool *ret_has);

#endif
