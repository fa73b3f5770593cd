/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/failure.h"
#include "daemon/conf/conf.h"
#include "daemon/front/backend.h"
#include "daemon/front/backend_tls.h"
#include "daemon/front/conn_inside.h"
#include "daemon/front/relay.h"
#include "daemon/front/tls.h"

/* CONNECT */

/* Nobody listens, or a network is down: the server's. Anything else is ours. */
static uint32_t
failure_now(enum err err)
{
	return err == ERR_UNREACHABLE ? failure_of(FAILURE_CONNECT, errno) : 0;
}

static void
drop_server(struct conn *c, uint32_t failure)
{
	char why[FAILURE_TEXT_MAX];

	c->pick.failure = failure;
	conn_count(c, STATUS_BACKEND_FAILED, 1);
	log_debug("backend %s, server %s: %s", c->choice.backend->name,
	          c->choice.backend->servers[c->pick.server].text, failure_text(failure, why));
	end_done(&c->backend, false);
	end_init(&c->backend, &c->host->room);
}

/* ERR_AGAIN: on its way to the next address. ERR_NOTFOUND: there is none. */
enum { CONNECT_TOTAL_MS = 30 * 1000 };

static enum err
start_server(struct conn *c)
{
	const struct conf_backend *b = c->choice.backend;
	struct conf_address address;

	if (c->pick.given == 0)
		c->connect_from_ms = clock_mono_ms();
	while (balance_next(c->host->balance, b, &c->pick, &address)) {
		enum err err = backend_start(&address, &c->backend.fd);

		c->attempt_us = clock_mono_us();
		if (!err)
			err = loop_watch(c->host->loop, c->backend.fd, conn_on_backend, c,
			                 &c->backend.watch);
		if (!err) {
			conn_set_deadline(c, b->connect_timeout_ms);
			return ERR_AGAIN;
		}
		drop_server(c, failure_now(err));
	}
	return ERR_NOTFOUND;
}

static enum step
use_server(struct conn *c)
{
	conn_count(c, STATUS_BACKEND_CONNECTS, 1);
	balance_connected(&c->pick, c->attempt_us);
	if (c->backend.tls)
		records_watch(&c->backend.records, false);
	return conn_enter(c, CONN_RELAY);
}

/* The socket is connected. */
static enum err
greet_server(struct conn *c)
{
	const struct conf_backend *b = c->choice.backend;
	enum err err = conn_send_proxy(c);

	if (err || !b->tls.on)
		return err;
	return backend_tls_start(c->host->backend_tls, b, c->pick.server, conn_alpn(c),
	                         &c->backend);
}

enum step
conn_step_connect(struct conn *c)
{
	for (;;) {
		enum err err = c->backend.fd < 0 ? start_server(c) : backend_result(c->backend.fd);

		if (err == ERR_NOTFOUND) {
			/* Attempts were counted as they failed; here there was none. */
			conn_count(c, STATUS_BACKEND_FAILED, c->pick.given == 0);
			return conn_enter(c, CONN_DRAIN);
		}
		if (err == ERR_AGAIN) {
			c->backend.want = LOOP_WRITE;
			return STEP_AGAIN;
		}
		if (!err)
			err = greet_server(c);
		if (!err)
			return c->backend.tls ? conn_enter(c, CONN_BACKEND_TLS) : use_server(c);
		drop_server(c, failure_now(err));
	}
}

enum step
conn_step_backend_tls(struct conn *c)
{
	enum err err = tls_handshake(&c->backend);

	if (err == ERR_AGAIN)
		return STEP_AGAIN;
	if (!err)
		return use_server(c);
	drop_server(c, backend_tls_failure(&c->backend));
	return conn_enter(c, CONN_CONNECT);
}

/* One server has had its time; the next gets its own, but a client does not wait for ever. */
void
conn_connect_expired(struct conn *c)
{
	bool go_on = clock_mono_ms() - c->connect_from_ms < CONNECT_TOTAL_MS;

	drop_server(c, failure_of(FAILURE_TIMEOUT, 0));
	(void)conn_enter(c, go_on ? CONN_CONNECT : CONN_DRAIN);
	conn_run(c);
}

/* RELAY */

static uint64_t
moved(const struct conn *c)
{
	return c->client.received + c->client.sent + c->backend.received + c->backend.sent;
}

enum step
conn_step_relay(struct conn *c)
{
	uint64_t in = c->client.received, out = c->client.sent, before = moved(c);
	enum err err = relay_run(&c->client, &c->backend, c->host->scratch);

	conn_count(c, STATUS_BYTES_IN, c->client.received - in);
	conn_count(c, STATUS_BYTES_OUT, c->client.sent - out);
	if (err == ERR_AGAIN) {
		if (moved(c) != before)
			conn_set_deadline(c, conn_listen(c)->idle_timeout_ms);
		return STEP_AGAIN;
	}
	return err ? STEP_END : conn_enter(c, CONN_DRAIN);
}
