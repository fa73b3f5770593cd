/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/cred_inside.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/cert.h"
#include "store/domain.h"

struct cred {
	unsigned refs;
	struct material *of[2];        /* the second one is NULL most often */
	struct cred_source *source[2]; /* of OCSP answers for them; NULL: there are none */
	bool incomplete;
	bool spoiled;
};

enum err
cred_new(X509 *leaf, EVP_PKEY *key, struct cred **ret_cred)
{
	struct cred *cred = calloc(1, sizeof(*cred));
	struct material *m = calloc(1, sizeof(*m));

	if (!cred || !m) {
		free(cred);
		free(m);
		return ERR_NOMEM;
	}
	X509_up_ref(leaf);
	EVP_PKEY_up_ref(key);
	*m = (struct material){.refs = 1, .leaf = leaf, .key = key, .not_after = INT64_MAX};
	*cred = (struct cred){.refs = 1, .of = {m}};
	*ret_cred = cred;
	return ERR_OK;
}

struct cred *
cred_ref(struct cred *cred)
{
	cred->refs++;
	return cred;
}

void
cred_unref(struct cred *cred)
{
	if (!cred || --cred->refs > 0)
		return;
	material_unref(cred->of[0]);
	material_unref(cred->of[1]);
	free(cred->source[0]);
	free(cred->source[1]);
	free(cred);
}

/* Its chain may be what is wrong, so the next to load it gets a new one. */
static void
spoil(struct cred *cred, struct material *m)
{
	cred->spoiled = true;
	material_spoil(m);
}

static enum err
attach(struct cred *cred, struct material *m, SSL *ssl)
{
	STACK_OF(X509) *issuers = m->chain ? m->chain->certs : NULL;

	if (SSL_use_cert_and_key(ssl, m->leaf, m->key, issuers, 1) == 1)
		return ERR_OK;
	spoil(cred, m);
	return ERR_CRYPTO;
}

enum err
cred_attach(struct cred *cred, SSL *ssl)
{
	struct material *first = cred->of[0], *second = cred->of[1];
	enum err err, second_err = ERR_CRYPTO;
	int64_t now;

	if (!second)
		return attach(cred, first, ssl);
	now = clock_wall();
	if (first->not_after <= now && now < second->not_after)
		return attach(cred, second, ssl);
	err = attach(cred, first, ssl);
	if (now < second->not_after || first->not_after <= now)
		second_err = attach(cred, second, ssl);
	/* One of them is better than none, and what is left here would spoil the handshake. */
	ERR_clear_error();
	return err ? second_err : ERR_OK;
}

bool
cred_is_incomplete(const struct cred *cred)
{
	return cred->incomplete;
}

const struct cred_source *
cred_staple_source(const struct cred *cred, const SSL *ssl)
{
	bool second = SSL_get_certificate(ssl) != cred->of[0]->leaf;

	return cred->source[second];
}

bool
cred_is_spoiled(const struct cred *cred)
{
	return cred->spoiled;
}

/* Without memory for it, it is served without answers. */
static void
note_source(struct cred *cred, const struct domain *domain, bool second)
{
	uint64_t generation = second ? domain->second.generation : domain->generation;

	if (cred->of[second]->has_responder &&
	    (cred->source[second] = malloc(sizeof(*cred->source[second]))))
		*cred->source[second] = (struct cred_source){domain->name, second, generation};
}

enum err
cred_load(struct cred_chains *chains, struct store_txn *txn, const struct domain *domain,
          struct cred **ret_cred)
{
	struct cred *cred = calloc(1, sizeof(*cred));
	enum err err = ERR_OK, second = ERR_OK;

	if (!cred)
		return ERR_NOMEM;
	cred->refs = 1;
	err = material_load_first(chains, txn, domain, &cred->of[0]);
	if (!err)
		note_source(cred, domain, false);
	if (domain->second.generation)
		second = material_load_second(chains, txn, domain, &cred->of[1]);
	if (cred->of[1])
		note_source(cred, domain, true);
	if (err && cred->of[1]) {
		cred->of[0] = cred->of[1];
		cred->of[1] = NULL;
		cred->source[0] = cred->source[1];
		cred->source[1] = NULL;
		second = err;
		err = ERR_OK;
	}
	cred->incomplete = second != ERR_OK;
	if (err)
		cred_unref(cred);
	else
		*ret_cred = cred;
	return err;
}
