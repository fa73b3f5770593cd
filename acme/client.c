/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/client.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client_state.h"
#include "acme/refusal.h"
#include "base/buf.h"
#include "base/clock.h"

enum {
	SENT_MAX = 64,
	BAD_NONCES_MAX = 10, /* a CA that rejects one in five needs a few */
	DIRECTORY_AGE_MAX_MS = 24 * 3600 * 1000,
};

static const char *const state_words[] = {
	[CLIENT_NEW] = "new",
	[CLIENT_DIRECTORY] = "directory",
	[CLIENT_ACCOUNT] = "account",
	[CLIENT_READY] = "ready",
};

static void on_reply(void *arg, struct transport_reply *reply);

static char *
copy_text(const char *text, bool *ok)
{
	char *copy = text ? strdup(text) : NULL;

	*ok = *ok && (copy || !text);
	return copy;
}

static enum err
copy_config(struct client *c, const struct client_config *config)
{
	bool ok = true;

	if (strlen(config->account_url) > URL_MAX || strlen(config->orders_url) > URL_MAX)
		return ERR_INVALID;
	strcpy(c->account_url, config->account_url);
	strcpy(c->orders_url, config->orders_url);
	c->agree_terms = config->agree_terms;
	c->directory_url = copy_text(config->directory, &ok);
	c->ca_file = copy_text(config->ca_file, &ok);
	c->contacts = calloc(config->contact_count + 1, sizeof(*c->contacts));
	if (!c->contacts)
		return ERR_NOMEM;
	for (size_t i = 0; i < config->contact_count; i++)
		c->contacts[c->contact_count++] = copy_text(config->contacts[i], &ok);
	return ok ? ERR_OK : ERR_NOMEM;
}

enum err
client_new(struct transport *transport, const struct client_config *config,
           client_account_fn *on_account, void *arg, struct client **ret_client)
{
	struct client *c = calloc(1, sizeof(*c));
	enum err err;

	if (!c)
		return ERR_NOMEM;
	c->transport = transport;
	c->on_account = on_account;
	c->arg = arg;
	TAILQ_INIT(&c->waiting);
	TAILQ_INIT(&c->sent);
	TAILQ_INIT(&c->finished);
	err = copy_config(c, config);
	if (!err)
		err = jose_thumbprint(config->key, c->thumbprint);
	if (!err && EVP_PKEY_up_ref(config->key) != 1)
		err = ERR_CRYPTO;
	if (err) {
		client_free(c);
		return err;
	}
	c->key = config->key;
	*ret_client = c;
	return ERR_OK;
}

static void
call_free(struct call *call)
{
	free(call->url);
	free(call->payload);
	free(call);
}

/* Out of its list, whichever; the transport forgets it as well. */
static void
call_unlink(struct call *call)
{
	struct client *c = call->client;

	TAILQ_REMOVE(call->list, call, link);
	if (call->list != &c->sent)
		return;
	c->sent_count--;
	c->orders_sent -= call->target == CLIENT_NEW_ORDER;
}

static void
call_enter(struct call *call, struct calls *list)
{
	TAILQ_INSERT_TAIL(list, call, link);
	call->list = list;
}

static void
call_finish(struct call *call, const struct problem *why)
{
	call_unlink(call);
	call_enter(call, &call->client->finished);
	call->problem = *why;
}

/* Drops the calls of ARG in LIST, or all. */
static void
drop(struct client *c, struct calls *list, const void *arg, bool all)
{
	struct call *call, *next;

	for (call = TAILQ_FIRST(list); call; call = next) {
		next = TAILQ_NEXT(call, link);
		if (!all && call->arg != arg)
			continue;
		transport_cancel(c->transport, call);
		call_unlink(call);
		call_free(call);
	}
}

void
client_free(struct client *c)
{
	if (!c)
		return;
	transport_cancel(c->transport, c);
	drop(c, &c->waiting, NULL, true);
	drop(c, &c->sent, NULL, true);
	drop(c, &c->finished, NULL, true);
	directory_done(&c->directory);
	EVP_PKEY_free(c->key);
	free(c->directory_url);
	free(c->ca_file);
	for (size_t i = 0; i < c->contact_count; i++)
		free(c->contacts[i]);
	free(c->contacts);
	free(c);
}

void
client_cancel(struct client *c, const void *arg)
{
	drop(c, &c->waiting, arg, false);
	drop(c, &c->sent, arg, false);
	drop(c, &c->finished, arg, false);
	client_pump(c);
}

bool
client_withdraw(struct client *c, const void *arg)
{
	struct call *call = TAILQ_FIRST(&c->waiting);

	while (call && call->arg != arg)
		call = TAILQ_NEXT(call, link);
	drop(c, &c->waiting, arg, false);
	return call != NULL;
}

void
client_fail_waiting(struct client *c, const struct problem *why)
{
	struct call *call;

	c->state = CLIENT_NEW;
	while ((call = TAILQ_FIRST(&c->waiting)))
		call_finish(call, why);
}

void
client_flush(struct client *c)
{
	struct call *call;

	while ((call = TAILQ_FIRST(&c->finished))) {
		struct client_answer answer = {.problem = call->problem,
		                               .unsent = call->problem.kind != PROBLEM_NONE,
		                               .silent = c->silent,
		                               .misled = call->misled,
		                               .directory = &c->directory};

		call_unlink(call);
		call->fn(call->arg, &answer);
		call_free(call);
	}
}

static void
on_deferred(void *arg, struct transport_reply *reply)
{
	struct client *c = arg;

	(void)reply;
	c->deferred = false;
	client_flush(c);
}

/* Signs CALL with NONCE and hands it to the transport. */
static void
call_send(struct client *c, struct call *call, const char *url, const char *nonce)
{
	struct buf body = {0};
	struct problem why;
	enum err err = jose_sign(c->key, call->registers ? NULL : c->account_url, nonce, url,
	                         call->payload ? call->payload : "", &body);

	call->account = c->account;
	if (!err) {
		struct transport_request request = {
			.method = "POST",
			.url = url,
			.ca_file = c->ca_file,
			.body = body.data,
			.len = body.len,
		};

		err = transport_submit(c->transport, &request, on_reply, call);
	}
	buf_done(&body);
	if (err) {
		problem_set(&why, PROBLEM_INTERNAL, "cannot sign or send: %s", err_text(err));
		call_finish(call, &why);
		return;
	}
	call_unlink(call);
	call_enter(call, &c->sent);
	c->sent_count++;
	c->orders_sent += call->target == CLIENT_NEW_ORDER;
}

void
client_pump(struct client *c)
{
	struct call *call, *next;
	size_t without_nonce = 0;

	if (!TAILQ_EMPTY(&c->waiting) && c->state == CLIENT_NEW)
		client_begin(c);
	for (call = TAILQ_FIRST(&c->waiting); call && c->sent_count < SENT_MAX; call = next) {
		char nonce[NONCE_MAX + 1];
		struct problem why;
		const char *url;

		next = TAILQ_NEXT(call, link);
		if (!client_may_send(c, call))
			continue;
		if (call->target == CLIENT_OFFER) {
			call_finish(call, &(struct problem){.kind = PROBLEM_NONE});
			continue;
		}
		url = client_url_of(c, call, &why);
		if (!url) {
			call->misled = call->target == CLIENT_URL;
			call_finish(call, &why);
			continue;
		}
		strcpy(nonce, call->nonce);
		call->nonce[0] = '\0';
		if (!nonce[0] && nonce_take(&c->nonces, clock_mono_ms(), nonce))
			without_nonce++;
		else
			call_send(c, call, url, nonce);
	}
	client_fetch_nonces(c, without_nonce);
}

/* Whether the CA's answer only means "once more", with CALL back in line. */
static bool
goes_again(struct client *c, struct call *call, const struct problem *problem,
           const struct transport_reply *reply)
{
	if (refusal_is(problem, "badNonce") && call->bad_nonces < BAD_NONCES_MAX) {
		call->bad_nonces++;
		strcpy(call->nonce,
		       reply->nonce); /* RFC 8555 6.5: this one, not one from the pool */
		TAILQ_INSERT_HEAD(&c->waiting, call, link);
		call->list = &c->waiting;
		return true;
	}
	nonce_put(&c->nonces, reply->nonce, clock_mono_ms());
	if (refusal_is(problem, "accountDoesNotExist") && !call->registers && !call->again) {
		call->again = true;
		call_enter(call, &c->waiting);
		if (call->account == c->account) /* else another call has noticed already */
			client_forget_account(c);
		return true;
	}
	return false;
}

static void
on_reply(void *arg, struct transport_reply *reply)
{
	struct call *call = arg;
	struct client *c = call->client;
	struct client_answer answer = {
		.unsent = reply->err == ERR_UNREACHABLE || reply->err == ERR_CRYPTO ||
	                  (reply->err == ERR_TIMEOUT && reply->unsent),
		.silent = reply->err == ERR_TIMEOUT,
		.reply = reply->err ? NULL : reply,
	};

	call_unlink(call);
	c->silent = answer.silent;
	refusal_judge(reply, &answer.problem);
	if (reply->err == ERR_TIMEOUT || reply->err == ERR_UNREACHABLE)
		client_fail_waiting(c, &answer.problem); /* else each would wait as long, in turn */
	if (!goes_again(c, call, &answer.problem, reply)) {
		call->fn(call->arg, &answer);
		call_free(call);
	}
	client_pump(c);
	client_flush(c);
}

static struct call *
call_new(struct client *c, const char *url, const char *payload, client_answer_fn *fn, void *arg)
{
	struct call *call = calloc(1, sizeof(*call));
	bool ok = call != NULL;

	if (!ok)
		return NULL;
	call->client = c;
	call->url = copy_text(url, &ok);
	call->payload = copy_text(payload, &ok);
	call->fn = fn;
	call->arg = arg;
	if (ok)
		return call;
	call_free(call);
	return NULL;
}

enum err
client_register(struct client *c, const char *payload, client_answer_fn *fn)
{
	struct call *call = call_new(c, NULL, payload, fn, c);

	if (!call)
		return ERR_NOMEM;
	call->registers = true;
	TAILQ_INSERT_HEAD(&c->waiting, call, link);
	call->list = &c->waiting;
	return ERR_OK;
}

enum err
client_post(struct client *c, enum client_target target, const char *url, const char *payload,
            client_answer_fn *fn, void *arg)
{
	struct call *call = call_new(c, target == CLIENT_URL ? url : NULL, payload, fn, arg);

	if (!call)
		return ERR_NOMEM;
	call->target = target;
	call_enter(call, &c->waiting);
	if (c->state == CLIENT_READY && clock_mono_ms() - c->directory_at_ms > DIRECTORY_AGE_MAX_MS)
		c->state = CLIENT_NEW;
	client_pump(c);
	if (!TAILQ_EMPTY(&c->finished) && !c->deferred)
		c->deferred = !transport_defer(c->transport, on_deferred, c);
	return ERR_OK;
}

const char *
client_thumbprint(const struct client *c)
{
	return c->thumbprint;
}

const char *
client_account_url(const struct client *c)
{
	return c->account_url;
}

bool
client_has_no_renewal_info(const struct client *c)
{
	return c->directory.new_order && !c->directory.renewal_info;
}

bool
client_lists_orders(const struct client *c)
{
	return c->orders_url[0] != '\0';
}

bool
client_is_ready(const struct client *c)
{
	return c->state == CLIENT_READY;
}

const char *
client_state_word(const struct client *c)
{
	return state_words[c->state];
}
