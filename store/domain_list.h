/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/domain_list.h - lists and counts of names (environment served/), none of which scans them
 * all
 *
 * All are kept by domain_put() and domain_del() in their own transaction. Pages are DOMAINS of at
 * most LIMIT, behind AFTER (NULL: from the first); one whose record does not open is there as
 * FAILING with a problem that says so: do not put it back. To go on, give the last one's name (and
 * time). A row costs one domain_get().
 */
#ifndef STORE_DOMAIN_LIST_H
#define STORE_DOMAIN_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/domain.h"

struct hostname;
struct store_txn;

/* Names with a certificate, but those that have MOVED, in the order of (not_after, name): those
 * behind (FROM_AT, AFTER), or all from FROM_AT on when AFTER is NULL. INT64_MIN: from the first. */
MUST_CHECK enum err domain_page_expiry(struct store_txn *txn, int64_t from_at,
                                       const struct hostname *after, size_t limit,
                                       struct domain *domains, size_t *ret_count);
/* Names in a STATE other than VALID, by name. ERR_UNSUPPORTED for VALID: that is nearly all of
 * them, domain_page() has them. */
MUST_CHECK enum err domain_page_state(struct store_txn *txn, enum domain_state state,
                                      const struct hostname *after, size_t limit,
                                      struct domain *domains, size_t *ret_count);
/* Names whose problem is of KIND (problem_code()), by name. */
MUST_CHECK enum err domain_page_reason(struct store_txn *txn, enum problem_kind kind,
                                       const struct hostname *after, size_t limit,
                                       struct domain *domains, size_t *ret_count);
/* Names with the label "key=value", by name. ERR_INVALID: no label. */
MUST_CHECK enum err domain_page_label(struct store_txn *txn, const char *label,
                                      const struct hostname *after, size_t limit,
                                      struct domain *domains, size_t *ret_count);
/* How many there are of those: one look. ERR_UNSUPPORTED: the store is from before, and its keeper
 * has not counted them yet; who may write counts them now. */
MUST_CHECK enum err domain_count_label(struct store_txn *txn, const char *label,
                                       uint64_t *ret_count);

/* The earliest not_after of all certificates; ERR_NOTFOUND when there is none. */
MUST_CHECK enum err domain_next_expiry(struct store_txn *txn, int64_t *ret_at);

/* Counters: one look each. */
MUST_CHECK enum err domain_count_all(struct store_txn *txn, uint64_t *ret_count);
MUST_CHECK enum err domain_count_state(struct store_txn *txn, enum domain_state state,
                                       uint64_t *ret_count);
MUST_CHECK enum err domain_count_ca(struct store_txn *txn, const char *ca, uint64_t *ret_count);
MUST_CHECK enum err domain_count_backend(struct store_txn *txn, const char *backend,
                                         uint64_t *ret_count);
MUST_CHECK enum err domain_count_reason(struct store_txn *txn, enum problem_kind kind,
                                        uint64_t *ret_count);
/* How many certificates end before BEFORE: the sum of counters kept per hour. Names of the hour
 * that BEFORE falls into are looked at one by one when there are at most DOMAIN_EXPIRING_EXACT;
 * when there are more, none of them is counted before its hour is over. */
enum { DOMAIN_EXPIRING_EXACT = 10000 };
MUST_CHECK enum err domain_count_expiring(struct store_txn *txn, int64_t before,
                                          uint64_t *ret_count);
/* When certificates end, from the same counters: days[i] counts those that end between i and i + 1
 * days after NOW, by full hours. Some 2,000 counters are looked at, however many names there are.
 */
enum { DOMAIN_DAYS = 90 };
struct domain_days {
	uint64_t expired; /* as domain_count_expiring(NOW) */
	uint64_t days[DOMAIN_DAYS];
	uint64_t later;
};
MUST_CHECK enum err domain_count_days(struct store_txn *txn, int64_t now,
                                      struct domain_days *ret_days);

#endif
