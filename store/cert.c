/* SPDX-License-Identifier: Apache-2.0 */
#include "store/cert_inside.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/hostname.h"
#include "store/change.h"
#include "store/domain.h"
#include "store/inside.h"
#include "store/cert_pool.h"
#include "store/table.h"

enum { P256_KEY_LEN = 32 };

void
cert_init(struct cert *cert)
{
	*cert = (struct cert){0};
}

void
cert_done(struct cert *cert)
{
	secret_done(&cert->key);
	buf_done(&cert->leaf);
	cert_init(cert);
}

static bool
key_is_plausible(enum cert_key_kind kind, size_t len)
{
	return (kind == CERT_KEY_P256 && len == P256_KEY_LEN) ||
	       (kind == CERT_KEY_PKCS8 && len > 0 && len <= CERT_KEY_MAX);
}

/* Formats 1 and 2, see docs/store.md. */
void
cert_encode(const struct cert *cert, const unsigned char *chain_id, struct buf *out)
{
	buf_u64(out, cert->generation);
	buf_u64(out, (uint64_t)cert->not_before);
	buf_u64(out, (uint64_t)cert->not_after);
	buf_u8(out, (uint8_t)cert->key_kind);
	buf_add(out, chain_id, CERT_CHAIN_ID_LEN);
	buf_bytes16(out, cert->key.data, cert->key.len);
	buf_bytes16(out, cert->leaf.data, cert->leaf.len);
}

enum err
cert_decode(struct cursor *in, struct cert *cert)
{
	struct span chain_id, key, leaf;
	enum err err;

	cert->generation = cursor_u64(in);
	cert->not_before = (int64_t)cursor_u64(in);
	cert->not_after = (int64_t)cursor_u64(in);
	cert->key_kind = cursor_u8(in);
	chain_id = cursor_bytes(in, CERT_CHAIN_ID_LEN);
	key = cursor_bytes16(in);
	leaf = cursor_bytes16(in);
	if (!key_is_plausible(cert->key_kind, key.len) || !leaf.len || in->bad) {
		in->bad = true;
		return ERR_CORRUPT;
	}
	memcpy(cert->chain_id, chain_id.data, CERT_CHAIN_ID_LEN);
	err = secret_set(&cert->key, key.data, key.len);
	buf_add(&cert->leaf, leaf.data, leaf.len);
	return err || buf_ok(&cert->leaf) ? err : ERR_NOMEM;
}

void
cert_skip(struct cursor *in, enum cert_key_kind *ret_kind)
{
	(void)cursor_bytes(in, 3 * sizeof(uint64_t));
	*ret_kind = cursor_u8(in);
	(void)cursor_bytes(in, CERT_CHAIN_ID_LEN);
	(void)cursor_bytes16(in);
	(void)cursor_bytes16(in);
}

enum err
cert_get(struct store_txn *txn, const struct hostname *name, struct cert *ret_cert)
{
	struct cert cert;
	struct cursor in;
	enum err err = table_get(txn, TABLE_CERT, table_key_name(name), &in), end;

	if (err)
		return err;
	cert_init(&cert);
	err = cert_decode(&in, &cert);
	end = table_end(txn, &in);
	if (!err)
		err = end;
	if (err) {
		cert_done(&cert);
		return err;
	}
	cert_done(ret_cert);
	*ret_cert = cert;
	return ERR_OK;
}

enum err
cert_get_for(struct store_txn *txn, const struct domain *domain, struct cert *ret_cert)
{
	struct cert cert;
	enum err err;

	if (!domain->generation)
		return ERR_NOTFOUND;
	cert_init(&cert);
	err = domain->pooled ? cert_pool_get(txn, domain->generation, &domain->name, &cert)
	                     : cert_get(txn, &domain->name, &cert);
	if (err == ERR_NOTFOUND || (!err && cert.generation != domain->generation))
		err = ERR_CORRUPT;
	if (err) {
		cert_done(&cert);
		return err;
	}
	cert_done(ret_cert);
	*ret_cert = cert;
	return ERR_OK;
}

enum err
cert_get_second(struct store_txn *txn, const struct domain *domain, struct cert *ret_cert)
{
	enum err err = ERR_NOTFOUND;

	if (!domain->second.generation)
		return err;
	err = cert_pool_get(txn, domain->second.generation, &domain->name, ret_cert);
	return err == ERR_NOTFOUND ? ERR_CORRUPT : err;
}

enum err
cert_next_generation(struct store_txn *txn, const struct domain *domain, uint64_t *ret_generation)
{
	uint64_t revision;
	/* The put of the certificate itself will have a revision above the newest, so no other one
	 * gets this number. */
	enum err err = change_last(txn, &revision);

	if (err)
		return err;
	if (revision < domain->generation)
		revision = domain->generation;
	if (revision < domain->second.generation)
		revision = domain->second.generation;
	*ret_generation = revision + 1;
	return ERR_OK;
}

enum err
cert_check(const struct cert *cert, const struct buf *chain)
{
	if (!key_is_plausible(cert->key_kind, cert->key.len) || !cert->leaf.len)
		return ERR_INVALID;
	if (cert->leaf.len > CERT_LEAF_MAX || chain->len > CERT_CHAIN_MAX)
		return ERR_TOOBIG;
	return ERR_OK;
}

enum err
cert_put_chain(struct store_txn *txn, const struct buf *chain, unsigned char id[CERT_CHAIN_ID_LEN])
{
	struct cursor in;
	enum err err;

	if (EVP_Digest(chain->data, chain->len, id, NULL, EVP_sha256(), NULL) != 1)
		return ERR_CRYPTO;
	err = table_get(txn, TABLE_CHAIN, table_key(id, CERT_CHAIN_ID_LEN), &in);
	if (err != ERR_NOTFOUND && err != ERR_CORRUPT)
		return err;
	buf_add(table_new(txn), chain->data, chain->len);
	return table_put(txn, TABLE_CHAIN, table_key(id, CERT_CHAIN_ID_LEN));
}

enum err
cert_del(struct store_txn *txn, const struct hostname *name)
{
	enum err err = table_del(txn, TABLE_CERT, table_key_name(name));

	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
cert_chain_get(struct store_txn *txn, const unsigned char id[CERT_CHAIN_ID_LEN],
               struct buf *ret_chain)
{
	struct cursor in;
	struct span chain;
	enum err err = table_get(txn, TABLE_CHAIN, table_key(id, CERT_CHAIN_ID_LEN), &in);

	if (err)
		return err;
	chain = cursor_bytes(&in, in.left);
	buf_add(ret_chain, chain.data, chain.len);
	err = table_end(txn, &in);
	return err || buf_ok(ret_chain) ? err : ERR_NOMEM;
}
