/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/peers.h"

#include <openssl/rand.h>
#include <stdlib.h>

/* Out of memory, uthash leaves the element out (hh.tbl is NULL then) instead of exiting. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/siphash.h"
#include "daemon/common/network.h"

enum { V4_BITS = 32, V6_BITS = 64 };

struct peer {
	struct network network;
	uint32_t count;
	UT_hash_handle hh;
};

struct peers {
	uint32_t max;
	unsigned char hash_key[SIPHASH_KEY_LEN];
	struct peer *all;
};

enum err
peers_new(uint32_t max, struct peers **ret_peers)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	if (!peers)
		return ERR_NOMEM;
	peers->max = max;
	if (RAND_bytes(peers->hash_key, sizeof(peers->hash_key)) != 1) {
		free(peers);
		return ERR_CRYPTO;
	}
	*ret_peers = peers;
	return ERR_OK;
}

static void
drop(struct peers *peers, struct peer *peer)
{
	HASH_DEL(peers->all, peer);
	free(peer);
}

void
peers_free(struct peers *peers)
{
	struct peer *peer, *next;

	if (!peers)
		return;
	HASH_ITER(hh, peers->all, peer, next)
	drop(peers, peer);
	free(peers);
}

enum err
peers_take(struct peers *peers, const struct sockaddr *client, struct peer **ret_peer)
{
	struct network network;
	struct peer *peer;
	unsigned hashed;

	network_of(client, V4_BITS, V6_BITS, &network);
	hashed = (unsigned)siphash(peers->hash_key, &network, sizeof(network));
	HASH_FIND_BYHASHVALUE(hh, peers->all, &network, sizeof(network), hashed, peer);
	if (!peer) {
		peer = calloc(1, sizeof(*peer));
		if (!peer)
			return ERR_NOMEM;
		peer->network = network;
		HASH_ADD_BYHASHVALUE(hh, peers->all, network, sizeof(network), hashed, peer);
		if (!peer->hh.tbl) {
			free(peer);
			return ERR_NOMEM;
		}
	}
	if (peer->count >= peers->max)
		return ERR_FULL;
	peer->count++;
	*ret_peer = peer;
	return ERR_OK;
}

void
peers_release(struct peers *peers, struct peer *peer)
{
	if (--peer->count == 0)
		drop(peers, peer);
}

size_t
peers_count(const struct peers *peers)
{
	return HASH_COUNT(peers->all);
}
