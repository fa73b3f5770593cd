/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conn.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/backend.h"
#include "daemon/conf.h"
#include "daemon/http01.h"
#include "daemon/listener.h"
#include "daemon/loop.h"
#include "daemon/proxy.h"
#include "daemon/relay.h"
#include "daemon/status.h"
#include "daemon/tls.h"

enum conn_state {
	CONN_HELLO,   /* the TLS handshake */
	CONN_REQUEST, /* port 80: one request and its reply */
	CONN_WAIT,    /* hands are shaken; the backend is not bothered before the first byte */
	CONN_CONNECT, /* to the backend's servers, one after the other */
	CONN_RELAY,   /* bytes both ways */
	CONN_DRAIN,   /* all is said; what the client still sends is read, so that our close() does
	               * not   reset what it has not read yet */
};

enum step {
	STEP_AGAIN, /* call me when a want is met */
	STEP_NEXT,  /* the state has changed */
	STEP_END
};

struct conn {
	struct wheel_entry due; /* first: an entry is its conn */
	enum conn_state state;
	struct conn_host *host;
	struct listener *listener;
	struct end client;
	struct end backend;
	size_t server; /* of the backend's, the one we connect to */
	struct tls_choice choice;
	struct http01 http;
	struct sockaddr_storage peer;
	struct conn *prev, *next;
};

static const struct conf_listen *
listen_of(const struct conn *c)
{
	return listener_conf(c->listener);
}

static void
count(struct conn *c, enum status_counter which, uint64_t n)
{
	if (n)
		status_add(c->host->status, which, (int64_t)n);
}

static void
set_deadline(struct conn *c, uint32_t after_ms)
{
	wheel_set(&c->host->wheel, &c->due, clock_mono_ms() + after_ms);
}

static enum step enter(struct conn *c, enum conn_state state);
static void run(struct conn *c);

static enum step
step_hello(struct conn *c)
{
	enum err err = tls_handshake(c->client.tls, &c->client.want);

	if (err == ERR_AGAIN)
		return STEP_AGAIN;
	if (err) {
		count(c, STATUS_HANDSHAKES_FAILED, 1);
		/* Unread bytes would turn our close() into a reset, which may overtake the alert.
		 */
		(void)!end_discard(&c->client, c->host->scratch);
		return STEP_END;
	}
	count(c, STATUS_HANDSHAKES, 1);
	if (c->choice.challenge) {
		count(c, STATUS_CHALLENGES_SERVED, 1);
		return enter(c, CONN_DRAIN);
	}
	if (!c->choice.backend) {
		count(c, STATUS_BACKEND_UNKNOWN, 1);
		return enter(c, CONN_DRAIN);
	}
	return enter(c, c->choice.backend->connect_immediately ? CONN_CONNECT : CONN_WAIT);
}

static enum step
step_request(struct conn *c)
{
	enum err err = http01_run(&c->http, &c->client, c->host->store);

	if (err == ERR_AGAIN)
		return STEP_AGAIN;
	if (err)
		return STEP_END;
	count(c, STATUS_HTTP_REQUESTS, 1);
	count(c, STATUS_CHALLENGES_SERVED, c->http.status == 200);
	return enter(c, CONN_DRAIN);
}

static enum step
step_wait(struct conn *c)
{
	size_t len;

	switch (end_read(&c->client, c->host->scratch, END_CHUNK, &len)) {
	case ERR_AGAIN:
		return STEP_AGAIN;
	case ERR_CLOSED:
		return enter(c, CONN_DRAIN);
	case ERR_OK:
		count(c, STATUS_BYTES_IN, len);
		if (end_hold(&c->client, c->host->scratch, len) == ERR_OK)
			return enter(c, CONN_CONNECT);
		return STEP_END;
	default:
		return STEP_END;
	}
}

/* CONNECT */

static void
on_ready(void *arg, int events)
{
	(void)events;
	run(arg);
}

static enum err
start_server(struct conn *c)
{
	const struct conf_backend *b = c->choice.backend;
	enum err err = backend_start(&b->servers[c->server], &c->backend.fd);

	if (!err)
		err = loop_watch(c->host->loop, c->backend.fd, on_ready, c, &c->backend.watch);
	if (err)
		return err;
	set_deadline(c, b->connect_timeout_ms);
	return ERR_AGAIN;
}

static void
next_server(struct conn *c)
{
	const struct conf_backend *b = c->choice.backend;

	count(c, STATUS_BACKEND_FAILED, 1);
	log_debug("backend %s: no connection to %s", b->name, b->servers[c->server].text);
	end_done(&c->backend, false);
	end_init(&c->backend);
	c->server++;
}

/* A fresh socket takes a header of this size whole. MSG_MORE: it leaves with the first bytes. */
static enum err
send_proxy(struct conn *c)
{
	unsigned char header[PROXY_V2_MAX];
	struct sockaddr_storage local = {0};
	socklen_t local_len = sizeof(local);
	int flags = MSG_NOSIGNAL | (c->client.held ? MSG_MORE : 0);
	size_t len;

	if (c->choice.backend->send_proxy == 0)
		return ERR_OK;
	if (getsockname(c->client.fd, (struct sockaddr *)&local, &local_len) != 0)
		return ERR_IO;
	len = proxy_v2((struct sockaddr *)&c->peer, (struct sockaddr *)&local, header);
	return send(c->backend.fd, header, len, flags) == (ssize_t)len ? ERR_OK : ERR_IO;
}

static enum step
step_connect(struct conn *c)
{
	for (; c->server < c->choice.backend->server_count; next_server(c)) {
		enum err err = c->backend.fd < 0 ? start_server(c) : backend_result(c->backend.fd);

		if (err == ERR_AGAIN) {
			c->backend.want = LOOP_WRITE;
			return STEP_AGAIN;
		}
		if (!err)
			err = send_proxy(c);
		if (!err) {
			count(c, STATUS_BACKEND_CONNECTS, 1);
			return enter(c, CONN_RELAY);
		}
	}
	return enter(c, CONN_DRAIN);
}

/* One server has had its time; the next gets its own. */
static void
connect_expired(struct conn *c)
{
	next_server(c);
	run(c);
}

/* RELAY */

static uint64_t
moved(const struct conn *c)
{
	return c->client.received + c->client.sent + c->backend.received + c->backend.sent;
}

static enum step
step_relay(struct conn *c)
{
	uint64_t in = c->client.received, out = c->client.sent, before = moved(c);
	enum err err = relay_run(&c->client, &c->backend, c->host->scratch);

	count(c, STATUS_BYTES_IN, c->client.received - in);
	count(c, STATUS_BYTES_OUT, c->client.sent - out);
	if (err == ERR_AGAIN) {
		if (moved(c) != before)
			set_deadline(c, listen_of(c)->idle_timeout_ms);
		return STEP_AGAIN;
	}
	return err ? STEP_END : enter(c, CONN_DRAIN);
}

/* DRAIN */

static enum step
step_drain(struct conn *c)
{
	end_done(&c->backend, false);
	if (end_shut(&c->client) == ERR_AGAIN)
		return STEP_AGAIN;
	return end_discard(&c->client, c->host->scratch) == ERR_AGAIN ? STEP_AGAIN : STEP_END;
}

/* The machine */

enum limit { LIMIT_HANDSHAKE, LIMIT_CONNECT, LIMIT_IDLE, LIMIT_DRAIN };

static const struct {
	const char *name;
	enum step (*step)(struct conn *c);
	enum limit limit;
	void (*expired)(struct conn *c); /* NULL: the connection ends */
} states[] = {
	[CONN_HELLO] = {"hello", step_hello, LIMIT_HANDSHAKE, NULL},
	[CONN_REQUEST] = {"request", step_request, LIMIT_HANDSHAKE, NULL},
	[CONN_WAIT] = {"wait", step_wait, LIMIT_IDLE, NULL},
	[CONN_CONNECT] = {"connect", step_connect, LIMIT_CONNECT, connect_expired},
	[CONN_RELAY] = {"relay", step_relay, LIMIT_IDLE, NULL},
	[CONN_DRAIN] = {"drain", step_drain, LIMIT_DRAIN, NULL},
};

static uint32_t
limit_ms(const struct conn *c, enum limit limit)
{
	switch (limit) {
	case LIMIT_HANDSHAKE:
		return listen_of(c)->handshake_timeout_ms;
	case LIMIT_CONNECT:
		return c->choice.backend->connect_timeout_ms;
	case LIMIT_IDLE:
		return listen_of(c)->idle_timeout_ms;
	case LIMIT_DRAIN:
		break;
	}
	return CONN_DRAIN_MS;
}

static enum step
enter(struct conn *c, enum conn_state state)
{
	c->state = state;
	set_deadline(c, limit_ms(c, states[state].limit));
	return STEP_NEXT;
}

/* A backend that is cut off in the middle learns so by a reset; the client by the missing
 * close_notify. */
static void
end(struct conn *c)
{
	struct conn_host *host = c->host;

	end_done(&c->backend, c->state == CONN_RELAY);
	end_done(&c->client, false);
	tls_choice_done(&c->choice);
	http01_done(&c->http);
	wheel_del(&host->wheel, &c->due);
	DL_DELETE(host->all, c);
	host->count--;
	status_add(host->status, STATUS_CONNECTIONS, -1);
	listener_release(c->listener);
	free(c);
	host->on_end(host->arg);
}

/* The driver: C is gone after a STEP_END. */
static void
run(struct conn *c)
{
	enum step step;

	do {
		c->client.want = c->backend.want = 0;
		step = states[c->state].step(c);
	} while (step == STEP_NEXT);
	if (step == STEP_END) {
		end(c);
		return;
	}
	loop_want(c->client.watch, c->client.want);
	if (c->backend.watch)
		loop_want(c->backend.watch, c->backend.want);
}

static enum err
prepare(struct conn *c)
{
	enum err err = loop_watch(c->host->loop, c->client.fd, on_ready, c, &c->client.watch);

	if (err || listen_of(c)->kind != LISTEN_TLS)
		return err;
	return tls_accept(c->host->tls, c->client.fd, &c->choice, &c->client.tls);
}

void
conn_start(struct conn_host *host, struct listener *listener, int fd,
           const struct sockaddr_storage *peer)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		listener_release(listener);
		return;
	}
	c->host = host;
	c->listener = listener;
	c->peer = *peer;
	end_init(&c->client);
	end_init(&c->backend);
	c->client.fd = fd;
	DL_APPEND(host->all, c);
	host->count++;
	status_add(host->status, STATUS_CONNECTIONS, 1);
	if (prepare(c) != ERR_OK) {
		end(c);
		return;
	}
	(void)enter(c, listen_of(c)->kind == LISTEN_TLS ? CONN_HELLO : CONN_REQUEST);
	loop_want(c->client.watch, LOOP_READ);
}

static void
on_deadline(struct wheel_entry *entry, void *arg)
{
	struct conn *c = (struct conn *)entry;

	(void)arg;
	if (states[c->state].expired) {
		states[c->state].expired(c);
		return;
	}
	if (c->state != CONN_DRAIN) {
		count(c, STATUS_TIMEOUTS, 1);
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
