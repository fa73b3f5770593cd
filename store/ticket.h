/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/ticket.h - the keys that session tickets are sealed with (environment served/)
 *
 * One record, the ring: the newest key, which new tickets get, and the one before it, which still
 * opens the tickets it made (RFC 5077 4, 5.5). All workers and restarts have the same ring, so each
 * resumes what another has begun. The keeper turns it every TICKET_EVERY_S; a ticket lives no
 * longer than that, so a key has had its time when it leaves the ring.
 * Ownership: plain values; wipe them with ticket_ring_wipe().
 */
#ifndef STORE_TICKET_H
#define STORE_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct store_txn;

enum { TICKET_NAME_LEN = 16, TICKET_SECRET_LEN = 32, TICKET_KEYS = 2 };
enum { TICKET_EVERY_S = 12 * 3600, TICKET_KEEP_S = 2 * TICKET_EVERY_S };

struct ticket_key {
	int64_t made_at;                     /* unix seconds */
	unsigned char name[TICKET_NAME_LEN]; /* random; stands in clear in front of each ticket */
	unsigned char aes[TICKET_SECRET_LEN];
	unsigned char hmac[TICKET_SECRET_LEN];
};

struct ticket_ring {
	size_t count;                        /* 0: none yet */
	struct ticket_key keys[TICKET_KEYS]; /* newest first */
};

/* ERR_NOTFOUND: no ring was ever put. */
MUST_CHECK enum err ticket_ring_get(struct store_txn *txn, struct ticket_ring *ret_ring);
MUST_CHECK enum err ticket_ring_put(struct store_txn *txn, const struct ticket_ring *ring);

/* Whether the newest key has served its time, or comes from a clock that was ahead. */
bool ticket_ring_is_due(const struct ticket_ring *ring, int64_t now);
/* A new key in front; those older than TICKET_KEEP_S, or all with FORGET, are wiped. RING is as it
 * was when this fails. */
MUST_CHECK enum err ticket_ring_turn(struct ticket_ring *ring, int64_t now, bool forget);
/* Whether tickets under KEY may still be opened. */
bool ticket_key_is_live(const struct ticket_key *key, int64_t now);
void ticket_ring_wipe(struct ticket_ring *ring);

#endif
