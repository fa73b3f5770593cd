/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "daemon/backend.h"
#include "daemon/conf.h"
#include "daemon/conn_inside.h"
#include "daemon/proxy.h"
#include "daemon/relay.h"

/* CONNECT */

static enum err
start_server(struct conn *c)
{
	const struct conf_backend *b = c->choice.backend;
	enum err err = backend_start(&b->servers[c->server], &c->backend.fd);

	if (!err)
		err = loop_watch(c->host->loop, c->backend.fd, conn_on_backend, c,
		                 &c->backend.watch);
	if (err)
		return err;
	conn_set_deadline(c, b->connect_timeout_ms);
	return ERR_AGAIN;
}

static void
next_server(struct conn *c)
{
	const struct conf_backend *b = c->choice.backend;

	conn_count(c, STATUS_BACKEND_FAILED, 1);
	log_debug("backend %s: no connection to %s", b->name, b->servers[c->server].text);
	end_done(&c->backend, false);
	end_init(&c->backend, &c->host->room);
	c->server++;
}

/* A fresh socket takes a header of this size whole. MSG_MORE: it leaves with the first bytes. */
static enum err
send_proxy(struct conn *c)
{
	unsigned char header[PROXY_V2_MAX];
	int flags = MSG_NOSIGNAL | (c->client.held ? MSG_MORE : 0);
	size_t len;

	if (c->choice.backend->send_proxy == 0)
		return ERR_OK;
	len = proxy_v2((struct sockaddr *)&c->peer, conn_local(c), header);
	return send(c->backend.fd, header, len, flags) == (ssize_t)len ? ERR_OK : ERR_IO;
}

enum step
conn_step_connect(struct conn *c)
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
			conn_count(c, STATUS_BACKEND_CONNECTS, 1);
			return conn_enter(c, CONN_RELAY);
		}
	}
	return conn_enter(c, CONN_DRAIN);
}

/* One server has had its time; the next gets its own. */
void
conn_connect_expired(struct conn *c)
{
	next_server(c);
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
