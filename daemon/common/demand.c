/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/demand.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/hostname.h"

void
demand_ring(struct demand *demand)
{
	atomic_fetch_add(&demand->bell, 1);
	(void)syscall(SYS_futex, &demand->bell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

uint32_t
demand_listen(struct demand *demand, uint32_t seen, int timeout_ms)
{
	struct timespec timeout = {.tv_sec = timeout_ms / 1000,
	                           .tv_nsec = timeout_ms % 1000 * 1000000L};

	if (atomic_load(&demand->bell) == seen)
		(void)syscall(SYS_futex, &demand->bell, FUTEX_WAIT, seen, &timeout, NULL, 0);
	return atomic_load(&demand->bell);
}

/* No byte of a name is one that a key ends with: neither is taken for the other. */
static uint64_t
hash(const struct demand *demand, const void *data, size_t len)
{
	uint64_t key = siphash(demand->hash_key, data, len);

	return key ? key : 1;
}

static void
refuse(struct demand *demand, uint64_t key, int64_t until_ms)
{
	size_t i = key % DEMAND_REFUSALS;

	atomic_store(&demand->refusals[i].key, 0);
	atomic_store(&demand->refusals[i].until, until_ms);
	atomic_store(&demand->refusals[i].key, key);
}

void
demand_refuse_name(struct demand *demand, const struct hostname *name, int64_t until_ms)
{
	refuse(demand, hash(demand, name->name, name->len), until_ms);
}

void
demand_refuse_network(struct demand *demand, uint64_t network, int64_t until_ms)
{
	refuse(demand, hash(demand, &network, sizeof(network)), until_ms);
}

/* Who finds the same key before and after the time has that key's. */
static bool
is_refused(const struct demand *demand, uint64_t key, int64_t now_ms)
{
	size_t i = key % DEMAND_REFUSALS;

	return atomic_load(&demand->refusals[i].key) == key &&
	       now_ms < atomic_load(&demand->refusals[i].until) &&
	       atomic_load(&demand->refusals[i].key) == key;
}

bool
demand_is_refused(const struct demand *demand, const struct hostname *name, uint64_t network,
                  int64_t now_ms)
{
	return is_refused(demand, hash(demand, &network, sizeof(network)), now_ms) ||
	       is_refused(demand, hash(demand, name->name, name->len), now_ms);
}
