/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/challenge.h - answers the front owes to a CA right now (environment served/)
 *
 * Keyed twice over one record each: http-01 by token (RFC 8555 8.3), tls-alpn-01 by hostname
 * (RFC 8737 3). The record is there from PUBLISH until the authorization is final.
 */
#ifndef STORE_CHALLENGE_H
#define STORE_CHALLENGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"

struct store_txn;

enum challenge_kind {
	CHALLENGE_HTTP_01 = 1,
	CHALLENGE_TLS_ALPN_01,
	/* of these the front knows nothing, so no record is ever made of them: */
	CHALLENGE_DNS_01,
	CHALLENGE_DNS_ACCOUNT_01,
	CHALLENGE_DNS_PERSIST_01,
	CHALLENGE_KIND_END
};
enum { CHALLENGE_TOKEN_MAX = 127, CHALLENGE_KEYAUTH_MAX = 255 };

struct challenge {
	enum challenge_kind kind;
	struct hostname name;                    /* the identifier it proves */
	char token[CHALLENGE_TOKEN_MAX + 1];     /* [A-Za-z0-9_-]+ */
	char keyauth[CHALLENGE_KEYAUTH_MAX + 1]; /* key authorization, RFC 8555 8.1 */
	int64_t created_at;
};

/* Whether the front answers it. */
bool challenge_kind_is_served(enum challenge_kind kind);
const char *challenge_kind_word(enum challenge_kind kind); /* "http-01" */
MUST_CHECK enum err challenge_kind_parse(const char *word, enum challenge_kind *ret_kind);

MUST_CHECK enum err challenge_put(struct store_txn *txn, const struct challenge *challenge);
MUST_CHECK enum err challenge_get_http(struct store_txn *txn, const char *token,
                                       struct challenge *ret_challenge);
MUST_CHECK enum err challenge_get_alpn(struct store_txn *txn, const struct hostname *name,
                                       struct challenge *ret_challenge);
/* ERR_OK also when it is gone already. */
MUST_CHECK enum err challenge_del(struct store_txn *txn, const struct challenge *challenge);
/* Whether any challenge is pending: spares the front a lookup per connection. */
MUST_CHECK enum err challenge_any(struct store_txn *txn, bool *ret_any);
/* Removes those older than CREATED_BEFORE whose order is gone; at start. */
MUST_CHECK enum err challenge_expire(struct store_txn *txn, int64_t created_before);

#endif
