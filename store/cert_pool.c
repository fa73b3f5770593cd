/* SPDX-License-Identifier: Apache-2.0 */
#include "store/cert_pool.h"

#include <endian.h>
#include <string.h>

#include "base/hostname.h"
#include "store/cert_inside.h"
#include "store/domain.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

/* Key: generation u64 big-endian. Record: as in the table cert, then u16 count, text16 each. */
struct pool_key {
	uint64_t wire;
};

static struct span
key_of(uint64_t generation, struct pool_key *key)
{
	key->wire = htobe64(generation);
	return table_key(&key->wire, sizeof(key->wire));
}

enum err
cert_pool_put(struct store_txn *txn, const struct hostname *names, size_t count, struct cert *cert,
              const struct buf *chain)
{
	unsigned char id[CERT_CHAIN_ID_LEN];
	struct pool_key key;
	struct buf *out;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = cert_check(cert, chain);
	if (!err && (!count || !cert->generation))
		err = ERR_INVALID;
	if (!err && count > CERT_POOL_NAMES_MAX)
		err = ERR_TOOBIG;
	if (!err && !table_has(txn, TABLE_POOL, key_of(cert->generation, &key)))
		err = ERR_EXISTS;
	if (!err)
		err = cert_put_chain(txn, chain, id);
	if (err)
		return txn_fail(txn, err);
	out = table_new(txn);
	cert_encode(cert, id, out);
	buf_u16(out, (uint16_t)count);
	for (size_t i = 0; i < count; i++)
		buf_bytes16(out, names[i].name, names[i].len);
	err = table_put(txn, TABLE_POOL, key_of(cert->generation, &key));
	if (!err)
		memcpy(cert->chain_id, id, CERT_CHAIN_ID_LEN);
	return err;
}

/* Reads the names to the end; whether NAME (NULL: any) is among them. */
static bool
reads_name(struct cursor *in, const struct hostname *name)
{
	uint16_t count = cursor_u16(in);
	bool found = !name;

	for (uint16_t i = 0; i < count && !in->bad; i++) {
		struct span one = cursor_bytes16(in);

		if (name && one.len == name->len && memcmp(one.data, name->name, one.len) == 0)
			found = true;
	}
	return cursor_end(in) && found;
}

enum err
cert_pool_get(struct store_txn *txn, uint64_t generation, const struct hostname *name,
              struct cert *ret_cert)
{
	struct pool_key key;
	struct cert cert;
	struct cursor in;
	enum err err = table_get(txn, TABLE_POOL, key_of(generation, &key), &in), end;

	if (err)
		return err;
	cert_init(&cert);
	err = cert_decode(&in, &cert);
	if (!err && (!reads_name(&in, name) || cert.generation != generation))
		err = ERR_CORRUPT;
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

bool
cert_pool_has(struct store_txn *txn, uint64_t generation)
{
	struct pool_key key;

	return table_has(txn, TABLE_POOL, key_of(generation, &key)) == ERR_OK;
}

/* The names of a record, one after the other as text16, to look at when the scratch is gone. */
static enum err
names_of(struct store_txn *txn, uint64_t generation, struct buf *names)
{
	struct pool_key key;
	struct cert cert;
	struct cursor in;
	enum err err = table_get(txn, TABLE_POOL, key_of(generation, &key), &in), end;

	if (err)
		return err;
	cert_init(&cert);
	err = cert_decode(&in, &cert);
	cert_done(&cert);
	if (!err) {
		struct span rest;

		(void)cursor_u16(&in);
		rest = cursor_bytes(&in, in.left);
		buf_add(names, rest.data, rest.len);
	}
	end = table_end(txn, &in);
	if (!err)
		err = end;
	return err || buf_ok(names) ? err : ERR_NOMEM;
}

static bool
has(struct store_txn *txn, struct span name, uint64_t generation)
{
	struct hostname host;
	struct domain d;
	enum err err = table_name_of_key(name, &host);

	if (err)
		return false;
	err = domain_get(txn, &host, &d);
	/* What a damaged record has is not known: rather one certificate too many. */
	if (err)
		return err != ERR_NOTFOUND;
	return (d.pooled && d.generation == generation) || d.second.generation == generation;
}

enum err
cert_pool_is_used(struct store_txn *txn, uint64_t generation)
{
	struct buf names = {0};
	struct cursor in;
	enum err err = names_of(txn, generation, &names);

	cursor_init(&in, names.data, names.len);
	while (!err && in.left && !in.bad)
		if (has(txn, cursor_bytes16(&in), generation))
			goto out;
	if (!err)
		err = ERR_NOTFOUND;
out:
	buf_done(&names);
	return err;
}

/* The first generation behind *AT; ERR_NOTFOUND: there is none. */
static enum err
next(struct store_txn *txn, uint64_t *at)
{
	struct pool_key key;
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_POOL);

	if (!err)
		err = walk_seek(&walk, key_of(*at + 1, &key));
	if (!err && walk.key.len != sizeof(key.wire))
		err = ERR_CORRUPT;
	if (!err) {
		memcpy(&key.wire, walk.key.data, sizeof(key.wire));
		*at = be64toh(key.wire);
	}
	walk_close(&walk);
	return err;
}

enum err
cert_pool_sweep(struct store_txn *txn, size_t limit, uint64_t *at)
{
	enum err err = ERR_OK;

	for (size_t i = 0; i < limit && !err && *at < UINT64_MAX; i++) {
		struct pool_key key;

		err = next(txn, at);
		if (err == ERR_NOTFOUND)
			*at = UINT64_MAX;
		else if (!err && cert_pool_is_used(txn, *at) == ERR_NOTFOUND)
			err = table_del(txn, TABLE_POOL, key_of(*at, &key));
	}
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
cert_pool_release(struct store_txn *txn, uint64_t generation)
{
	struct pool_key key;
	enum err err = cert_pool_is_used(txn, generation);

	if (!err)
		return ERR_OK;
	/* One that does not open serves nobody. */
	if (err != ERR_NOTFOUND && err != ERR_CORRUPT && err != ERR_VERSION)
		return txn_fail(txn, err);
	err = table_del(txn, TABLE_POOL, key_of(generation, &key));
	return err == ERR_NOTFOUND ? ERR_OK : err;
}
