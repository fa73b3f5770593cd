/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "daemon/conf/conf.h"
#include "daemon/front/client_cert.h"
#include "daemon/front/conn_inside.h"
#include "daemon/front/tickets.h"
#include "daemon/front/tls.h"

/* HELLO */

/* Refused without an OpenSSL ever made (but after a HelloRetryRequest): its time and memory are for
 * those we have something for. Closing with unread bytes would reset the connection, and the alert
 * might be lost. */
static enum step
refuse(struct conn *c, uint8_t alert, bool all_read)
{
	unsigned char record[HELLO_ALERT_LEN];
	size_t n;

	conn_count(c, STATUS_HANDSHAKES_FAILED, 1);
	(void)!bio_flush(&c->client); /* the HelloRetryRequest stays in front */
	tls_drop(&c->client);
	hello_alert(alert, record);
	if (alert != HELLO_NO_ALERT)
		(void)!end_write(&c->client, record, sizeof(record), &n);
	return all_read ? STEP_END : conn_enter(c, CONN_DRAIN);
}

/* Who asks for what we do not have; see daemon/common/flood.h. */
static void
note_name(struct conn *c, struct span name)
{
	enum flood_reason reason = FLOOD_UNKNOWN;

	switch (c->choice.why) {
	case STATUS_SNI_UNKNOWN:
		break;
	case STATUS_SNI_INVALID:
		reason = FLOOD_INVALID;
		break;
	case STATUS_SNI_ABSENT:
		reason = FLOOD_ABSENT;
		break;
	default:
		return;
	}
	flood_add(&c->host->status->flood, reason, &c->peer.any, name.data, name.len);
}

/* Whom they ask for who get what we have. */
static void
note_served(struct conn *c, int64_t now_us)
{
	if (c->choice.kind != CHOICE_CHALLENGE && !c->choice.fallback)
		top_add(&c->host->status->top, &c->choice.name, now_us / 1000);
}

static enum step
start_tls(struct conn *c)
{
	if (tls_accept(c->host->tls, conn_listen(c), &c->choice, &c->client) != ERR_OK) {
		conn_count(c, STATUS_HANDSHAKES_FAILED, 1);
		return STEP_END;
	}
	/* Should it lead to a HelloRetryRequest, what is behind it is ours to judge first. */
	bio_hold_back(&c->client, c->walk.at);
	return conn_enter(c, CONN_HANDSHAKE);
}

/* The backend gets the very bytes that have come. */
static enum step
pass_through(struct conn *c)
{
	conn_count(c, STATUS_PASSTHROUGHS, 1);
	note_served(c, clock_mono_us());
	if (end_hold_input(&c->client) != ERR_OK)
		return STEP_END;
	conn_count(c, STATUS_BYTES_IN, c->client.received);
	return conn_enter(c, CONN_CONNECT);
}

/* Without a step: what it waits for was not there a moment ago. */
static enum step
enter_await(struct conn *c)
{
	(void)conn_enter(c, CONN_AWAIT);
	return STEP_AGAIN;
}

/* Its time for the handshake begins when what it has waited for is there. */
static void
end_await(struct conn *c)
{
	if (!c->await)
		return;
	conn_await_end(c);
	c->hello_us = clock_mono_us(); /* it is not the handshake that took so long */
	conn_count(c, STATUS_DEMAND_SERVED,
	           c->choice.kind == CHOICE_TERMINATE && !c->choice.fallback);
	conn_set_deadline(c, conn_listen(c)->handshake_timeout_ms);
}

enum step
conn_choose(struct conn *c, const struct hello *hello, bool all_read)
{
	struct choice_ask ask = {.listen = conn_listen(c), .hello = hello, .may_wait = true};

	if (c->host->binds || !hello->server_name.data)
		ask.local = conn_local(c);
	choice_make(c->host->chooser, &ask, &c->choice);
	if (c->choice.kind == CHOICE_AWAIT) {
		if (conn_awaits(c))
			return c->state == CONN_AWAIT ? STEP_AGAIN : enter_await(c);
		ask.may_wait = false;
		choice_done(&c->choice);
		choice_make(c->host->chooser, &ask, &c->choice);
	}
	end_await(c);
	note_name(c, hello->server_name);
	switch (c->choice.kind) {
	case CHOICE_TERMINATE:
	case CHOICE_CHALLENGE:
		return start_tls(c);
	case CHOICE_PASSTHROUGH:
		return pass_through(c);
	default:
		return refuse(c, c->choice.alert, all_read);
	}
}

/* What has come of the hello fills its room. No legal one does so when it is packed. */
static enum err
pack_hello(struct conn *c, size_t max, uint8_t *ret_alert)
{
	struct span raw = bio_input(&c->client);
	unsigned char *packed, *fits;
	size_t len;

	if (!(packed = malloc(raw.len)))
		return ERR_NOMEM;
	len = hello_pack(&c->walk, raw, packed);
	if (c->walk.packed == 0 || len >= max) {
		free(packed);
		*ret_alert = SSL_AD_DECODE_ERROR;
		return ERR_PROTO;
	}
	fits = realloc(packed, len);
	bio_replace_input(&c->client, fits ? fits : packed, len);
	return ERR_OK;
}

/* Whoever reads on gets the hello in records again. */
static enum err
unpack_hello(struct conn *c)
{
	struct span raw = bio_input(&c->client);
	size_t len = hello_unpacked_len(&c->walk, raw.len);
	unsigned char *bytes;

	if (c->walk.packed == 0)
		return ERR_OK;
	if (!(bytes = malloc(len)))
		return ERR_NOMEM;
	hello_unpack(&c->walk, raw, bytes);
	bio_replace_input(&c->client, bytes, len);
	return ERR_OK;
}

/* ERR_OK: RET_HELLO, until bytes are read again. ERR_PROTO: RET_ALERT. */
static enum err
read_hello(struct conn *c, struct hello *ret_hello, uint8_t *ret_alert)
{
	/* OpenSSL's object is there when the second one comes. */
	size_t max = c->walk.second ? HELLO_KEPT_SECOND_MAX : HELLO_KEPT_MAX;
	struct span raw = bio_input(&c->client), message;
	enum err err = hello_walk(&c->walk, raw, ret_alert);

	while (err == ERR_AGAIN) {
		err = raw.len >= max ? pack_hello(c, max, ret_alert) : ERR_OK;
		if (!err)
			err = bio_fill(&c->client, max);
		if (err)
			return err;
		raw = bio_input(&c->client);
		err = hello_walk(&c->walk, raw, ret_alert);
	}
	if (err)
		return err;
	message = hello_message(&c->walk, raw, c->host->scratch);
	err = hello_parse(message, ret_hello, ret_alert);
	return err ? err : unpack_hello(c);
}

/* The hello is not there, or not one. */
static enum step
no_hello(struct conn *c, enum err err, uint8_t alert)
{
	if (err == ERR_AGAIN)
		return STEP_AGAIN;
	if (err == ERR_PROTO) {
		conn_count(c, STATUS_HELLO_MALFORMED, 1);
		return refuse(c, alert, false);
	}
	conn_count(c, STATUS_HANDSHAKES_FAILED, 1);
	return STEP_END;
}

enum step
conn_step_hello(struct conn *c)
{
	struct hello hello;
	uint8_t alert;
	enum err err;

	if (c->hello_us == 0)
		c->hello_us = clock_mono_us();
	err = read_hello(c, &hello, &alert);
	return err ? no_hello(c, err, alert) : conn_choose(c, &hello, c->client.turns == 0);
}

/* OpenSSL would take 128 KiB, and any name. */
enum step
conn_step_retry(struct conn *c)
{
	struct hello hello;
	uint8_t alert;
	enum err err = read_hello(c, &hello, &alert);

	if (!err && !choice_is_for(&c->choice, &hello)) {
		alert = SSL_AD_ILLEGAL_PARAMETER;
		err = ERR_PROTO;
	}
	return err ? no_hello(c, err, alert) : conn_enter(c, CONN_HANDSHAKE);
}

/* What has come already are 0-RTT data, or a second hello before we have asked for it. */
static enum step
await_second(struct conn *c)
{
	if (bio_input(&c->client).len > HELLO_KEPT_SECOND_MAX)
		return no_hello(c, ERR_PROTO, SSL_AD_DECODE_ERROR);
	if (bio_trim_input(&c->client) != ERR_OK)
		return STEP_END;
	c->walk = (struct hello_walk){.second = true};
	return conn_enter(c, CONN_RETRY);
}

static void
handshake_done(struct conn *c)
{
	int64_t now_us = clock_mono_us();

	conn_count(c, STATUS_HANDSHAKES, 1);
	histogram_add(&c->host->status->handshakes, now_us - c->hello_us);
	note_served(c, now_us);
}

enum step
conn_step_handshake(struct conn *c)
{
	enum err err = tls_handshake(&c->client);
	bool more = bio_let_all(&c->client);

	if (err == ERR_AGAIN && hello_is_retry(bio_output(&c->client)))
		return await_second(c);
	if (err == ERR_AGAIN)
		return more ? STEP_NEXT : STEP_AGAIN;
	if (err) {
		conn_count(c, STATUS_HANDSHAKES_FAILED, 1);
		conn_count(c, STATUS_CLIENT_CERT_REFUSED, client_cert_was_refused(c->client.tls));
		(void)!end_discard(&c->client, c->host->scratch); /* as refuse() */
		return STEP_END;
	}
	handshake_done(c);
	conn_count(c,
	           SSL_version(c->client.tls) == TLS1_3_VERSION ? STATUS_HANDSHAKES_TLS13
	                                                        : STATUS_HANDSHAKES_TLS12,
	           1);
	records_watch(&c->client.records, true);
	conn_count(c, STATUS_RESUMED, (uint64_t)SSL_session_reused(c->client.tls));
	c->client.owes_ticket = tickets_is_owed(c->client.tls);
	if (c->choice.kind == CHOICE_CHALLENGE) {
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

/* The client's Finished, which nothing of ours follows in TLS 1.3: the kernel would wait for 40 ms,
 * and with it a client that holds its first bytes back until then (Nagle's algorithm). */
static void
acknowledge(const struct conn *c)
{
	const int on = 1;

	if (c->client.owes_ticket)
		setsockopt(c->client.fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

enum step
conn_step_wait(struct conn *c)
{
	size_t len;

	switch (end_read(&c->client, c->host->scratch, END_CHUNK, &len)) {
	case ERR_AGAIN:
		acknowledge(c);
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
	balance_done(c->host->balance, &c->pick);
	if (c->client.ended) /* nothing more comes: closing resets nothing */
		return end_farewell(&c->client) == ERR_AGAIN ? STEP_AGAIN : STEP_END;
	if (end_shut(&c->client) == ERR_AGAIN)
		return STEP_AGAIN;
	return end_discard(&c->client, c->host->scratch) == ERR_AGAIN ? STEP_AGAIN : STEP_END;
}
