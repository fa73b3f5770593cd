/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/chain.h - what a CA handed out, judged before anything of ours is replaced
 *
 * Nothing is taken on trust: the leaf must hold our public key, cover every name (dNSName,
 * iPAddress), be valid now, not be a CA, and each certificate must be signed by the next. The chain
 * is put in order, strangers and a trailing self-signed root are dropped.
 */
#ifndef ACME_CHAIN_H
#define ACME_CHAIN_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct hostname;
struct problem;

enum { CHAIN_MAX = 10, CHAIN_SERIAL_MAX = 64, CHAIN_ISSUER_MAX = 128, CHAIN_CLOCK_SLACK = 3600 };

struct chain {
	struct buf leaf; /* DER */
	struct buf
		issuers; /* DER each behind a u32 length (buf_bytes32), issuer of the leaf first */
	int64_t not_before;
	int64_t not_after;
};

void chain_init(struct chain *chain);
void chain_done(struct chain *chain);

/* PEM to RET_CHAIN, or ERR_REFUSED with the reason (kind CERT_REJECTED) in RET_WHY. NOW is unix
 * seconds; a notBefore up to CHAIN_CLOCK_SLACK ahead of it passes, clocks differ. */
MUST_CHECK enum err chain_check(const void *pem, size_t len, EVP_PKEY *key,
                                const struct hostname *names, size_t count, int64_t now,
                                struct chain *ret_chain, struct problem *ret_why);

/* Whether the chain in PEM, in whatever order and not judged yet, is one that was asked for: its
 * last issuer is called ISSUER (CN, or O where there is none; NULL: any), and a certificate above
 * the leaf has the key with this SHA-256 of its SubjectPublicKeyInfo (32 bytes, NULL: any). */
bool chain_matches(const void *pem, size_t len, const char *issuer, const unsigned char *spki);

struct chain_facts {
	char serial[CHAIN_SERIAL_MAX + 1]; /* lower-case hex */
	char issuer[CHAIN_ISSUER_MAX +
	            1];   /* CN of the issuer, else its first attribute; foreign text */
	char key[16];     /* "ecdsa-p256", "rsa-2048", ... */
	struct buf names; /* dNSNames and iPAddresses, NUL-terminated one after the other */
};

/* For people: `certctl show`. The caller releases RET_FACTS->names. */
MUST_CHECK enum err chain_facts(const void *leaf_der, size_t len, struct chain_facts *ret_facts);

#endif
