/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/limit.h - how far a CA's limits are used up, and what it has blocked (environment private/)
 *
 * One record for each thing that a limit counts: a registered domain, a set of names, one name, the
 * account. What the numbers mean is the caller's, see daemon/order/limits.h.
 */
#ifndef STORE_LIMIT_H
#define STORE_LIMIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/domain.h"

struct store_txn;

/* On the disk: never another number. */
enum limit_scope { LIMIT_ACCOUNT, LIMIT_DOMAIN, LIMIT_SET, LIMIT_NAME, LIMIT_SCOPES };
enum { LIMIT_KEY_MAX = HOSTNAME_MAX, LIMIT_TEXT_MAX = 511 };

const char *limit_scope_word(enum limit_scope scope);

/* What is counted: key is "" for the account, a name, or a set's hash in hexadecimal. */
struct limit_id {
	char ca[NAME_WORD_MAX + 1];
	enum limit_scope scope;
	char key[LIMIT_KEY_MAX + 1];
};

struct limit_record {
	struct limit_id id;
	char title[LIMIT_KEY_MAX + 1]; /* of a set: its first name; else "" */
	uint32_t count;  /* so many in `period`, as daemon/order/budget.h; 0: no bucket */
	uint32_t period; /* seconds */
	uint64_t level;
	int64_t at;    /* unix seconds */
	int64_t since; /* blocked so long, 0: it is not */
	int64_t until;
	char text[LIMIT_TEXT_MAX + 1]; /* the CA's words */
};

/* ERR_NOTFOUND: nothing is known of it. */
MUST_CHECK enum err limit_get(struct store_txn *txn, const struct limit_id *id,
                              struct limit_record *ret_limit);
MUST_CHECK enum err limit_put(struct store_txn *txn, const struct limit_record *limit);
/* ERR_OK also when there is none. */
MUST_CHECK enum err limit_del(struct store_txn *txn, const struct limit_id *id);
/* Up to MAX of all there are behind AFTER (NULL: from the first), by CA, scope and key. Those that
 * do not open are left out. */
MUST_CHECK enum err limit_page(struct store_txn *txn, const struct limit_id *after, size_t max,
                               struct limit_record *limits, size_t *ret_count);

#endif
