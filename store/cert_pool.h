/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/cert_pool.h - the certificates, one record each (environment served/)
 *
 * Key: the generation, which is never given twice, so a record is written once and never replaced,
 * and each is put behind all others: pages fill in whatever order names come. It lists the names it
 * was stored for, several when they share it; a domain that has it says so (domain.pooled,
 * domain.second). It goes with the last of them: domain_put() and domain_del() see to that.
 */
#ifndef STORE_CERT_POOL_H
#define STORE_CERT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct buf;
struct cert;
struct hostname;
struct store_txn;

enum { CERT_POOL_NAMES_MAX = 1000 };

/* Stores CERT for NAMES and, unless it is there already, its CHAIN: DER certificates, issuer of the
 * leaf first, each behind its u32 length (buf_bytes32). CERT->generation is new
 * (cert_next_generation()), CERT->chain_id is filled in; the caller puts the domains in the same
 * transaction. ERR_EXISTS: the generation is taken. ERR_TOOBIG: more than CERT_POOL_NAMES_MAX
 * names.
 */
MUST_CHECK enum err cert_pool_put(struct store_txn *txn, const struct hostname *names, size_t count,
                                  struct cert *cert, const struct buf *chain);
/* As cert_get(); ERR_CORRUPT also when the record is not one of NAME's (NULL: of anybody). */
MUST_CHECK enum err cert_pool_get(struct store_txn *txn, uint64_t generation,
                                  const struct hostname *name, struct cert *ret_cert);
/* Whether there is a record of GENERATION, be it one that does not open. */
bool cert_pool_has(struct store_txn *txn, uint64_t generation);
/* A domain has let it go; when no other one has it, it is removed. */
MUST_CHECK enum err cert_pool_release(struct store_txn *txn, uint64_t generation);
/* Puts aside (quarantine) those of GENERATIONS that nobody has: what a damaged domain had. *SWEPT
 * grows by their number. */
MUST_CHECK enum err cert_pool_sweep(struct store_txn *txn, const uint64_t *generations,
                                    size_t count, int64_t now, uint64_t *swept);
/* ERR_NOTFOUND: no domain has it. */
MUST_CHECK enum err cert_pool_is_used(struct store_txn *txn, uint64_t generation);

#endif
