/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/account.h - who we are at a CA (environment private/), keyed by directory URL
 *
 * The record is written with its key, and without a URL, before the CA is asked for an account, so
 * an answer that got lost finds the same account again (RFC 8555 7.3.1). In the same way the key of
 * a rollover is here before the CA hears of it (7.3.5): until it is settled which of the two keys
 * the account has, both are kept.
 */
#ifndef STORE_ACCOUNT_H
#define STORE_ACCOUNT_H

#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"

struct store_txn;

enum { ACCOUNT_URL_MAX = 511, ACCOUNT_CONTACTS_MAX = 2303, ACCOUNT_KEY_MAX = 4096 };

enum account_status {
	ACCOUNT_VALID,
	ACCOUNT_DEACTIVATED, /* by us: its key opens nothing any more */
	ACCOUNT_REVOKED,     /* by the CA */
	ACCOUNT_STATUS_END
};

struct account {
	char directory[ACCOUNT_URL_MAX + 1];
	char url[ACCOUNT_URL_MAX + 1];    /* the account URL ("kid"), "" until the CA gave one */
	char orders[ACCOUNT_URL_MAX + 1]; /* its orders list, "" when the CA has none (7.1.2.1) */
	struct secret key;                /* as acme/key.h saves it */
	struct secret next_key;           /* of a rollover that is not settled; empty: none */
	enum account_status status;
	char terms[ACCOUNT_URL_MAX + 1]; /* the CA's terms of service when last seen, "": none */
	char contacts[ACCOUNT_CONTACTS_MAX + 1]; /* as the CA has them, each ended by '\n' */
	int64_t created_at;
};

void account_done(struct account *account);
/* "valid", "deactivated", "revoked"; a static string for any value. */
const char *account_status_word(enum account_status status);

/* RET_ACCOUNT starts zeroed or filled; what it held is released. */
MUST_CHECK enum err account_get(struct store_txn *txn, const char *directory,
                                struct account *ret_account);
MUST_CHECK enum err account_put(struct store_txn *txn, const struct account *account);

#endif
