/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/servers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/siphash.h"
#include "daemon/common/failure.h"
#include "daemon/conf/conf.h"

enum { ID_TEXT_MAX = 512 };

enum err
servers_new(struct servers **ret_servers)
{
	void *page = mmap(NULL, sizeof(struct servers), PROT_READ | PROT_WRITE,
	                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (page == MAP_FAILED)
		return ERR_NOMEM;
	*ret_servers = page; /* zero pages are free slots */
	return ERR_OK;
}

void
servers_free(struct servers *servers)
{
	if (servers)
		munmap(servers, sizeof(*servers));
}

/* Sixty-four bits stand for the pair: with 8,192 of them chosen by the operator, two that are the
 * same will not be met. */
static uint64_t
id_of(const char *backend, const char *server)
{
	static const unsigned char key[SIPHASH_KEY_LEN] = "certd servers";
	char text[ID_TEXT_MAX];
	int n = snprintf(text, sizeof(text), "%s %s", backend, server);
	uint64_t id = siphash(key, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);

	return id ? id : 1;
}

/* The page is open to workers, too: one gone mad leads nobody out of it. */
static uint32_t
top_of(const struct servers *servers)
{
	uint32_t top = atomic_load_explicit(&servers->top, memory_order_acquire);

	return top <= SERVERS_MAX ? top : SERVERS_MAX;
}

static struct server_slot *
find(struct servers *servers, uint64_t id)
{
	uint32_t top = top_of(servers);

	for (uint32_t i = 0; i < top; i++)
		if (atomic_load_explicit(&servers->ids[i], memory_order_acquire) == id)
			return &servers->slot[i];
	return NULL;
}

struct server_slot *
servers_find(struct servers *servers, const char *backend, const char *server)
{
	return find(servers, id_of(backend, server));
}

/* ---- the parent's ---------------------------------------------------------------------------- */

typedef enum err each_server(struct servers *servers, uint64_t id, bool *used);

static enum err
for_each(struct servers *servers, const struct conf *conf, each_server *fn, bool *used)
{
	enum err err = ERR_OK;

	for (size_t i = 0; i < conf->backend_count && !err; i++) {
		const struct conf_backend *b = &conf->backends[i];

		for (size_t j = 0; j < b->server_count && !err; j++)
			err = fn(servers, id_of(b->name, b->servers[j].text), used);
	}
	return err;
}

static enum err
mark(struct servers *servers, uint64_t id, bool *used)
{
	struct server_slot *slot = find(servers, id);

	if (slot)
		used[slot - servers->slot] = true;
	return ERR_OK;
}

static enum err
take(struct servers *servers, uint64_t id, bool *used)
{
	uint32_t i = 0, top = top_of(servers);

	if (find(servers, id))
		return ERR_OK;
	while (i < top && used[i])
		i++;
	if (i == SERVERS_MAX)
		return ERR_FULL;
	used[i] = true;
	/* Of a role that uses it there is none: its id was in no conf. */
	memset(&servers->slot[i], 0, sizeof(servers->slot[i]));
	atomic_store(&servers->slot[i].since, clock_wall());
	atomic_store_explicit(&servers->ids[i], id, memory_order_release);
	if (i == top)
		atomic_store_explicit(&servers->top, top + 1, memory_order_release);
	return ERR_OK;
}

enum err
servers_claim(struct servers *servers, const struct conf *const *confs, size_t count)
{
	static bool used[SERVERS_MAX]; /* one parent, one thread */
	enum err err = ERR_OK;

	memset(used, 0, sizeof(used));
	for (size_t i = 0; i < count; i++)
		(void)!for_each(servers, confs[i], mark, used);
	for (uint32_t i = 0; i < top_of(servers); i++)
		if (!used[i])
			atomic_store_explicit(&servers->ids[i], 0, memory_order_release);
	for (size_t i = 0; i < count && !err; i++)
		err = for_each(servers, confs[i], take, used);
	return err;
}

void
servers_forget_role(struct servers *servers, size_t role)
{
	for (uint32_t i = 0; i < top_of(servers); i++)
		atomic_store_explicit(&servers->slot[i].active[role], 0, memory_order_relaxed);
}

uint32_t
server_active(const struct server_slot *slot)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < STATUS_SLOTS; i++)
		sum += atomic_load_explicit(&slot->active[i], memory_order_relaxed);
	return sum;
}

/* ---- addresses --------------------------------------------------------------------------------
 */

/* The list that is not read now is written, and then it is: a keeper that is killed half way leaves
 * nothing behind. Each word is stored with release, so a reader that sees one of them also sees
 * that its list is not the current one any more. */
void
server_set_addresses(struct server_slot *slot, const struct conf_address *addresses, size_t count)
{
	uint32_t next = atomic_load_explicit(&slot->edition, memory_order_relaxed) + 1, v4 = 0;
	struct server_address_list *list = &slot->addresses[next % 2];

	for (size_t i = 0; i < count; i++) {
		const struct sockaddr_in6 *v6 = (const void *)&addresses[i].sa;
		uint64_t words[2] = {0};

		if (addresses[i].sa.ss_family == AF_INET6)
			memcpy(words, &v6->sin6_addr, sizeof(words));
		else
			words[0] = ((const struct sockaddr_in *)(const void *)v6)->sin_addr.s_addr;
		v4 |= (uint32_t)(addresses[i].sa.ss_family == AF_INET) << i;
		for (int w = 0; w < 2; w++)
			atomic_store_explicit(&list->words[i][w], words[w], memory_order_release);
	}
	atomic_store_explicit(&list->v4, v4, memory_order_release);
	atomic_store_explicit(&list->count, (uint32_t)count, memory_order_release);
	atomic_store_explicit(&slot->edition, next, memory_order_release);
}

static void
fill_address(const uint64_t words[2], bool is_v4, uint16_t port, struct conf_address *ret)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->sa;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->sa;
	char text[INET6_ADDRSTRLEN];

	*ret = (struct conf_address){.len = is_v4 ? sizeof(*v4) : sizeof(*v6)};
	if (is_v4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		v4->sin_addr.s_addr = (in_addr_t)words[0];
		inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
	} else {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		memcpy(&v6->sin6_addr, words, sizeof(v6->sin6_addr));
		inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
	}
	snprintf(ret->text, sizeof(ret->text), is_v4 ? "%s:%u" : "[%s]:%u", text, port);
}

size_t
server_addresses(const struct server_slot *slot, uint16_t port, struct conf_address *addresses)
{
	uint64_t words[SERVERS_ADDRESSES][2];
	uint32_t edition, count, v4;

	do {
		const struct server_address_list *list;

		edition = atomic_load_explicit(&slot->edition, memory_order_acquire);
		list = &slot->addresses[edition % 2];
		count = atomic_load_explicit(&list->count, memory_order_acquire);
		v4 = atomic_load_explicit(&list->v4, memory_order_acquire);
		if (count > SERVERS_ADDRESSES)
			count = SERVERS_ADDRESSES;
		for (uint32_t i = 0; i < count; i++)
			for (int w = 0; w < 2; w++)
				words[i][w] = atomic_load_explicit(&list->words[i][w],
				                                   memory_order_acquire);
	} while (atomic_load_explicit(&slot->edition, memory_order_relaxed) != edition);
	for (uint32_t i = 0; i < count; i++)
		fill_address(words[i], v4 >> i & 1, port, &addresses[i]);
	return count;
}

/* ---- health -----------------------------------------------------------------------------------
 */

bool
server_set_health(struct server_slot *slot, enum server_health health)
{
	if (atomic_exchange(&slot->health, health) == (uint32_t)health)
		return false;
	atomic_store(&slot->since, clock_wall());
	return true;
}

/* A server that is down for connections is not, as this one shows. What a check found wrong with
 * it is the check's to take back. */
void
server_connected(struct server_slot *slot)
{
	uint32_t kind = atomic_load_explicit(&slot->failure, memory_order_relaxed) >> 24;

	atomic_fetch_add_explicit(&slot->connects, 1, memory_order_relaxed);
	if (atomic_load_explicit(&slot->failed_in_row, memory_order_relaxed) == 0)
		return;
	atomic_store_explicit(&slot->failed_in_row, 0, memory_order_relaxed);
	if (atomic_load(&slot->health) == HEALTH_DOWN && kind < FAILURE_LOST)
		server_set_health(slot, HEALTH_UP);
}

void
server_note_failure(struct server_slot *slot, uint32_t failure)
{
	atomic_store_explicit(&slot->failure, failure, memory_order_relaxed);
	if (failure >> 24 != FAILURE_CERT)
		return;
	atomic_store_explicit(&slot->mismatch, failure, memory_order_relaxed);
	atomic_fetch_add_explicit(&slot->mismatches, 1, memory_order_release);
}

void
server_failed(struct server_slot *slot, uint32_t failure, uint32_t fall)
{
	atomic_fetch_add_explicit(&slot->failures, 1, memory_order_relaxed);
	server_note_failure(slot, failure);
	if (atomic_fetch_add_explicit(&slot->failed_in_row, 1, memory_order_relaxed) + 1 >= fall)
		server_set_health(slot, HEALTH_DOWN);
}
