/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/set.h - names that share a certificate (environment served/)
 *
 * One of them leads: it is ordered and planned as any name, with all the others in its orders. The
 * others say so (domain.lead) and are in no due index; what becomes of an order is written to them
 * too. Who belongs to whom is the list `lead`, kept by domain_put() and domain_del().
 */
#ifndef STORE_SET_H
#define STORE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"

struct domain;
struct store_txn;

enum { SET_NAMES_MAX = 100 }; /* of a certificate, with the lead */

/* The names that LEAD leads, by name, at most SET_NAMES_MAX; none: RET_COUNT 0. */
MUST_CHECK enum err set_members(struct store_txn *txn, const struct hostname *lead,
                                struct hostname names[SET_NAMES_MAX], size_t *ret_count);
/* The domain whose orders are DOMAIN's: itself, or its lead. RET may be DOMAIN. ERR_NOTFOUND: its
 * lead is missing. */
MUST_CHECK enum err set_lead(struct store_txn *txn, const struct domain *domain,
                             struct domain *ret_lead);
/* domain_del(); where NAME led others, the first of them leads from now on, and is due when NAME
 * was, at NOW (unix seconds) when it was in work. */
MUST_CHECK enum err set_remove(struct store_txn *txn, const struct hostname *name, int64_t now);
/* Makes DOMAIN stand alone again, due at NOW at the latest when its lead was; put it then. */
MUST_CHECK enum err set_leave(struct store_txn *txn, struct domain *domain, int64_t now);

#endif
