/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/binding.h - external account binding (RFC 8555 7.3.4)
 *
 * A CA that knows its customers already gives each a key identifier and a MAC key; a new ACME
 * account is bound to that customer by a JWS over the account's public key, made with the MAC key.
 */
#ifndef ACME_BINDING_H
#define ACME_BINDING_H

#include <openssl/types.h>
#include <stddef.h>

#include "base/err.h"

struct buf;
struct secret;

enum binding_mac { BINDING_HS256, BINDING_HS384, BINDING_HS512, BINDING_MACS };

/* Borrowed. */
struct binding {
	const char *kid;
	enum binding_mac mac;
	const struct secret *key;
};

const char *binding_mac_word(enum binding_mac mac); /* "HS256" */
MUST_CHECK enum err binding_mac_parse(const char *word, enum binding_mac *ret_mac);

/* The MAC key as CAs hand it out: base64url, or base64, with padding or without, blanks and a line
 * end around it. ERR_INVALID: it is none of these, or empty. */
MUST_CHECK enum err binding_key_parse(const char *text, size_t len, struct secret *ret_key);

/* The JWS for newAccount's externalAccountBinding, appended to OUT. URL is newAccount's. */
MUST_CHECK enum err binding_sign(const struct binding *binding, EVP_PKEY *account_key,
                                 const char *url, struct buf *out);

#endif
