/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cred.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* Out of memory, uthash leaves the element out (hh.tbl is NULL then) instead of exiting. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "acme/key.h"
#include "base/clock.h"
#include "acme/ocsp.h"
#include "base/cursor.h"
#include "store/cert.h"
#include "store/domain.h"

/* Issuer certificates, one copy for all leaves of an issuer. */
struct chain_ref {
	unsigned char id[CERT_CHAIN_ID_LEN];
	unsigned refs;
	struct cred_chains *chains;
	STACK_OF(X509) * certs;
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

struct cred {
	unsigned refs;
	struct material *of[2];            /* the second one is NULL most often */
	struct cred_source *staple_source; /* of the first one; NULL: none */
	bool incomplete;
	bool spoiled;
};

struct cred_chains {
	struct chain_ref *by_id;
	struct material *by_generation;
};

static void
chain_unref(struct chain_ref *chain)
{
	if (!chain || --chain->refs > 0)
		return;
	if (chain->hh.tbl)
		HASH_DEL(chain->chains->by_id, chain);
	sk_X509_pop_free(chain->certs, X509_free);
	free(chain);
}

static void
hide_material(struct material *m)
{
	if (m->shared)
		HASH_DEL(m->shared->by_generation, m);
	m->shared = NULL;
}

static void
material_unref(struct material *m)
{
	if (!m || --m->refs > 0)
		return;
	hide_material(m);
	chain_unref(m->chain);
	X509_free(m->leaf);
	EVP_PKEY_free(m->key);
	free(m);
}

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
	free(cred->staple_source);
	free(cred);
}

/* Its chain may be what is wrong, so the next to load it gets a new one. */
static void
spoil(struct cred *cred, struct material *m)
{
	struct chain_ref *chain = m->chain;

	cred->spoiled = true;
	hide_material(m);
	if (!chain || !chain->hh.tbl)
		return;
	HASH_DEL(chain->chains->by_id, chain);
	chain->hh.tbl = NULL;
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
	enum err err;
	int64_t now;

	if (!second)
		return attach(cred, first, ssl);
	now = clock_wall();
	if (first->not_after <= now && now < second->not_after)
		return attach(cred, second, ssl);
	err = attach(cred, first, ssl);
	if (!err && (now < second->not_after || first->not_after <= now))
		err = attach(cred, second, ssl);
	return err;
}

bool
cred_is_incomplete(const struct cred *cred)
{
	return cred->incomplete;
}

const struct cred_source *
cred_staple_source(const struct cred *cred, const SSL *ssl)
{
	return SSL_get_certificate(ssl) == cred->of[0]->leaf ? cred->staple_source : NULL;
}

bool
cred_is_spoiled(const struct cred *cred)
{
	return cred->spoiled;
}

/* Reading from the store */

static enum err
read_cert(struct span der, X509 **ret_cert)
{
	const unsigned char *p = der.data;
	X509 *cert = d2i_X509(NULL, &p, (long)der.len);

	if (!cert || p != der.data + der.len) {
		X509_free(cert);
		return ERR_CORRUPT;
	}
	*ret_cert = cert;
	return ERR_OK;
}

static enum err
read_issuers(const struct buf *bytes, STACK_OF(X509) * certs)
{
	struct cursor c;

	cursor_init(&c, bytes->data, bytes->len);
	while (c.left && !c.bad) {
		X509 *cert;
		enum err err = read_cert(cursor_bytes32(&c), &cert);

		if (err)
			return err;
		if (!sk_X509_push(certs, cert)) {
			X509_free(cert);
			return ERR_NOMEM;
		}
	}
	return cursor_end(&c) ? ERR_OK : ERR_CORRUPT;
}

static enum err
load_chain(struct store_txn *txn, const unsigned char *id, struct chain_ref **ret_chain)
{
	struct chain_ref *chain = calloc(1, sizeof(*chain));
	struct buf bytes;
	enum err err = ERR_NOMEM;

	buf_init(&bytes);
	if (!chain || !(chain->certs = sk_X509_new_null()))
		goto out;
	memcpy(chain->id, id, CERT_CHAIN_ID_LEN);
	chain->refs = 1;
	err = cert_chain_get(txn, id, &bytes);
	if (!err)
		err = read_issuers(&bytes, chain->certs);
	if (!err) {
		*ret_chain = chain;
		chain = NULL;
	}
out:
	buf_done(&bytes);
	if (chain)
		sk_X509_pop_free(chain->certs, X509_free);
	free(chain);
	return err;
}

/* A chain that the table has no room for works all the same, it just is not shared. */
static enum err
chain_ref(struct cred_chains *chains, struct store_txn *txn, const unsigned char *id,
          struct chain_ref **ret_chain)
{
	unsigned hashed;
	struct chain_ref *chain;
	enum err err;

	memcpy(&hashed, id, sizeof(hashed)); /* the id is a SHA-256 already */
	HASH_FIND_BYHASHVALUE(hh, chains->by_id, id, CERT_CHAIN_ID_LEN, hashed, chain);
	if (chain) {
		chain->refs++;
		*ret_chain = chain;
		return ERR_OK;
	}
	err = load_chain(txn, id, &chain);
	if (err)
		return err;
	chain->chains = chains;
	HASH_ADD_BYHASHVALUE(hh, chains->by_id, id, CERT_CHAIN_ID_LEN, hashed, chain);
	*ret_chain = chain;
	return ERR_OK;
}

static enum err
load_key(const struct cert *cert, const X509 *leaf, EVP_PKEY **ret_key)
{
	const ASN1_BIT_STRING *point = X509_get0_pubkey_bitstr(leaf);

	if (cert->key_kind != CERT_KEY_P256)
		return key_load(&cert->key, ret_key);
	return key_load_p256(&cert->key, point->data, (size_t)point->length, ret_key);
}

static bool
names_responder(const struct buf *leaf)
{
	char url[OCSP_URL_MAX + 1];
	bool must_staple;

	return ocsp_responder((struct span){leaf->data, leaf->len}, url, &must_staple);
}

typedef enum err get_cert(struct store_txn *txn, const struct domain *domain, struct cert *cert);

/* The bytes of the private key are wiped here whatever happens. */
static enum err
load(struct cred_chains *chains, struct store_txn *txn, const struct domain *domain, get_cert *get,
     struct material **ret_material)
{
	struct material *m = calloc(1, sizeof(*m));
	struct cert cert;
	enum err err;

	if (!m)
		return ERR_NOMEM;
	m->refs = 1;
	cert_init(&cert);
	err = get(txn, domain, &cert);
	if (!err)
		err = read_cert((struct span){cert.leaf.data, cert.leaf.len}, &m->leaf);
	if (!err)
		err = load_key(&cert, m->leaf, &m->key);
	if (!err)
		err = chain_ref(chains, txn, cert.chain_id, &m->chain);
	m->has_responder = !err && names_responder(&cert.leaf);
	m->not_after = cert.not_after;
	m->generation = cert.generation;
	cert_done(&cert);
	ERR_clear_error();
	if (err)
		material_unref(m);
	else
		*ret_material = m;
	return err;
}

/* One of the pool: it may be here for another name of it. One that the table has no room for works
 * all the same. */
static enum err
load_pooled(struct cred_chains *chains, struct store_txn *txn, const struct domain *domain,
            get_cert *get, struct material **ret_material)
{
	uint64_t generation =
		get == cert_get_second ? domain->second.generation : domain->generation;
	struct material *m;
	enum err err;

	HASH_FIND(hh, chains->by_generation, &generation, sizeof(generation), m);
	if (m) {
		m->refs++;
		*ret_material = m;
		return ERR_OK;
	}
	err = load(chains, txn, domain, get, &m);
	if (err)
		return err;
	HASH_ADD(hh, chains->by_generation, generation, sizeof(m->generation), m);
	if (m->hh.tbl)
		m->shared = chains;
	*ret_material = m;
	return ERR_OK;
}

/* Without memory for it, it is served without answers. */
static void
note_source(struct cred *cred, const struct domain *domain)
{
	if (cred->of[0]->has_responder &&
	    (cred->staple_source = malloc(sizeof(*cred->staple_source))))
		*cred->staple_source = (struct cred_source){domain->name, domain->generation};
}

static enum err
load_first(struct cred_chains *chains, struct store_txn *txn, const struct domain *domain,
           struct material **ret_material)
{
	if (domain->pooled)
		return load_pooled(chains, txn, domain, cert_get_for, ret_material);
	return load(chains, txn, domain, cert_get_for, ret_material);
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
	err = load_first(chains, txn, domain, &cred->of[0]);
	if (!err)
		note_source(cred, domain);
	if (domain->second.generation)
		second = load_pooled(chains, txn, domain, cert_get_second, &cred->of[1]);
	if (err && cred->of[1]) {
		cred->of[0] = cred->of[1];
		cred->of[1] = NULL;
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

enum err
cred_chains_new(struct cred_chains **ret_chains)
{
	*ret_chains = calloc(1, sizeof(**ret_chains));
	return *ret_chains ? ERR_OK : ERR_NOMEM;
}

void
cred_chains_free(struct cred_chains *chains)
{
	if (!chains)
		return;
	/* Each goes with the last credential that uses it. */
	assert(!chains->by_id && !chains->by_generation);
	free(chains);
}
