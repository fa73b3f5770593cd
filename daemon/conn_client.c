/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/ssl.h>

#include "daemon/client_cert.h"
#include "daemon/conf.h"
#include "daemon/conn_inside.h"
#include "daemon/tickets.h"

enum step
conn_step_hello(struct conn *c)
{
	enum err err = tls_handshake(c->client.tls, &c->client.want);

	if (err == ERR_AGAIN)
		return STEP_AGAIN;
	if (err) {
		conn_count(c, STATUS_HANDSHAKES_FAILED, 1);
		conn_count(c, STATUS_CLIENT_CERT_REFUSED, client_cert_was_refused(c->client.tls));
		/* Unread bytes would turn our close() into a reset, which may overtake the alert.
		 */
		(void)!end_discard(&c->client, c->host->scratch);
		return STEP_END;
	}
	conn_count(c, STATUS_HANDSHAKES, 1);
	conn_count(c, STATUS_RESUMED, (uint64_t)SSL_session_reused(c->client.tls));
	c->client.owes_ticket = tickets_is_owed(c->client.tls);
	if (c->choice.challenge) {
		conn_count(c, STATUS_CHALLENGES_SERVED, 1);
		return conn_enter(c, CONN_DRAIN);
	}
	if (!c->choice.backend) {
		conn_count(c, STATUS_BACKEND_UNKNOWN, 1);
		return conn_enter(c, CONN_DRAIN);
	}
	return conn_enter(c, c->choice.backend->connect_immediately ? CONN_CONNECT : CONN_WAIT);
}

enum step
conn_step_request(struct conn *c)
{
	enum err err = http01_run(&c->http, &c->client, c->host->store);

	if (err == ERR_AGAIN)
		return STEP_AGAIN;
	if (err)
		return STEP_END;
	conn_count(c, STATUS_HTTP_REQUESTS, 1);
	conn_count(c, STATUS_CHALLENGES_SERVED, c->http.status == 200);
	return conn_enter(c, CONN_DRAIN);
}

enum step
conn_step_wait(struct conn *c)
{
	size_t len;

	switch (end_read(&c->client, c->host->scratch, END_CHUNK, &len)) {
	case ERR_AGAIN:
		return STEP_AGAIN;
	case ERR_CLOSED:
		return conn_enter(c, CONN_DRAIN);
	case ERR_OK:
		conn_count(c, STATUS_BYTES_IN, len);
		if (end_hold(&c->client, c->host->scratch, len) == ERR_OK)
			return conn_enter(c, CONN_CONNECT);
		return STEP_END;
	default:
		return STEP_END;
	}
}

/* DRAIN */

enum step
conn_step_drain(struct conn *c)
{
	end_done(&c->backend, false);
	if (end_shut(&c->client) == ERR_AGAIN)
		return STEP_AGAIN;
	return end_discard(&c->client, c->host->scratch) == ERR_AGAIN ? STEP_AGAIN : STEP_END;
}
