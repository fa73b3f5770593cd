/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ticket.h"

#include <string.h>

#include "base/buf.h"
#include "base/secret.h"
#include "store/inside.h"
#include "store/seal.h"
#include "store/table.h"

static const char ring_key[] = "ring";

static struct span
key_of_ring(void)
{
	return table_key(ring_key, sizeof(ring_key) - 1);
}

static void
read_part(struct cursor *in, unsigned char *dst, size_t len)
{
	struct span part = cursor_bytes(in, len);

	if (part.len == len)
		memcpy(dst, part.data, len);
}

/* Format 2, see docs/store.md. */
static void
decode(struct cursor *in, struct ticket_ring *ring)
{
	ring->count = cursor_u8(in);
	if (ring->count > TICKET_KEYS) {
		in->bad = true;
		ring->count = 0;
	}
	for (size_t i = 0; i < ring->count; i++) {
		struct ticket_key *key = &ring->keys[i];

		key->made_at = (int64_t)cursor_u64(in);
		read_part(in, key->name, sizeof(key->name));
		read_part(in, key->aes, sizeof(key->aes));
		read_part(in, key->hmac, sizeof(key->hmac));
	}
}

enum err
ticket_ring_get(struct store_txn *txn, struct ticket_ring *ret_ring)
{
	struct ticket_ring ring = {0};
	struct cursor in;
	enum err err = table_get(txn, TABLE_TICKET, key_of_ring(), &in);

	if (err)
		return err;
	decode(&in, &ring);
	err = table_end(txn, &in);
	if (!err)
		*ret_ring = ring;
	ticket_ring_wipe(&ring);
	return err;
}

enum err
ticket_ring_put(struct store_txn *txn, const struct ticket_ring *ring)
{
	struct buf *out;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	if (ring->count > TICKET_KEYS)
		return txn_fail(txn, ERR_INVALID);
	out = table_new(txn);
	buf_u8(out, (uint8_t)ring->count);
	for (size_t i = 0; i < ring->count; i++) {
		const struct ticket_key *key = &ring->keys[i];

		buf_u64(out, (uint64_t)key->made_at);
		buf_add(out, key->name, sizeof(key->name));
		buf_add(out, key->aes, sizeof(key->aes));
		buf_add(out, key->hmac, sizeof(key->hmac));
	}
	return table_put(txn, TABLE_TICKET, key_of_ring());
}

bool
ticket_ring_is_due(const struct ticket_ring *ring, int64_t now)
{
	if (ring->count == 0)
		return true;
	return now >= ring->keys[0].made_at + TICKET_EVERY_S ||
	       now < ring->keys[0].made_at - TICKET_EVERY_S;
}

bool
ticket_key_is_live(const struct ticket_key *key, int64_t now)
{
	return now < key->made_at + TICKET_KEEP_S && now >= key->made_at - TICKET_EVERY_S;
}

static enum err
fill(unsigned char *dst, size_t len)
{
	struct secret bytes = {0};
	enum err err = seal_random(&bytes);

	if (!err)
		memcpy(dst, bytes.data, len);
	secret_done(&bytes);
	return err;
}

enum err
ticket_ring_turn(struct ticket_ring *ring, int64_t now, bool forget)
{
	struct ticket_ring next = {.count = 1, .keys = {{.made_at = now}}};
	struct ticket_key *fresh = &next.keys[0];
	enum err err = fill(fresh->name, sizeof(fresh->name));

	if (!err)
		err = fill(fresh->aes, sizeof(fresh->aes));
	if (!err)
		err = fill(fresh->hmac, sizeof(fresh->hmac));
	for (size_t i = 0; i < ring->count && next.count < TICKET_KEYS && !forget; i++)
		if (ticket_key_is_live(&ring->keys[i], now))
			next.keys[next.count++] = ring->keys[i];
	if (!err)
		*ring = next;
	ticket_ring_wipe(&next);
	return err;
}

void
ticket_ring_wipe(struct ticket_ring *ring)
{
	explicit_bzero(ring, sizeof(*ring));
}
