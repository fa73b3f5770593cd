/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/pair.h - a name's two certificates, of different types of key: RSA, and ECDSA
 *
 * The first one is what the plan renews; the second one stands beside it for clients that cannot
 * use the first, until it expires or the first has its type.
 */
#ifndef DAEMON_FRONT_PAIR_H
#define DAEMON_FRONT_PAIR_H

#include <stdbool.h>

#include "base/err.h"

struct buf;
struct cert;
struct domain;
struct store_txn;

/* cert_get_second() or cert_get_for(). */
MUST_CHECK enum err pair_get(struct store_txn *txn, const struct domain *domain, bool second,
                             struct cert *ret_cert);
bool pair_leaf_is_rsa(const struct buf *leaf);
/* Where a new certificate, RSA or not, goes: where its type is, else beside one that is still good.
 */
bool pair_takes_second(struct store_txn *txn, const struct domain *domain, bool rsa);
/* DOMAIN has a new first certificate, RSA or not: the second one goes when it is of that type or
 * has expired. */
void pair_settle(struct store_txn *txn, struct domain *domain, bool rsa);

#endif
