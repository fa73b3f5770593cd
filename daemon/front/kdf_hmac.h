/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/kdf_hmac.h - (inside kdf) the key derivations of TLS, computed over OpenSSL's
 * digests
 *
 * Threads: one per struct kdf_hmac. What is left in it is wiped by kdf_hmac_done().
 */
#ifndef DAEMON_FRONT_KDF_HMAC_H
#define DAEMON_FRONT_KDF_HMAC_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "base/cursor.h"
#include "base/err.h"

enum { KDF_DIGEST_MAX = 48, KDF_BLOCK_MAX = 128 }; /* those of SHA-384 */

/* HMAC (RFC 2104) with one key, again and again. Zeroed at first. */
struct kdf_hmac {
	EVP_MD_CTX *hash; /* made with the first use */
	const EVP_MD *md; /* SHA-256 or SHA-384; borrowed */
	size_t len, block;
	unsigned char inner[KDF_BLOCK_MAX], outer[KDF_BLOCK_MAX]; /* the padded key */
};

MUST_CHECK bool kdf_hmac_set(struct kdf_hmac *h, const EVP_MD *md, struct span key);
void kdf_hmac_done(struct kdf_hmac *h);

/* HKDF-Extract (RFC 5869, 2.2): md's size to OUT. */
MUST_CHECK bool kdf_extract(struct kdf_hmac *h, const EVP_MD *md, struct span salt, struct span in,
                            unsigned char *out);
/* HKDF-Expand (RFC 5869, 2.3) with the key that is set; at most 255 digests. */
MUST_CHECK bool kdf_expand(struct kdf_hmac *h, struct span info, unsigned char *out, size_t len);
/* P_hash (RFC 5246, 5) with the key that is set. */
MUST_CHECK bool kdf_p_hash(struct kdf_hmac *h, struct span seed, unsigned char *out, size_t len);

#endif
