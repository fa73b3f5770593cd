/* SPDX-License-Identifier: Apache-2.0 */
/* acme/client_post.c - requests from the moment they are asked for, and the lists they stand in */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client_state.h"
#include "base/clock.h"

enum { DIRECTORY_AGE_MAX_MS = 24 * 3600 * 1000 };

void
client_call_free(struct call *call)
{
	EVP_PKEY_free(call->key);
	free(call->url);
	free(call->payload);
	free(call);
}

void
client_unlink(struct call *call)
{
	struct client *c = call->client;

	TAILQ_REMOVE(call->list, call, link);
	if (call->list != &c->sent)
		return;
	c->sent_count--;
	c->orders_sent -= call->target == CLIENT_NEW_ORDER;
}

void
client_enter(struct call *call, struct calls *list)
{
	TAILQ_INSERT_TAIL(list, call, link);
	call->list = list;
}

void
client_finish(struct call *call, const struct problem *why)
{
	client_unlink(call);
	client_enter(call, &call->client->finished);
	call->problem = *why;
}

void
client_drop(struct client *c, struct calls *list, const void *arg, bool all)
{
	struct call *call, *next;

	for (call = TAILQ_FIRST(list); call; call = next) {
		next = TAILQ_NEXT(call, link);
		if (!all && call->arg != arg)
			continue;
		transport_cancel(c->transport, call);
		client_unlink(call);
		client_call_free(call);
	}
}

void
client_cancel(struct client *c, const void *arg)
{
	client_drop(c, &c->waiting, arg, false);
	client_drop(c, &c->sent, arg, false);
	client_drop(c, &c->finished, arg, false);
	client_pump(c);
}

bool
client_withdraw(struct client *c, const void *arg)
{
	struct call *call;

	TAILQ_FOREACH(call, &c->waiting, link)
	{
		if (call->arg != arg)
			continue;
		client_drop(c, &c->waiting, arg, false);
		return true;
	}
	return false;
}

static void
on_deferred(void *arg, struct transport_reply *reply)
{
	struct client *c = arg;

	(void)reply;
	c->deferred = false;
	client_flush(c);
}

static struct call *
call_new(struct client *c, const char *url, const char *payload, client_answer_fn *fn, void *arg)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->client = c;
	call->url = url ? strdup(url) : NULL;
	call->payload = payload ? strdup(payload) : NULL;
	call->fn = fn;
	call->arg = arg;
	if ((call->url || !url) && (call->payload || !payload))
		return call;
	client_call_free(call);
	return NULL;
}

enum err
client_post_early(struct client *c, enum client_target target, EVP_PKEY *key, const char *payload,
                  client_answer_fn *fn)
{
	struct call *call = call_new(c, NULL, payload, fn, c);

	if (!call)
		return ERR_NOMEM;
	if (key && EVP_PKEY_up_ref(key) == 1)
		call->key = key;
	call->target = target;
	call->early = true;
	TAILQ_INSERT_HEAD(&c->waiting, call, link);
	call->list = &c->waiting;
	return ERR_OK;
}

void
client_flush_later(struct client *c)
{
	if (!TAILQ_EMPTY(&c->finished) && !c->deferred)
		c->deferred = !transport_defer(c->transport, on_deferred, c);
}

/* Takes CALL over. */
static void
start(struct client *c, struct call *call)
{
	client_enter(call, &c->waiting);
	if (c->state == CLIENT_READY && clock_mono_ms() - c->directory_at_ms > DIRECTORY_AGE_MAX_MS)
		c->state = CLIENT_NEW;
	client_pump(c);
	client_flush_later(c);
}

enum err
client_post(struct client *c, enum client_target target, const char *url, const char *payload,
            client_answer_fn *fn, void *arg)
{
	struct call *call = call_new(c, target == CLIENT_URL ? url : NULL, payload, fn, arg);

	if (!call)
		return ERR_NOMEM;
	call->target = target;
	start(c, call);
	return ERR_OK;
}

enum err
client_post_as(struct client *c, enum client_target target, EVP_PKEY *key, const char *payload,
               client_answer_fn *fn, void *arg)
{
	struct call *call = call_new(c, NULL, payload, fn, arg);

	if (!call || EVP_PKEY_up_ref(key) != 1) {
		if (call)
			client_call_free(call);
		return ERR_NOMEM;
	}
	call->target = target;
	call->key = key;
	start(c, call);
	return ERR_OK;
}
