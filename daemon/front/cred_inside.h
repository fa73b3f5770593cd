/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/front/cred_inside.h - what cred.c and cred_material.c share; nobody else includes it. */
#ifndef DAEMON_FRONT_CRED_INSIDE_H
#define DAEMON_FRONT_CRED_INSIDE_H

#include <openssl/types.h>
#include <stdint.h>

#include <uthash.h>

#include "daemon/front/cred.h"
#include "store/cert.h"

/* Issuer certificates, one copy for all leaves of an issuer. */
struct chain_ref {
	unsigned char id[CERT_CHAIN_ID_LEN];
	unsigned refs;
	struct cred_chains *chains;
	struct stack_st_X509 *certs;
	UT_hash_handle hh;
};

/* A certificate with its key. */
struct material {
	unsigned refs;
	X509 *leaf;
	EVP_PKEY *key;
	struct chain_ref *chain; /* NULL: none */
	int64_t not_after;
	bool has_responder;         /* of OCSP, named in the leaf */
	uint64_t generation;        /* hashed, when several names may have it */
	struct cred_chains *shared; /* NULL: not hashed */
	UT_hash_handle hh;
};

/* Each is a reference of the caller's. */
MUST_CHECK enum err material_load_first(struct cred_chains *chains, struct store_txn *txn,
                                        const struct domain *domain,
                                        struct material **ret_material);
MUST_CHECK enum err material_load_second(struct cred_chains *chains, struct store_txn *txn,
                                         const struct domain *domain,
                                         struct material **ret_material);
void material_unref(struct material *m); /* accepts NULL */
/* It cannot be used: who loads it next gets a new one, with a new chain. */
void material_spoil(struct material *m);

#endif
