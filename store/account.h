/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/account.h - who we are at a CA (environment private/), keyed by directory URL
 *
 * The record is written with its key, and without a URL, before the CA is asked for an account, so
 * an answer that got lost finds the same account again (RFC 8555 7.3.1).
 */
#ifndef STORE_ACCOUNT_H
#define STORE_ACCOUNT_H

#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"

struct store_txn;

enum { ACCOUNT_URL_MAX = 511 };

struct account {
	char directory[ACCOUNT_URL_MAX + 1];
	char url[ACCOUNT_URL_MAX + 1];    /* the account URL ("kid"), "" until the CA gave one */
	char orders[ACCOUNT_URL_MAX + 1]; /* its orders list, "" when the CA has none (7.1.2.1) */
	struct secret key;                /* P-256 scalar, 32 bytes */
	int64_t created_at;
};

void account_done(struct account *account);

/* RET_ACCOUNT starts zeroed or filled; what it held is released. */
MUST_CHECK enum err account_get(struct store_txn *txn, const char *directory,
                                struct account *ret_account);
MUST_CHECK enum err account_put(struct store_txn *txn, const struct account *account);

#endif
