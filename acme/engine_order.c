/* SPDX-License-Identifier: Apache-2.0 */
/* acme/engine_order.c - the states that talk about the order itself: new-order to download */
#include <stdlib.h>
#include <string.h>

#include "acme/csr.h"
#include "acme/engine_steps.h"
#include "acme/jose.h"
#include "acme/refusal.h"
#include "acme/transport.h"
#include "base/json.h"

/* Keeps a URL of the CA's answer when it is usable. */
static void
keep_url(char to[URL_MAX + 1], const char *url)
{
	if (url && url_is_sane(url))
		strcpy(to, url);
}

static enum err
keep_authorizations(struct engine *e, const cJSON *list)
{
	size_t count = (size_t)cJSON_GetArraySize(list);
	const cJSON *one;

	if (count > ENGINE_NAMES_MAX)
		return ERR_PROTO;
	e->authz = calloc(count + 1, sizeof(*e->authz));
	if (!e->authz)
		return ERR_NOMEM;
	cJSON_ArrayForEach(one, list)
	{
		const char *url = cJSON_GetStringValue(one);

		if (!url || !url_is_sane(url))
			return ERR_PROTO;
		e->authz[e->authz_count].url = strdup(url);
		if (!e->authz[e->authz_count++].url)
			return ERR_NOMEM;
	}
	return ERR_OK;
}

/* --- what the order's status asks for -------------------------------------------------------- */

static void
go_on_pending(struct engine *e, const struct order_object *order)
{
	(void)order;
	if (e->state == STATE_NEW_ORDER || e->state == STATE_RESUME)
		engine_authorize(e);
	else if (e->state == STATE_ISSUE)
		engine_poll_again(e, e->asked_ms);
	else
		engine_poll_first(e, STATE_ISSUE);
}

static void
go_on_ready(struct engine *e, const struct order_object *order)
{
	(void)order;
	if (!e->finalize[0])
		engine_strike_with(e, "the CA's order is ready and names no finalize URL");
	else if (e->state == STATE_FINALIZE)
		engine_poll_first(e, STATE_ISSUE);
	else if (++e->finalizes > ENGINE_FINALIZES_MAX)
		engine_strike_with(e, "the CA says the order is ready and will not finalize it");
	else
		engine_go(e, STATE_FINALIZE);
}

static void
go_on_processing(struct engine *e, const struct order_object *order)
{
	(void)order;
	if (!e->key)
		engine_gone(e, "this one was finalized with a key that we do not have");
	else if (e->state == STATE_ISSUE)
		engine_poll_again(e, e->asked_ms);
	else
		engine_poll_first(e, STATE_ISSUE);
}

static void
go_on_valid(struct engine *e, const struct order_object *order)
{
	keep_url(e->certificate_url, order->certificate);
	if (!e->key)
		engine_gone(e, "this one was finalized with a key that we do not have");
	else if (!e->certificate_url[0])
		engine_strike_with(e, "the CA's order is valid and names no certificate");
	else
		engine_go(e, STATE_DOWNLOAD);
}

static void
go_on_invalid(struct engine *e, const struct order_object *order)
{
	e->at = 0;
	if (order->has_error)
		engine_fail(e, &order->error, true);
	else if (e->authz_count)
		engine_go(e, STATE_EXPLAIN);
	else
		engine_gone(e, "the CA calls this one invalid without saying why");
}

static void (*const by_status[ORDER_STATUSES])(struct engine *e,
                                               const struct order_object *order) = {
	[ORDER_PENDING] = go_on_pending,       [ORDER_READY] = go_on_ready,
	[ORDER_PROCESSING] = go_on_processing, [ORDER_VALID] = go_on_valid,
	[ORDER_INVALID] = go_on_invalid,
};

/* Every answer that is an order object ends here. */
void
engine_read_order(struct engine *e, const struct transport_reply *reply)
{
	struct order_object order;
	struct problem why;
	enum err err;

	if (order_object_read(reply, &order, &why)) {
		engine_strike(e, &why);
		return;
	}
	keep_url(e->finalize, order.finalize);
	e->asked_ms = reply->retry_after_ms;
	err = e->authz ? ERR_OK : keep_authorizations(e, order.authorizations);
	if (err == ERR_NOMEM) {
		problem_set(&why, PROBLEM_INTERNAL, "out of memory");
		engine_fail(e, &why, false);
	} else if (err) {
		engine_strike_with(e, "the CA's order has unusable authorizations");
	} else if (e->state == STATE_RESUME &&
	           !order_object_is_for(&order, e->names, e->name_count)) {
		engine_gone(e, "this one is for other names");
	} else if (e->state == STATE_NEW_ORDER &&
	           !order_object_is_for(&order, e->names, e->name_count)) {
		engine_strike_with(e, "the CA's order is for other names than asked for");
	} else {
		by_status[order.status](e, &order);
	}
	order_object_done(&order);
}

/* --- new-order ------------------------------------------------------------------------------- */

static bool
add_identifiers(const struct engine *e, cJSON *json)
{
	cJSON *list = cJSON_AddArrayToObject(json, "identifiers");

	for (size_t i = 0; list && i < e->name_count; i++) {
		cJSON *one = cJSON_CreateObject();

		if (!one || !cJSON_AddItemToArray(list, one) ||
		    !cJSON_AddStringToObject(one, "type", "dns") ||
		    !cJSON_AddStringToObject(one, "value", e->names[i].name))
			return false;
	}
	return list != NULL;
}

enum err
engine_build_new_order(struct engine *e)
{
	cJSON *json = cJSON_CreateObject();
	enum err err = ERR_NOMEM;

	if (json && add_identifiers(e, json) &&
	    (!e->profile[0] || cJSON_AddStringToObject(json, "profile", e->profile)))
		err = json_print(json, &e->payload);
	cJSON_Delete(json);
	e->send.target = CLIENT_NEW_ORDER;
	e->send.payload = buf_str(&e->payload);
	e->sent = true; /* what the snapshot must say before it is true */
	e->dirty = true;
	return e->send.payload ? err : ERR_NOMEM;
}

void
engine_read_new_order(struct engine *e, const struct transport_reply *reply)
{
	if (!url_is_sane(reply->location)) {
		engine_strike_with(e, "the CA gave the order no URL");
		return;
	}
	strcpy(e->url, reply->location);
	e->dirty = true;
	engine_read_order(e, reply);
}

/* An order that may exist is never ordered twice: without a clear no, the next life looks for it.
 */
bool
engine_refused_new_order(struct engine *e, const struct client_answer *answer)
{
	if (answer->unsent && engine_retries(e, &answer->problem))
		return true;
	if (answer->unsent || (answer->problem.status >= 400 && answer->problem.status < 500)) {
		e->sent = false;
		e->dirty = true;
	}
	engine_fail(e, &answer->problem, engine_is_final(&answer->problem));
	return true;
}

/* --- resume, issue --------------------------------------------------------------------------- */

enum err
engine_build_get_order(struct engine *e)
{
	return engine_get(e, e->url);
}

/* Asking how it stands was refused for good, by the CA or by ourselves, since its URL leads
 * elsewhere: there is nothing to go on with. */
bool
engine_refused_gone(struct engine *e, const struct client_answer *answer)
{
	if (!engine_is_final(&answer->problem) && !answer->misled)
		return false;
	engine_gone(e, answer->problem.detail);
	return true;
}

/* --- finalize, download ---------------------------------------------------------------------- */

enum err
engine_build_finalize(struct engine *e)
{
	struct buf csr = {0};
	enum err err = ERR_OK;

	if (!e->key) {
		err = key_new(e->key_kind, &e->key);
		e->dirty = true;
	}
	if (!err)
		err = csr_new(e->key, e->names, e->name_count, &csr);
	if (!err) {
		buf_add_str(&e->payload, "{\"csr\":\"");
		jose_base64url(csr.data, csr.len, &e->payload);
		buf_add_str(&e->payload, "\"}");
		e->send = (struct engine_send){
			.target = CLIENT_URL, .url = e->finalize, .payload = buf_str(&e->payload)};
		err = e->send.payload ? ERR_OK : ERR_NOMEM;
	}
	buf_done(&csr);
	return err;
}

/* The order tells whether the CA has taken the CSR, also when its answer was lost. */
bool
engine_refused_finalize(struct engine *e, const struct client_answer *answer)
{
	if (refusal_is(&answer->problem, "orderNotReady")) {
		engine_poll_first(e, STATE_ISSUE);
		return true;
	}
	if (!engine_retries(e, &answer->problem))
		return false;
	engine_go(e, STATE_ISSUE);
	engine_wait(e, e->wait_ms);
	return true;
}

enum err
engine_build_download(struct engine *e)
{
	return engine_get(e, e->certificate_url);
}

void
engine_read_download(struct engine *e, const struct transport_reply *reply)
{
	if (!reply->body.len) {
		engine_strike_with(e, "the CA's certificate is empty");
		return;
	}
	buf_reset(&e->certificate);
	buf_add(&e->certificate, reply->body.data, reply->body.len);
	if (buf_ok(&e->certificate)) {
		engine_go(e, STATE_DONE);
	} else {
		problem_set(&e->problem, PROBLEM_INTERNAL, "out of memory");
		engine_fail(e, &e->problem, false);
	}
}
