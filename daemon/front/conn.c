/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/front/conn_inside.h"
#include "daemon/front/listener.h"

const struct conf_listen *
conn_listen(const struct conn *c)
{
	return listener_conf(c->listener);
}

void
conn_count(struct conn *c, enum status_counter which, uint64_t n)
{
	if (n)
		status_add(c->host->status, which, (int64_t)n);
}

void
conn_set_deadline(struct conn *c, uint32_t after_ms)
{
	wheel_set(&c->host->wheel, &c->due, clock_mono_ms() + after_ms);
}

const struct sockaddr *
conn_local(struct conn *c)
{
	struct sockaddr *local = &c->local.any;
	socklen_t len = sizeof(c->local);

	if (local->sa_family == AF_UNSPEC && getsockname(c->client.fd, local, &len) != 0)
		local->sa_family = AF_UNSPEC;
	return local;
}

enum err
conn_admit(struct conn *c)
{
	return listener_admit(c->listener, &c->peer.any, &c->counted);
}

/* The machine */

enum limit {
	LIMIT_GOES_ON,
	LIMIT_PROXY,
	LIMIT_HANDSHAKE,
	LIMIT_AWAIT,
	LIMIT_CONNECT,
	LIMIT_IDLE,
	LIMIT_DRAIN
};

static const struct {
	const char *name;
	enum step (*step)(struct conn *c);
	enum limit limit;
	void (*expired)(struct conn *c); /* NULL: the connection ends */
} states[] = {
	[CONN_PROXY] = {"proxy", conn_step_proxy, LIMIT_PROXY, NULL},
	[CONN_HELLO] = {"hello", conn_step_hello, LIMIT_HANDSHAKE, NULL},
	[CONN_AWAIT] = {"await", conn_step_await, LIMIT_AWAIT, conn_await_expired},
	[CONN_HANDSHAKE] = {"handshake", conn_step_handshake, LIMIT_GOES_ON, NULL},
	[CONN_RETRY] = {"retry", conn_step_retry, LIMIT_GOES_ON, NULL},
	[CONN_REQUEST] = {"request", conn_step_request, LIMIT_HANDSHAKE, NULL},
	[CONN_WAIT] = {"wait", conn_step_wait, LIMIT_IDLE, NULL},
	[CONN_CONNECT] = {"connect", conn_step_connect, LIMIT_CONNECT, conn_connect_expired},
	[CONN_BACKEND_TLS] = {"backend-tls", conn_step_backend_tls, LIMIT_GOES_ON,
                              conn_connect_expired},
	[CONN_RELAY] = {"relay", conn_step_relay, LIMIT_IDLE, NULL},
	[CONN_DRAIN] = {"drain", conn_step_drain, LIMIT_DRAIN, NULL},
};

/* The client has yet to show that it wants something of ours. */
static bool
is_half_open(enum conn_state state)
{
	return state == CONN_PROXY || state == CONN_HELLO || state == CONN_AWAIT ||
	       state == CONN_HANDSHAKE || state == CONN_RETRY || state == CONN_REQUEST;
}

static void
settle_once(struct conn *c)
{
	if (!c->settled)
		listener_settle(c->listener);
	c->settled = true;
}

static uint32_t
limit_ms(const struct conn *c, enum limit limit)
{
	uint32_t handshake_ms = conn_listen(c)->handshake_timeout_ms;

	switch (limit) {
	case LIMIT_PROXY:
		return handshake_ms < CONN_PROXY_MS ? handshake_ms : CONN_PROXY_MS;
	case LIMIT_HANDSHAKE:
		return handshake_ms;
	case LIMIT_AWAIT:
		return c->host->on_demand->wait_ms;
	case LIMIT_CONNECT:
		return c->choice.backend->connect_timeout_ms;
	case LIMIT_IDLE:
		return conn_listen(c)->idle_timeout_ms;
	case LIMIT_GOES_ON:
	case LIMIT_DRAIN:
		break;
	}
	return CONN_DRAIN_MS;
}

enum step
conn_enter(struct conn *c, enum conn_state state)
{
	c->state = state;
	if (!is_half_open(state))
		settle_once(c);
	if (states[state].limit != LIMIT_GOES_ON)
		conn_set_deadline(c, limit_ms(c, states[state].limit));
	return STEP_NEXT;
}

/* Who is cut off in the middle learns so by a reset, but a client whose TLS ends here by the
 * missing close_notify. */
static void
end(struct conn *c)
{
	struct conn_host *host = c->host;

	conn_count(c, STATUS_RECORDS_CUT,
	           c->client.records.too_many || c->backend.records.too_many);
	end_done(&c->backend, c->state == CONN_RELAY);
	balance_done(host->balance, &c->pick);
	end_done(&c->client, c->state == CONN_RELAY && !c->client.tls);
	conn_await_end(c);
	choice_done(&c->choice);
	http01_done(&c->http);
	free(c->proxy);
	wheel_del(&host->wheel, &c->due);
	DL_DELETE(host->all, c);
	host->count--;
	status_add(host->status, STATUS_CONNECTIONS, -1);
	settle_once(c);
	listener_release(c->listener, c->counted);
	free(c);
	host->on_end(host->arg);
}

/* Both ends are settled whenever the connection waits. One that breaks there is met by its step. */
static enum step
settle(struct conn *c)
{
	enum err client = bio_settle(&c->client), backend = bio_settle(&c->backend);

	if (client == ERR_NOMEM || backend == ERR_NOMEM)
		return STEP_END;
	return client == ERR_CLOSED || backend == ERR_CLOSED ? STEP_NEXT : STEP_AGAIN;
}

/* The driver: C is gone after a STEP_END. */
void
conn_run(struct conn *c)
{
	enum step step;

	do {
		c->client.want = c->backend.want = 0;
		step = states[c->state].step(c);
		if (step == STEP_AGAIN)
			step = settle(c);
	} while (step == STEP_NEXT);
	if (step == STEP_END) {
		end(c);
		return;
	}
	if (c->client.records.rest_until_ms) {
		c->client.want &= ~LOOP_READ;
		conn_set_deadline(c, records_rest_ms(&c->client.records));
	}
	loop_want(c->client.watch, c->client.want);
	if (c->backend.watch)
		loop_want(c->backend.watch, c->backend.want);
}

void
conn_on_client(void *arg, int events)
{
	struct conn *c = arg;

	end_ready(&c->client, events);
	conn_run(c);
}

void
conn_on_backend(void *arg, int events)
{
	struct conn *c = arg;

	end_ready(&c->backend, events);
	conn_run(c);
}

enum step
conn_begin(struct conn *c)
{
	bool tls = conn_listen(c)->kind == LISTEN_TLS;

	return conn_admit(c) ? STEP_END : conn_enter(c, tls ? CONN_HELLO : CONN_REQUEST);
}

/* Nothing is read yet. */
static enum step
start(struct conn *c)
{
	if (loop_watch(c->host->loop, c->client.fd, conn_on_client, c, &c->client.watch))
		return STEP_END;
	if (conn_listen(c)->proxy_count == 0)
		return conn_begin(c);
	return conn_may_send_proxy(c) ? conn_enter(c, CONN_PROXY) : STEP_END;
}

void
conn_start(struct conn_host *host, struct listener *listener, int fd,
           const struct sockaddr_storage *peer)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		listener_settle(listener);
		listener_release(listener, NULL);
		return;
	}
	c->host = host;
	c->listener = listener;
	memcpy(&c->peer, peer, sizeof(c->peer));
	end_init(&c->client, &host->room);
	end_init(&c->backend, &host->room);
	c->client.fd = fd;
	DL_APPEND(host->all, c);
	host->count++;
	status_add(host->status, STATUS_CONNECTIONS, 1);
	if (start(c) == STEP_END)
		end(c);
	else
		loop_want(c->client.watch, LOOP_READ);
}

/* A client that had sent too many small records is read again. */
static void
wake(struct conn *c)
{
	c->client.records.rest_until_ms = 0;
	conn_count(c, STATUS_RECORDS_SLOWED, 1);
	conn_set_deadline(c, limit_ms(c, states[c->state].limit));
	conn_on_client(c, LOOP_READ);
}

static void
on_deadline(struct wheel_entry *entry, void *arg)
{
	struct conn *c = (struct conn *)entry;

	(void)arg;
	if (c->client.records.rest_until_ms) {
		wake(c);
		return;
	}
	if (states[c->state].expired) {
		states[c->state].expired(c);
		return;
	}
	if (c->state != CONN_DRAIN) {
		conn_count(c, STATUS_TIMEOUTS, 1);
		log_debug("a connection is out of time in state %s", states[c->state].name);
	}
	end(c);
}

void
conn_sweep(struct conn_host *host)
{
	wheel_sweep(&host->wheel, clock_mono_ms(), on_deadline, NULL);
}

void
conn_end_all(struct conn_host *host)
{
	while (host->all)
		end(host->all);
}
