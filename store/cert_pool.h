/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/cert_pool.h - certificates that are not under a name of their own (environment served/)
 *
 * One record for a certificate of several names of ours, and for a name's second certificate (RSA
 * beside ECDSA). Key: the generation, which is never given twice, so a record is written once and
 * never replaced. It lists the names it was stored for; a domain that has it says so
 * (domain.pooled, domain.second). It goes with the last of them: domain_put() and domain_del() see
 * to that.
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

/* Stores CERT for NAMES, and CHAIN as cert_put() does. CERT->generation is new
 * (cert_next_generation()); the caller puts the domains in the same transaction. ERR_EXISTS: the
 * generation is taken. ERR_TOOBIG: more than CERT_POOL_NAMES_MAX names. */
MUST_CHECK enum err cert_pool_put(struct store_txn *txn, const struct hostname *names, size_t count,
                                  struct cert *cert, const struct buf *chain);
/* As cert_get(); ERR_CORRUPT also when the record is not one of NAME's (NULL: of anybody). */
MUST_CHECK enum err cert_pool_get(struct store_txn *txn, uint64_t generation,
                                  const struct hostname *name, struct cert *ret_cert);
/* Whether there is a record of GENERATION, be it one that does not open. */
bool cert_pool_has(struct store_txn *txn, uint64_t generation);
/* A domain has let it go; when no other one has it, it is removed. */
MUST_CHECK enum err cert_pool_release(struct store_txn *txn, uint64_t generation);
/* Looks at up to LIMIT records behind generation *AT and puts aside (quarantine) what nobody has:
 * what a damaged domain had. *AT is where it has got to, UINT64_MAX at the end, or where keys are
 * out of order; *SWEPT grows by those put aside. */
MUST_CHECK enum err cert_pool_sweep(struct store_txn *txn, size_t limit, int64_t now, uint64_t *at,
                                    uint64_t *swept);
/* ERR_NOTFOUND: no domain has it. */
MUST_CHECK enum err cert_pool_is_used(struct store_txn *txn, uint64_t generation);

#endif
