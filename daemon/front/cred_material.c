/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates with their keys as credentials share them, and reading them from the store. */
#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* Out of memory, uthash leaves the element out (hh.tbl is NULL then) instead of exiting. */
#define HASH_NONFATAL_OOM 1
#include "daemon/front/cred_inside.h"

#include "acme/key.h"
#include "acme/ocsp.h"
#include "base/cursor.h"
#include "store/cert.h"
#include "store/domain.h"

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
hide(struct material *m)
{
	if (m->shared)
		HASH_DEL(m->shared->by_generation, m);
	m->shared = NULL;
}

void
material_unref(struct material *m)
{
	if (!m || --m->refs > 0)
		return;
	hide(m);
	chain_unref(m->chain);
	X509_free(m->leaf);
	EVP_PKEY_free(m->key);
	free(m);
}

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

/* Whether the store still has it for this name, too. */
static enum err
ask(struct store_txn *txn, const struct domain *domain, get_cert *get)
{
	struct cert cert;
	enum err err;

	cert_init(&cert);
	err = get(txn, domain, &cert);
	cert_done(&cert);
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
		err = ask(txn, domain, get);
		if (err)
			return err;
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

enum err
material_load_first(struct cred_chains *chains, struct store_txn *txn, const struct domain *domain,
                    struct material **ret_material)
{
	if (domain->pooled)
		return load_pooled(chains, txn, domain, cert_get_for, ret_material);
	return load(chains, txn, domain, cert_get_for, ret_material);
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

enum err
material_load_second(struct cred_chains *chains, struct store_txn *txn, const struct domain *domain,
                     struct material **ret_material)
{
	return load_pooled(chains, txn, domain, cert_get_second, ret_material);
}

void
material_spoil(struct material *m)
{
	struct chain_ref *chain = m->chain;

	hide(m);
	if (!chain || !chain->hh.tbl)
		return;
	HASH_DEL(chain->chains->by_id, chain);
	chain->hh.tbl = NULL;
}
