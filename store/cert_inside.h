/* SPDX-License-Identifier: Apache-2.0 */
/* store/cert_inside.h - what cert.c and cert_pool.c share; nobody else includes it. */
#ifndef STORE_CERT_INSIDE_H
#define STORE_CERT_INSIDE_H

#include "base/cursor.h"
#include "store/cert.h"

/* ERR_INVALID, ERR_TOOBIG: cannot be stored. */
MUST_CHECK enum err cert_check(const struct cert *cert, const struct buf *chain);
void cert_encode(const struct cert *cert, const unsigned char *chain_id, struct buf *out);
/* Up to where a certificate's own fields end; what is behind is the caller's. */
MUST_CHECK enum err cert_decode(struct cursor *in, struct cert *cert);
/* The same without a copy of anything. */
void cert_skip(struct cursor *in, enum cert_key_kind *ret_kind);
/* CHAIN under its hash, once; a damaged one is written anew. */
MUST_CHECK enum err cert_put_chain(struct store_txn *txn, const struct buf *chain,
                                   unsigned char id[CERT_CHAIN_ID_LEN]);

#endif
