/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/bundle.h - a certificate that somebody else has got, with its key and issuers, as PEM
 *
 * For importing. Blocks may come in any order; the leaf is the certificate that the key belongs to.
 * It must be valid now, made for TLS servers, no CA, have host names, and each certificate must be
 * signed by the next; strangers and a trailing root are dropped. Keys are P-256, P-384 or RSA of
 * 2048 to 4096 bits, and never encrypted.
 *
 * A struct bundle_judge remembers issuers it has seen, so that the next certificate of the same CA
 * costs one signature: one judge per thread.
 */
#ifndef ACME_BUNDLE_H
#define ACME_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acme/chain.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hostname.h"
#include "base/secret.h"

struct bundle_judge;
struct problem;

enum { BUNDLE_PEM_MAX = 1024 * 1024, BUNDLE_NAMES_MAX = 100, BUNDLE_LEFT_MAX = 63 };

/* The PEM texts: KEY may be NULL when CHAIN has it, too. */
struct bundle_pem {
	const char *chain;
	size_t chain_len;
	const char *key;
	size_t key_len;
};

/* A name of the certificate that cannot be one of ours. */
struct bundle_left {
	char name[BUNDLE_LEFT_MAX + 1]; /* foreign text, maybe cut */
	const char *why;                /* static */
};

struct bundle {
	struct hostname *names; /* 1 to BUNDLE_NAMES_MAX, each once */
	size_t name_count;
	struct bundle_left *left;
	size_t left_count;
	struct buf leaf;    /* DER */
	struct buf issuers; /* as in struct chain */
	struct secret key;  /* as key_save() makes it */
	int64_t not_before;
	int64_t not_after;
	bool self_signed; /* no client trusts it by itself */
	char serial[CHAIN_SERIAL_MAX + 1];
	char issuer[CHAIN_ISSUER_MAX + 1]; /* foreign text */
};

MUST_CHECK enum err bundle_judge_new(struct bundle_judge **ret_judge);
void bundle_judge_free(struct bundle_judge *judge); /* accepts NULL */

/* ERR_REFUSED: the reason is in RET_WHY (kind CERT_REJECTED). RET_BUNDLE has been zeroed. */
MUST_CHECK enum err bundle_read(struct bundle_judge *judge, const struct bundle_pem *pem,
                                int64_t now, struct bundle *ret_bundle, struct problem *ret_why);
void bundle_done(struct bundle *bundle);

/* Appends PEM: LEAF and ISSUERS as in struct bundle. */
MUST_CHECK enum err bundle_format_chain(const struct buf *leaf, const struct buf *issuers,
                                        struct buf *out);
/* Appends "-----BEGIN PRIVATE KEY-----"...; OUT should be secret. */
MUST_CHECK enum err bundle_format_key(const struct secret *key, struct buf *out);

#endif
