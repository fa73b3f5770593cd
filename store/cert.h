/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/cert.h - certificates (environment served/)
 *
 * A record holds leaf, key, validity, the id of its issuer chain, and a generation that grows with
 * every replacement. Chains are stored once, keyed by SHA-256 of their bytes. What is written goes
 * to the pool (store/cert_pool.h); a store from before has certificates under their names, too,
 * each until it is renewed.
 * Ownership: who gets fills a struct cert; the caller releases it with cert_done(). Who puts only
 * borrows.
 */
#ifndef STORE_CERT_H
#define STORE_CERT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

struct domain;
struct hostname;
struct store_txn;

enum {
	CERT_CHAIN_ID_LEN = 32,
	CERT_LEAF_MAX = 65535,
	CERT_KEY_MAX = 8192,
	CERT_CHAIN_MAX = 131072
};

enum cert_key_kind {
	CERT_KEY_P256 = 1, /* key: the 32-byte scalar, big-endian; the point is the leaf's */
	CERT_KEY_PKCS8,    /* key: PrivateKeyInfo, DER (RFC 5208) */
};

struct cert {
	uint64_t generation;
	int64_t not_before;
	int64_t not_after;
	enum cert_key_kind key_kind;
	struct secret key;
	struct buf leaf;                           /* DER */
	unsigned char chain_id[CERT_CHAIN_ID_LEN]; /* set by who puts or gets it */
};

void cert_init(struct cert *cert);
void cert_done(struct cert *cert);

/* DOMAIN's certificate, for serving: the record of its name, or the pool's, with its generation.
 * RET_CERT has been through cert_init(); what it held is released. ERR_CORRUPT: damaged, or the
 * generations differ: one of the two records was brought back from before. ERR_NOTFOUND: DOMAIN has
 * none; one that should be there and is not is ERR_CORRUPT. */
MUST_CHECK enum err cert_get_for(struct store_txn *txn, const struct domain *domain,
                                 struct cert *ret_cert);
/* Its second one, with another type of key; likewise. */
MUST_CHECK enum err cert_get_second(struct store_txn *txn, const struct domain *domain,
                                    struct cert *ret_cert);
/* The generation for DOMAIN's next certificate: above its own, and never given before, also not to
 * a removed domain of this name. TXN writes served/. */
MUST_CHECK enum err cert_next_generation(struct store_txn *txn, const struct domain *domain,
                                         uint64_t *ret_generation);
/* The record of exactly NAME as it lies there, whatever its domain says; see cert_get_for(). */
MUST_CHECK enum err cert_get(struct store_txn *txn, const struct hostname *name,
                             struct cert *ret_cert);
/* ERR_OK also when there is none. */
MUST_CHECK enum err cert_del(struct store_txn *txn, const struct hostname *name);
/* Appends the chain as given to cert_pool_put(). */
MUST_CHECK enum err cert_chain_get(struct store_txn *txn, const unsigned char id[CERT_CHAIN_ID_LEN],
                                   struct buf *ret_chain);

#endif
