/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/key.h - key pairs: of accounts and of certificates
 *
 * Keys live as EVP_PKEY while in use and as struct secret while stored. A P-256 key is stored as
 * its 32-byte scalar, every other as PrivateKeyInfo DER (RFC 5208).
 */
#ifndef ACME_KEY_H
#define ACME_KEY_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct secret;

enum key_kind {
	KEY_ECDSA_P256,
	KEY_ECDSA_P384,
	KEY_RSA_2048,
	KEY_RSA_3072,
	KEY_RSA_4096,
	KEY_KINDS
};

enum { KEY_P256_SCALAR_LEN = 32, KEY_P256_POINT_LEN = 65 };

const char *key_kind_word(enum key_kind kind); /* "ecdsa-p256", "rsa-2048" */
MUST_CHECK enum err key_kind_parse(const char *word, enum key_kind *ret_kind);

bool key_kind_is_rsa(enum key_kind kind);

/* The caller releases *RET_KEY with EVP_PKEY_free(). */
MUST_CHECK enum err key_new(enum key_kind kind, EVP_PKEY **ret_key);
MUST_CHECK enum err key_save(EVP_PKEY *key, struct secret *ret_bytes);
/* The inverse of key_save(): told apart by length (32: a P-256 scalar, its point is computed). */
MUST_CHECK enum err key_load(const struct secret *bytes, EVP_PKEY **ret_key);
/* The quick way when the point (uncompressed, 65 bytes) is known from a certificate: about 26 us on
 * OpenSSL 3.0, where reading PKCS#8 costs 660. */
MUST_CHECK enum err key_load_p256(const struct secret *scalar, const unsigned char *point,
                                  size_t point_len, EVP_PKEY **ret_key);

#endif
