/* SPDX-License-Identifier: Apache-2.0 */
/* acme/client_ready.c - what a client needs before it can send: directory and nonces; and where a
 * request goes */
#include <string.h>

#include "acme/client_pace.h"
#include "acme/client_state.h"
#include "acme/refusal.h"
#include "base/clock.h"

enum {
	HEADS_MAX = 16,        /* newNonce requests side by side */
	HEAD_FAILURES_MAX = 3, /* in a row, then who waits is told */
	/* newOrder goes one at a time: a crash then loses sight of one order at most, and Pebble
	 * (2.4 and 2.10) locks up for good when two of them meet. CAs allow far fewer than this
	 * gives. */
	NEW_ORDERS_MAX = 1,
};

/* A refusal here is not about a name: the URL is wrong, or what it leads to. */
static void
blame_directory(const struct client *c, struct problem *why)
{
	struct problem said = *why;

	if (said.kind == PROBLEM_CA_UNREACHABLE || said.kind == PROBLEM_CA_TLS ||
	    said.kind == PROBLEM_CA_ERROR || said.kind == PROBLEM_CA_LIMITED)
		return;
	if (strstr(said.detail, c->directory_url))
		why->kind = PROBLEM_CA_DIRECTORY;
	else
		problem_set(why, PROBLEM_CA_DIRECTORY, "%.200s: %.250s", c->directory_url,
		            said.detail);
	why->status = said.status;
}

static void
on_directory(void *arg, struct transport_reply *reply)
{
	struct client *c = arg;
	struct problem why;

	c->silent = reply->err == ERR_TIMEOUT;
	refusal_judge(reply, &why);
	if (why.kind == PROBLEM_NONE && !directory_read(c->directory_url, reply->body.data,
	                                                reply->body.len, &c->directory, &why)) {
		c->directory_at_ms = clock_mono_ms();
		nonce_put(&c->nonces, reply->nonce, c->directory_at_ms);
		c->events.directory(c->arg, &c->directory);
		client_settle(c);
	} else {
		blame_directory(c, &why);
		client_fail_waiting(c, &why);
	}
	client_pump(c);
	client_flush(c);
}

void
client_begin(struct client *c)
{
	struct transport_request request = {
		.method = "GET",
		.url = c->directory_url,
		.ca_file = c->ca_file,
	};
	struct problem why;

	c->state = CLIENT_DIRECTORY;
	pace_take(c->pace, PACE_DIRECTORY, clock_mono_ms());
	if (!transport_submit(c->transport, &request, on_directory, c))
		return;
	problem_set(&why, PROBLEM_INTERNAL, "out of memory");
	client_fail_waiting(c, &why);
}

static void
on_nonce(void *arg, struct transport_reply *reply)
{
	struct client *c = arg;
	struct problem why;

	c->heads--;
	c->silent = reply->err == ERR_TIMEOUT;
	refusal_judge(reply, &why);
	if (why.kind == PROBLEM_NONE && !reply->nonce[0])
		problem_set(&why, PROBLEM_CA_PROTOCOL, "the CA's newNonce gives no usable nonce");
	if (why.kind == PROBLEM_NONE) {
		nonce_put(&c->nonces, reply->nonce, clock_mono_ms());
		c->head_failures = 0;
	} else if (client_slow_down(c, PACE_NEW_NONCE, reply) == CLIENT_SLOW_AGAIN) {
		; /* one of several that went together */
	} else if (++c->head_failures >= HEAD_FAILURES_MAX) {
		c->head_failures = 0;
		client_fail_waiting(c, &why);
	}
	client_pump(c);
	client_flush(c);
}

void
client_fetch_nonces(struct client *c, size_t wanted)
{
	struct transport_request request = {
		.method = "HEAD",
		.url = c->directory.new_nonce,
		.ca_file = c->ca_file,
	};
	struct problem why;

	while (c->heads < wanted && c->heads < HEADS_MAX && !client_is_paced(c, PACE_NEW_NONCE)) {
		if (transport_submit(c->transport, &request, on_nonce, c)) {
			problem_set(&why, PROBLEM_INTERNAL, "out of memory");
			client_fail_waiting(c, &why);
			return;
		}
		pace_take(c->pace, PACE_NEW_NONCE, clock_mono_ms());
		c->heads++;
	}
}

bool
client_may_send(const struct client *c, const struct call *call)
{
	if (call->early)
		return true;
	if (call->key)
		return c->directory.new_nonce != NULL;
	return c->state == CLIENT_READY &&
	       (call->target != CLIENT_NEW_ORDER || c->orders_sent < NEW_ORDERS_MAX);
}

/* NULL: the CA has no such thing. */
static const char *
address_of(const struct client *c, const struct call *call)
{
	switch (call->target) {
	case CLIENT_URL:
		return call->url;
	case CLIENT_NEW_ORDER:
		return c->directory.new_order;
	case CLIENT_ORDERS:
		return c->orders_url;
	case CLIENT_OUR_ACCOUNT:
		return c->account_url;
	case CLIENT_NEW_ACCOUNT:
		return c->directory.new_account;
	case CLIENT_KEY_CHANGE:
		return c->directory.key_change;
	case CLIENT_REVOKE:
		return c->directory.revoke_cert;
	case CLIENT_OFFER:
		break; /* is not sent */
	}
	return NULL;
}

const char *
client_url_of(const struct client *c, const struct call *call, struct problem *ret_why)
{
	const char *url = address_of(c, call);

	if (call->target == CLIENT_ORDERS && !*url)
		problem_set(ret_why, PROBLEM_CA_PROTOCOL,
		            "the CA keeps no list of the account's orders");
	else if (!url)
		problem_set(ret_why, PROBLEM_CA_REFUSED, "the CA's directory has no %s",
		            call->target == CLIENT_REVOKE ? "revokeCert" : "keyChange");
	else if (!directory_names(&c->directory, url))
		problem_set(ret_why, PROBLEM_CA_PROTOCOL,
		            "the CA sends us to %.300s, which is not where its directory is", url);
	else
		return url;
	return NULL;
}
