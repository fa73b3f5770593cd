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

struct cred {
	unsigned refs;
	X509 *leaf;
	EVP_PKEY *key;
	struct chain_ref *chain;           /* NULL: none */
	struct cred_source *staple_source; /* NULL: none */
	bool spoiled;
};

struct cred_chains {
	struct chain_ref *by_id;
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

enum err
cred_new(X509 *leaf, EVP_PKEY *key, struct cred **ret_cred)
{
	struct cred *cred = calloc(1, sizeof(*cred));

	if (!cred)
		return ERR_NOMEM;
	X509_up_ref(leaf);
	EVP_PKEY_up_ref(key);
	*cred = (struct cred){.refs = 1, .leaf = leaf, .key = key};
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
	chain_unref(cred->chain);
	X509_free(cred->leaf);
	EVP_PKEY_free(cred->key);
	free(cred->staple_source);
	free(cred);
}

/* Its chain may be what is wrong, so the next to load it gets a new one. */
static void
spoil(struct cred *cred)
{
	struct chain_ref *chain = cred->chain;

	cred->spoiled = true;
	if (!chain || !chain->hh.tbl)
		return;
	HASH_DEL(chain->chains->by_id, chain);
	chain->hh.tbl = NULL;
}

enum err
cred_attach(struct cred *cred, SSL *ssl)
{
	STACK_OF(X509) *issuers = cred->chain ? cred->chain->certs : NULL;

	if (SSL_use_cert_and_key(ssl, cred->leaf, cred->key, issuers, 1) == 1)
		return ERR_OK;
	spoil(cred);
	return ERR_CRYPTO;
}

const struct cred_source *
cred_staple_source(const struct cred *cred)
{
	return cred->staple_source;
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

/* Without memory for it, it is served without answers. */
static void
note_source(struct cred *cred, const struct domain *domain, struct span leaf)
{
	char url[OCSP_URL_MAX + 1];
	bool must_staple;

	if (!ocsp_responder(leaf, url, &must_staple) ||
	    !(cred->staple_source = malloc(sizeof(*cred->staple_source))))
		return;
	*cred->staple_source = (struct cred_source){domain->name, domain->generation};
}

/* The bytes of the private key are wiped here whatever happens. */
enum err
cred_load(struct cred_chains *chains, struct store_txn *txn, const struct domain *domain,
          struct cred **ret_cred)
{
	struct cert cert;
	struct cred *cred = NULL;
	X509 *leaf = NULL;
	EVP_PKEY *key = NULL;
	enum err err;

	cert_init(&cert);
	err = cert_get_for(txn, domain, &cert);
	if (!err)
		err = read_cert((struct span){cert.leaf.data, cert.leaf.len}, &leaf);
	if (!err)
		err = load_key(&cert, leaf, &key);
	if (!err)
		err = cred_new(leaf, key, &cred);
	if (!err)
		err = chain_ref(chains, txn, cert.chain_id, &cred->chain);
	if (!err) {
		note_source(cred, domain, (struct span){cert.leaf.data, cert.leaf.len});
		*ret_cred = cred;
		cred = NULL;
	}
	cred_unref(cred);
	EVP_PKEY_free(key);
	X509_free(leaf);
	cert_done(&cert);
	ERR_clear_error();
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
	assert(!chains->by_id); /* each chain goes with the last credential that uses it */
	free(chains);
}
