/* SPDX-License-Identifier: Apache-2.0 */
#include "store/cert_pool.h"

#include <endian.h>
#include <string.h>

#include "base/hostname.h"
#include "store/cert_inside.h"
#include "store/domain.h"
#include "store/change_log.h"
#include "store/inside.h"
#include "store/pool_record.h"
#include "store/put_aside.h"
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

/* Reads the record that was opened. */
static enum err
take_names(struct store_txn *txn, struct cursor *in, enum cert_key_kind *ret_kind,
           struct buf *ret_names)
{
	enum cert_key_kind kind;
	struct span rest;
	enum err err;

	cert_skip(in, &kind);
	(void)cursor_u16(in);
	rest = cursor_bytes(in, in->left);
	if (!in->bad)
		buf_add(ret_names, rest.data, rest.len);
	err = table_end(txn, in);
	*ret_kind = kind;
	return err || buf_ok(ret_names) ? err : ERR_NOMEM;
}

bool
cert_pool_generation(struct span key, uint64_t *ret_generation)
{
	if (key.len != sizeof(*ret_generation))
		return false;
	memcpy(ret_generation, key.data, sizeof(*ret_generation));
	*ret_generation = be64toh(*ret_generation);
	return true;
}

enum err
cert_pool_read(struct walk *walk, enum cert_key_kind *ret_kind, struct buf *ret_names)
{
	struct cursor in;
	enum err err = walk_read(walk, &in);

	return err ? err : take_names(walk->txn, &in, ret_kind, ret_names);
}

bool
cert_pool_is_newest(struct store_txn *txn, uint64_t generation)
{
	struct pool_key key;

	return change_has_newest(txn, TABLE_POOL, key_of(generation, &key));
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

bool
cert_pool_has_holder(struct store_txn *txn, uint64_t generation, const struct buf *names)
{
	struct cursor in;

	cursor_init(&in, names->data, names->len);
	while (in.left && !in.bad)
		if (has(txn, cursor_bytes16(&in), generation))
			return true;
	return false;
}

enum err
cert_pool_is_used(struct store_txn *txn, uint64_t generation)
{
	enum cert_key_kind kind;
	struct buf names = {0};
	struct pool_key key;
	struct cursor in;
	enum err err = table_get(txn, TABLE_POOL, key_of(generation, &key), &in);

	if (!err)
		err = take_names(txn, &in, &kind, &names);
	if (!err && !cert_pool_has_holder(txn, generation, &names))
		err = ERR_NOTFOUND;
	buf_done(&names);
	return err;
}

/* Nobody has it, but somebody may want it back: its key is in no other place. */
static enum err
sweep_one(struct store_txn *txn, uint64_t generation, int64_t now, uint64_t *swept)
{
	struct pool_key key;
	enum err err;

	if (!cert_pool_has(txn, generation) || cert_pool_is_used(txn, generation) != ERR_NOTFOUND)
		return ERR_OK;
	err = put_aside(txn, TABLE_POOL, key_of(generation, &key), "no name has this certificate",
	                now);
	if (!err)
		++*swept;
	/* The page it is on is damaged, which a check tells. */
	return err == ERR_IO && !txn->err ? ERR_OK : err;
}

enum err
cert_pool_sweep(struct store_txn *txn, const uint64_t *generations, size_t count, int64_t now,
                uint64_t *swept)
{
	enum err err = ERR_OK;

	for (size_t i = 0; i < count && !err; i++)
		err = sweep_one(txn, generations[i], now, swept);
	return err;
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
