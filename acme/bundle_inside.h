/* SPDX-License-Identifier: Apache-2.0 */
/* acme/bundle_inside.h - what the files bundle*.c share; nobody else includes it */
#ifndef ACME_BUNDLE_INSIDE_H
#define ACME_BUNDLE_INSIDE_H

#include <openssl/ec.h>
#include <openssl/types.h>

#include "acme/bundle.h"
#include "acme/certview.h"

enum { ISSUER_SETS = 8, ISSUERS_MAX = CHAIN_MAX };

/* The certificates of a bundle that are not the leaf, with what was found out about them. */
struct issuer_set {
	struct buf bytes; /* their DER, each behind its u32 length: what the set is known by */
	size_t count;
	struct issuer {
		X509 *cert;
		struct span der; /* into BYTES */
		struct span subject;
		EVP_PKEY *key; /* the certificate's */
		EVP_PKEY_CTX *ctx;
		const EVP_MD *md; /* that CTX is set to, NULL: none yet */
		int64_t not_after;
		bool is_ca;
		bool is_root; /* signed by itself */
		int next;     /* who signed it, -1: nobody here */
	} list[ISSUERS_MAX];
};

struct bundle_judge {
	EC_GROUP *p256;
	EVP_MD *sha256, *sha384, *sha512;
	struct issuer_set sets[ISSUER_SETS];
	size_t oldest;
};

enum bundle_key_form { FORM_NONE, FORM_PKCS8, FORM_SEC1, FORM_PKCS1 };

/* A private key and how to recognize its public half in a certificate. */
struct bundle_key {
	struct secret stored;
	unsigned char point[CERTVIEW_POINT_LEN]; /* P-256 */
	struct buf public_key;                   /* other kinds: SubjectPublicKeyInfo */
};

/* A sentence for the operator; always ERR_REFUSED. */
enum err bundle_refuse(struct problem *why, const char *format, ...) PRINTF_LIKE(2, 3);

/* bundle_key.c */
MUST_CHECK enum err bundle_key_read(struct bundle_judge *judge, enum bundle_key_form form,
                                    struct span der, struct bundle_key *ret_key,
                                    struct problem *why);
void bundle_key_done(struct bundle_key *key);
bool bundle_key_fits(const struct bundle_key *key, const struct certview *view);

/* bundle_issuers.c: BYTES are taken over. */
MUST_CHECK enum err bundle_issuers_find(struct bundle_judge *judge, struct buf *bytes,
                                        struct issuer_set **ret_set, struct problem *why);
/* Who of SET signed the certificate, -1: nobody. */
int bundle_issuers_signer(struct bundle_judge *judge, struct issuer_set *set,
                          const struct certview *view);
void bundle_issuers_done(struct issuer_set *set);
/* Slow: for what is rare. */
bool bundle_is_self_signed(const struct certview *view);

/* bundle_names.c */
MUST_CHECK enum err bundle_names_read(const struct certview *view, struct bundle *bundle,
                                      struct problem *why);

#endif
