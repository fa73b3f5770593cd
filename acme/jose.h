/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/jose.h - base64url, JWK, thumbprint and flattened JWS, as RFC 8555 6.2 uses them
 *
 * By hand because the packaged JOSE libraries drag in a second JSON or TLS stack; held by the
 * vectors of RFC 7515 A.3 and RFC 7638 3.1.
 */
#ifndef ACME_JOSE_H
#define ACME_JOSE_H

#include <openssl/types.h>
#include <stddef.h>

#include "acme/key.h"
#include "base/err.h"

struct buf;

enum { JOSE_THUMBPRINT_LEN = 43 }; /* base64url of SHA-256, without the terminator */

/* RFC 4648 5 without padding, appended to OUT. */
void jose_base64url(const void *data, size_t len, struct buf *out);
/* Strict: no padding, no white space, no stray bits. */
MUST_CHECK enum err jose_base64url_decode(const char *text, size_t len, struct buf *out);

/* The public JWK in RFC 7638 member order, no white space: what is hashed and what is sent. */
MUST_CHECK enum err jose_jwk(EVP_PKEY *key, struct buf *out);
MUST_CHECK enum err jose_thumbprint(EVP_PKEY *key, char ret_thumbprint[JOSE_THUMBPRINT_LEN + 1]);
/* "ES256", "ES384" or "RS256". */
const char *jose_alg(EVP_PKEY *key);

/* The kind of key that ALG ("ES384") is for; ERR_UNSUPPORTED for one that we do not sign with. */
MUST_CHECK enum err jose_key_kind(const char *alg, enum key_kind *ret_kind);

/* A flattened JWS over PAYLOAD ("" for POST-as-GET). KID NULL puts the JWK into the header instead,
 * NONCE NULL leaves it out (the inner JWS of a key change, RFC 8555 7.3.5). */
MUST_CHECK enum err jose_sign(EVP_PKEY *key, const char *kid, const char *nonce, const char *url,
                              const char *payload, struct buf *out);

#endif
