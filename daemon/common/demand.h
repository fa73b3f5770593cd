/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/demand.h - the page on which workers and the keeper meet over names on demand
 *
 * Part of the status page. A worker says in its slot which name is asked for (`asks`, with the key
 * of the client's network, daemon/common/flood.h) and which one is used (`uses`), and rings the
 * bell; the keeper notes here, for all workers, what is refused and until when. That it is not
 * refused any more, the worker sees in the store. Refusals are a table that a newer one overwrites:
 * who finds none asks again. Bounded whatever comes, and nobody waits for the other. Threads:
 * demand_refuse(): one, the keeper's; the rest: any.
 */
#ifndef DAEMON_COMMON_DEMAND_H
#define DAEMON_COMMON_DEMAND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"

struct hostname;

enum { DEMAND_REFUSALS = 4096 };

struct demand {
	unsigned char hash_key[SIPHASH_KEY_LEN]; /* set before roles start */
	_Atomic uint32_t bell;                   /* a futex */
	struct {
		_Atomic uint64_t key;  /* 0: none, or being replaced */
		_Atomic int64_t until; /* clock_mono_ms() */
	} refusals[DEMAND_REFUSALS];
};

void demand_ring(struct demand *demand);
/* Waits until the bell does not show SEEN any more, up to TIMEOUT_MS; answers what it shows. */
uint32_t demand_listen(struct demand *demand, uint32_t seen, int timeout_ms);

void demand_refuse_name(struct demand *demand, const struct hostname *name, int64_t until_ms);
void demand_refuse_network(struct demand *demand, uint64_t network, int64_t until_ms);
bool demand_is_refused(const struct demand *demand, const struct hostname *name, uint64_t network,
                       int64_t now_ms);

#endif
