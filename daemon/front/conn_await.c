/* SPDX-License-Identifier: Apache-2.0 */
/* AWAIT: a hello whose certificate may come on demand (daemon/watch/demander.h). It costs nobody
 * else anything: the worker looks into the store now and then until it is there, the keeper has
 * said no, or the time is over. Nothing is read from such a client, and no OpenSSL object is made
 * for it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <utlist.h>

#include "base/clock.h"
#include "daemon/common/demand.h"
#include "daemon/conf/conf.h"
#include "daemon/front/conn_inside.h"

enum { ASK_AGAIN_MS = 2000 }; /* the ring may have lost it, the keeper may have died */

struct conn_await {
	struct conn *conn;
	struct hostname name; /* that the hello has */
	uint64_t network;     /* of the client, see daemon/common/flood.h */
	int64_t asked_ms;     /* the keeper, last; 0: not by us */
	bool over;            /* the time is, or the keeper says no */
	struct conn_await *prev, *next;
};

static void
ask(struct conn *c, int64_t now)
{
	struct conn_await *a = c->await;

	a->asked_ms = now;
	report_add_with(&c->host->status->asks, &a->name, a->network);
	demand_ring(c->host->demand);
}

/* Whether there is a place for A; ASKED: somebody waits for that name already. */
static bool
has_place(const struct conn_host *host, const struct conn_await *a, bool *ret_asked)
{
	const struct conn_await *other;
	size_t of_network = 0;

	*ret_asked = false;
	DL_FOREACH(host->awaiting, other)
	{
		of_network += other->network == a->network;
		*ret_asked = *ret_asked || hostname_equal(&other->name, &a->name);
	}
	return host->await_count < CONN_AWAIT_MAX && of_network < CONN_AWAIT_NETWORK_MAX;
}

static bool
begin(struct conn *c)
{
	struct conn_host *host = c->host;
	int64_t now = clock_mono_ms();
	struct conn_await *a, wanted = {.conn = c, .name = c->choice.name};
	bool asked;

	wanted.network = flood_key(FLOOD_UNKNOWN, &c->peer.any);
	if (!c->choice.coming && demand_is_refused(host->demand, &wanted.name, wanted.network, now))
		return false;
	if (!has_place(host, &wanted, &asked) || !(a = malloc(sizeof(*a)))) {
		conn_count(c, STATUS_DEMAND_CROWDED, 1);
		return false;
	}
	*a = wanted;
	c->await = a;
	DL_APPEND(host->awaiting, a);
	host->await_count++;
	conn_count(c, STATUS_DEMAND_WAITED, 1);
	if (!c->choice.coming && !asked)
		ask(c, now);
	return true;
}

bool
conn_awaits(struct conn *c)
{
	if (!c->await)
		return c->host->demand && begin(c);
	return !c->await->over;
}

void
conn_await_end(struct conn *c)
{
	if (!c->await)
		return;
	DL_DELETE(c->host->awaiting, c->await);
	c->host->await_count--;
	free(c->await);
	c->await = NULL;
}

static void
ask_again(struct conn *c)
{
	struct conn_await *a = c->await;
	int64_t now = clock_mono_ms();

	if (c->choice.coming)
		return;
	a->over = a->over || demand_is_refused(c->host->demand, &a->name, a->network, now);
	if (!a->over && now - a->asked_ms >= ASK_AGAIN_MS)
		ask(c, now);
}

/* Nobody tells us otherwise: the loop does not watch who is not to be read. */
static bool
has_gone(const struct conn *c)
{
	char byte;
	ssize_t n = recv(c->client.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* The hello again, as far as a name without acme-tls/1 needs it. */
enum step
conn_step_await(struct conn *c)
{
	struct hostname name = c->await->name;
	struct hello hello = {.server_name = {(const unsigned char *)name.name, name.len}};

	if (has_gone(c))
		return STEP_END;
	ask_again(c);
	choice_done(&c->choice);
	return conn_choose(c, &hello, false);
}

void
conn_await_expired(struct conn *c)
{
	c->await->over = true;
	conn_run(c);
}

void
conn_await_tick(struct conn_host *host)
{
	struct conn_await *a, *next;

	DL_FOREACH_SAFE(host->awaiting, a, next)
	conn_run(a->conn);
}
