/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/client.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client_pace.h"
#include "acme/client_state.h"
#include "acme/refusal.h"
#include "base/buf.h"
#include "base/clock.h"

enum {
	SENT_MAX = 64,
	BAD_NONCES_MAX = 10, /* a CA that rejects one in five needs a few */
	SLOWED_MAX = 3,
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
	c->pace = config->pace;
	c->directory_url = copy_text(config->directory, &ok);
	c->ca_file = copy_text(config->ca_file, &ok);
	c->barred = copy_text(config->barred, &ok);
	if (client_take_contacts(c, config->contacts, config->contact_count))
		return ERR_NOMEM;
	return ok ? ERR_OK : ERR_NOMEM;
}

static enum err
take_keys(struct client *c, const struct client_config *config)
{
	if (EVP_PKEY_up_ref(config->key) != 1)
		return ERR_CRYPTO;
	c->key = config->key;
	if (config->next_key && EVP_PKEY_up_ref(config->next_key) != 1)
		return ERR_CRYPTO;
	c->next_key = config->next_key;
	c->next_unsure = c->next_key != NULL;
	return ERR_OK;
}

enum err
client_new(struct transport *transport, const struct client_config *config,
           const struct client_events *events, void *arg, struct client **ret_client)
{
	struct client *c = calloc(1, sizeof(*c));
	enum err err;

	if (!c)
		return ERR_NOMEM;
	c->transport = transport;
	c->events = *events;
	c->arg = arg;
	TAILQ_INIT(&c->waiting);
	TAILQ_INIT(&c->sent);
	TAILQ_INIT(&c->finished);
	err = copy_config(c, config);
	if (!err)
		err = jose_thumbprint(config->key, c->thumbprint);
	if (!err)
		err = take_keys(c, config);
	if (err)
		client_free(c);
	else
		*ret_client = c;
	return err;
}

void
client_free(struct client *c)
{
	if (!c)
		return;
	transport_cancel(c->transport, c);
	client_drop(c, &c->waiting, NULL, true);
	client_drop(c, &c->sent, NULL, true);
	client_drop(c, &c->finished, NULL, true);
	directory_done(&c->directory);
	EVP_PKEY_free(c->key);
	EVP_PKEY_free(c->next_key);
	free(c->barred);
	free(c->directory_url);
	free(c->ca_file);
	for (size_t i = 0; i < c->contact_count; i++)
		free(c->contacts[i]);
	free(c->contacts);
	free(c);
}

void
client_fail_waiting(struct client *c, const struct problem *why)
{
	bool is_ours = why->kind == PROBLEM_CA_ACCOUNT && c->directory.new_nonce;
	struct call *call, *next;

	c->state = CLIENT_NEW;
	for (call = TAILQ_FIRST(&c->waiting); call; call = next) {
		next = TAILQ_NEXT(call, link);
		if (!is_ours || !call->key) /* needs no account */
			client_finish(call, why);
	}
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

		bool early = call->early;

		client_unlink(call);
		call->fn(call->arg, &answer);
		client_call_free(call);
		if (early) /* others may go now */
			client_pump(c);
	}
}

/* Signs CALL with NONCE and hands it to the transport. */
static void
call_send(struct client *c, struct call *call, const char *url, const char *nonce)
{
	bool with_jwk = call->key || call->target == CLIENT_NEW_ACCOUNT;
	struct buf body = {0};
	struct problem why;
	enum err err = jose_sign(call->key ? call->key : c->key, with_jwk ? NULL : c->account_url,
	                         nonce, url, call->payload ? call->payload : "", &body);

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
		client_finish(call, &why);
		return;
	}
	pace_take(c->pace, client_endpoint(call), clock_mono_ms());
	client_unlink(call);
	client_enter(call, &c->sent);
	c->sent_count++;
	c->orders_sent += call->target == CLIENT_NEW_ORDER;
}

static bool
is_unready(const struct client *c)
{
	struct call *call;

	TAILQ_FOREACH(call, &c->waiting, link)
	{
		if (!client_may_send(c, call))
			return true;
	}
	return false;
}

void
client_pump(struct client *c)
{
	struct call *call, *next;
	size_t without_nonce = 0;

	c->pump_at = 0;
	if (c->state == CLIENT_NEW && is_unready(c) && !client_is_paced(c, PACE_DIRECTORY))
		client_begin(c);
	for (call = TAILQ_FIRST(&c->waiting); call && c->sent_count < SENT_MAX; call = next) {
		char nonce[NONCE_MAX + 1];
		struct problem why;
		const char *url;

		next = TAILQ_NEXT(call, link);
		if (!client_may_send(c, call))
			continue;
		if (call->target == CLIENT_OFFER) {
			client_finish(call, &(struct problem){.kind = PROBLEM_NONE});
			continue;
		}
		url = client_url_of(c, call, &why);
		if (!url) {
			call->misled = call->target == CLIENT_URL;
			client_finish(call, &why);
			continue;
		}
		if (client_is_paced(c, client_endpoint(call)))
			continue;
		strcpy(nonce, call->nonce);
		call->nonce[0] = '\0';
		if (!nonce[0] && nonce_take(&c->nonces, clock_mono_ms(), nonce))
			without_nonce++;
		else
			call_send(c, call, url, nonce);
	}
	client_fetch_nonces(c, without_nonce);
}

/* A newOrder that is beyond a limit says which: that is not only about when. */
static bool
is_slowed(struct client *c, const struct call *call, const struct transport_reply *reply)
{
	return call->target != CLIENT_NEW_ORDER && call->slowed < SLOWED_MAX &&
	       client_slow_down(c, client_endpoint(call), reply) != CLIENT_NOT_SLOW;
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
	if (call->early || call->key)
		return false;
	if (is_slowed(c, call, reply)) {
		call->slowed++;
		client_enter(call, &c->waiting);
		return true;
	}
	if (call->again)
		return false;
	if (refusal_is(problem, "accountDoesNotExist")) {
		call->again = true;
		client_enter(call, &c->waiting);
		if (call->account == c->account) /* else another call has noticed already */
			client_forget_account(c);
		return true;
	}
	if (!client_is_doubtful(c, call, problem))
		return false;
	call->again = true;
	client_enter(call, &c->waiting);
	return true;
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

	client_unlink(call);
	c->silent = answer.silent;
	refusal_judge(reply, &answer.problem);
	client_add_terms(reply, &answer.problem);
	if (reply->err == ERR_TIMEOUT || reply->err == ERR_UNREACHABLE)
		client_fail_waiting(c, &answer.problem); /* else each would wait as long, in turn */
	if (!goes_again(c, call, &answer.problem, reply)) {
		call->fn(call->arg, &answer);
		client_call_free(call);
	}
	client_pump(c);
	client_flush(c);
}

const struct directory *
client_directory(const struct client *c)
{
	return c->directory.new_nonce ? &c->directory : NULL;
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
