/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/cred.h - one credential: leaf, key and issuers, ready to be attached to a handshake
 *
 * A name may have two, of different types of key (RSA beside ECDSA): both are attached, and OpenSSL
 * takes the one that the client's signature algorithms allow, ours first (RFC 8446, 4.4.2.2). One
 * that has expired is attached only when the other one has, too.
 * Issuer chains are shared by chain id, certificates of several names by their generation. Private
 * keys: only here is an EVP_PKEY made from stored bytes (which are wiped at once), and
 * cred_attach() is its only way to an SSL; a signer process replaces both. Ownership: counted; a
 * connection holds one reference from its hello to its end. Threads: one; counts are not atomic.
 */
#ifndef DAEMON_FRONT_CRED_H
#define DAEMON_FRONT_CRED_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"

struct cred;
struct cred_chains;
struct domain;
struct store_txn;

/* What a worker's credentials share. */
MUST_CHECK enum err cred_chains_new(struct cred_chains **ret_chains);
void cred_chains_free(struct cred_chains *chains); /* after all its credentials; accepts NULL */

/* Reads and decodes DOMAIN's certificate, and only the one of its generation, and the second one if
 * there is one. Cold: about 300 us. When just one of two can be used, that one: RET_CRED is
 * incomplete. */
MUST_CHECK enum err cred_load(struct cred_chains *chains, struct store_txn *txn,
                              const struct domain *domain, struct cred **ret_cred);
/* One without issuers that is in no store; references to LEAF and KEY are taken. */
MUST_CHECK enum err cred_new(X509 *leaf, EVP_PKEY *key, struct cred **ret_cred);
struct cred *cred_ref(struct cred *cred);
void cred_unref(struct cred *cred); /* accepts NULL */

/* One of two that OpenSSL does not take is left out. It decodes parts of a certificate at its first
 * use and remembers when that went wrong, be it only for lack of memory: then CRED is spoiled, and
 * should be loaded again. */
MUST_CHECK enum err cred_attach(struct cred *cred, SSL *ssl);
/* Which record of the store the certificate is that SSL has chosen; NULL when that names no OCSP
 * responder. */
struct cred_source {
	struct hostname name;
	bool second;
	uint64_t generation;
};
const struct cred_source *cred_staple_source(const struct cred *cred, const SSL *ssl);
bool cred_is_spoiled(const struct cred *cred);
/* One of two certificates is missing in it. */
bool cred_is_incomplete(const struct cred *cred);

#endif
