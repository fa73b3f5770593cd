/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/balance.h"

#include <stdlib.h>

#include "base/clock.h"
#include "daemon/conf/conf.h"

struct balance {
	const struct conf *conf;
	struct servers *servers;
	size_t role;
	unsigned turn;             /* where the next choice among equals begins */
	struct server_slot **slot; /* of each server, CONF_SERVERS_MAX for each backend */
};

enum err
balance_new(const struct conf *conf, struct servers *servers, size_t role,
            struct balance **ret_balance)
{
	struct balance *b = calloc(1, sizeof(*b));

	if (b)
		b->slot = calloc(conf->backend_count * CONF_SERVERS_MAX + 1, sizeof(b->slot[0]));
	if (!b || !b->slot) {
		balance_free(b);
		return ERR_NOMEM;
	}
	b->conf = conf;
	b->servers = servers;
	b->role = role;
	for (size_t i = 0; i < conf->backend_count; i++) {
		const struct conf_backend *backend = &conf->backends[i];

		for (size_t j = 0; j < backend->server_count; j++) {
			struct server_slot *slot =
				servers_find(servers, backend->name, backend->servers[j].text);

			if (!slot) {
				balance_free(b);
				return ERR_WRONGSTATE;
			}
			b->slot[i * CONF_SERVERS_MAX + j] = slot;
		}
	}
	*ret_balance = b;
	return ERR_OK;
}

void
balance_free(struct balance *balance)
{
	if (!balance)
		return;
	free(balance->slot);
	free(balance);
}

static struct server_slot *
slot_of(const struct balance *b, const struct conf_backend *backend, size_t server)
{
	return b->slot[(size_t)(backend - b->conf->backends) * CONF_SERVERS_MAX + server];
}

/* Less is better. */
static uint64_t
rank(const struct conf_backend *backend, const struct server_slot *slot, bool seen)
{
	bool down =
		seen && atomic_load_explicit(&slot->health, memory_order_relaxed) == HEALTH_DOWN;

	return (uint64_t)down << 32 | (backend->balance == BALANCE_FIRST ? 0 : server_active(slot));
}

/* Health is what the keeper says, or said a moment ago: without one nobody brings a server back. */
static bool
health_counts(const struct balance *b)
{
	return clock_mono_ms() -
	               atomic_load_explicit(&b->servers->looked_at, memory_order_relaxed) <
	       SERVERS_BLIND_MS;
}

static bool
choose(struct balance *b, const struct conf_backend *backend, struct balance_pick *pick)
{
	size_t count = backend->server_count;
	size_t from = backend->balance == BALANCE_FIRST ? 0 : pick->turn % count;
	bool seen = count > 1 && health_counts(b);
	uint64_t best = UINT64_MAX;

	pick->slot = NULL;
	for (size_t n = 0; n < count; n++) {
		size_t i = (from + n) % count;
		struct server_slot *slot = slot_of(b, backend, i);
		uint64_t this;

		if (pick->tried >> i & 1 ||
		    atomic_load_explicit(&slot->admin, memory_order_relaxed) != ADMIN_READY)
			continue;
		this = count > 1 ? rank(backend, slot, seen) : 0;
		if (this < best) {
			best = this;
			pick->slot = slot;
			pick->server = i;
		}
	}
	return pick->slot != NULL;
}

/* Only this worker writes its count. */
static void
count_connection(const struct balance *b, struct server_slot *slot, int n)
{
	_Atomic uint32_t *mine = &slot->active[b->role];

	atomic_store_explicit(mine, atomic_load_explicit(mine, memory_order_relaxed) + (uint32_t)n,
	                      memory_order_relaxed);
}

static bool
next_address(const struct conf_server *server, struct balance_pick *pick,
             struct conf_address *ret_address)
{
	struct conf_address all[SERVERS_ADDRESSES];
	unsigned at = pick->at++;
	size_t count;

	if (!server->host) {
		*ret_address = server->address;
		return at == 0;
	}
	count = server_addresses(pick->slot, server->port, all);
	if (at >= count)
		return false;
	*ret_address = all[(pick->turn + at) % count];
	return true;
}

bool
balance_next(struct balance *balance, const struct conf_backend *backend, struct balance_pick *pick,
             struct conf_address *ret_address)
{
	if (!pick->tried)
		pick->turn = balance->turn++;
	for (;;) {
		if (pick->slot &&
		    next_address(&backend->servers[pick->server], pick, ret_address)) {
			pick->given++;
			return true;
		}
		/* A name without an address has no failure here: that is the keeper's to tell. */
		if (pick->slot && pick->failure)
			server_failed(pick->slot, pick->failure, backend->check.fall);
		balance_done(balance, pick);
		if (!choose(balance, backend, pick))
			return false;
		pick->tried |= 1u << pick->server;
		pick->at = 0;
		pick->failure = 0;
		count_connection(balance, pick->slot, 1);
	}
}

void
balance_connected(struct balance_pick *pick, int64_t from_us)
{
	int64_t now_us = clock_mono_us();

	server_connected(pick->slot);
	histogram_recent_add(&pick->slot->connecting, now_us - from_us, now_us / 1000);
}

void
balance_done(struct balance *balance, struct balance_pick *pick)
{
	if (pick->slot)
		count_connection(balance, pick->slot, -1);
	pick->slot = NULL;
}
