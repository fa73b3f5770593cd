/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/limits.h - what a CA's limits leave us, by their scopes, before anything is ordered
 *
 * Token buckets as in daemon/order/budget.h, kept in store/limit.h, for what CAs count:
 * certificates per registered domain and per set of names, failed authorizations per name. (Orders
 * of the account have the CA's budget.) Besides, blocks: a CA's answer `rateLimited` closes the one
 * scope that it speaks of, until it says, and nothing else. A token is taken in the transaction
 * that makes an order durable, so before newOrder is sent, and given back when no certificate came
 * of it. Threads: the caller's, one transaction.
 */
#ifndef DAEMON_ORDER_LIMITS_H
#define DAEMON_ORDER_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acme/pace.h"
#include "base/err.h"
#include "store/limit.h"

struct problem;
struct store_txn;
struct suffix;

/* Of a ca block; zeroed: no limit of ours. */
struct limits_rules {
	struct limits_rate {
		uint32_t count;  /* 0: no limit */
		uint32_t period; /* seconds */
	} rate[LIMIT_SCOPES];
	struct pace_rate requests[PACE_ENDPOINTS];
	bool renewals_are_free; /* of the same names: but for the set's */
	bool replaces_are_free; /* RFC 9773 5: all but those that have failed */
};

/* "letsencrypt", "generic", "none". False: there is no such profile. */
bool limits_profile(const char *word, struct limits_rules *ret_rules);
const char *limits_profile_word(size_t at); /* the AT-th, NULL behind the last */

enum limits_kind { LIMITS_NEW, LIMITS_RENEWAL, LIMITS_REPLACES };

/* An order that is about to be sent, or has ended. All borrowed. */
struct limits_order {
	const char *ca;
	const struct limits_rules *rules;
	const struct suffix *suffix; /* may be NULL */
	const struct hostname *names;
	size_t count;
	enum limits_kind kind;
};

/* Whether SCOPE does not count orders of KIND. */
bool limits_is_free(const struct limits_rules *rules, enum limit_scope scope,
                    enum limits_kind kind);

/* What holds an order up: `until` 0: nothing. */
struct limits_verdict {
	int64_t until; /* unix seconds */
	struct limit_id id;
	bool by_ca; /* it said so; else our own count */
};

/* private/: takes a token of each scope, or of none when one of them has none. */
MUST_CHECK enum err limits_take(struct store_txn *txn, const struct limits_order *order,
                                int64_t now, struct limits_verdict *ret_verdict);
/* private/: no certificate came of it. */
MUST_CHECK enum err limits_return(struct store_txn *txn, const struct limits_order *order,
                                  int64_t now);
/* private/: the CA could not be shown that the names are ours. */
MUST_CHECK enum err limits_failed(struct store_txn *txn, const struct limits_order *order,
                                  int64_t now);

/* The scope that the CA's WHY (of kind CA_LIMITED) speaks of, by Let's Encrypt's sentences;
 * LIMIT_SCOPES: it does not say. */
enum limit_scope limits_scope_of(const struct problem *why);
/* private/: newOrder was refused with WHY; one that does not say which scope
 * it means blocks none (until 0): the name has its own back-off. */
MUST_CHECK enum err limits_block(struct store_txn *txn, const struct limits_order *order,
                                 const struct problem *why, int64_t now,
                                 struct limit_record *ret_block);
/* private/: an operator says it is settled: no block, and full buckets, for its names. */
MUST_CHECK enum err limits_forgive(struct store_txn *txn, const struct limits_order *order);

/* Whether the CA has blocked it at NOW; not if that was while the clock was ahead. */
bool limits_is_blocked(const struct limit_record *limit, int64_t now);
/* What is left of it at NOW: tokens, and when there is one (NOW: at once). A block counts. */
struct limits_room {
	uint32_t left;
	int64_t next;
};
struct limits_room limits_room(const struct limit_record *limit, int64_t now);
/* private/: removes those of a page of records behind AFTER (ca "": of the first) that say nothing
 * any more; AFTER moves on, and its ca is "" at the end. */
MUST_CHECK enum err limits_expire(struct store_txn *txn, struct limit_id *after, int64_t now);

#endif
