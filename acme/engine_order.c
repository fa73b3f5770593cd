/* SPDX-License-Identifier: Apache-2.0 */
/* acme/engine_order.c - the states that talk about the order itself: offer, new-order, resume,
 * issue */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/directory.h"
#include "acme/engine_steps.h"
#include "acme/refusal.h"
#include "acme/transport.h"
#include "base/clock.h"
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
		engine_go(e, e->key ? STATE_FINALIZE : STATE_KEY);
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

/* What the CA says of its end, once: an order of this moment that has expired is a wrong clock. */
static void
keep_expires(struct engine *e, const char *expires)
{
	int64_t at;

	if (!expires || clock_parse(expires, &at) || at < 0 || at == e->expires_at)
		return;
	if (e->state == STATE_NEW_ORDER && at <= e->now)
		return;
	e->expires_at = at;
	e->dirty = true;
}

/* An order of an earlier life: whether it is worth to go on with. NULL, or why not. */
static const char *
is_stale(const struct engine *e, const struct order_object *order)
{
	bool open = order->status == ORDER_PENDING || order->status == ORDER_READY;

	if (!order_object_is_for(order, e->names, e->name_count))
		return "this one is for other names";
	if (open && e->expires_at && e->now >= e->expires_at)
		return "this one has expired";
	if (order->status != ORDER_VALID && e->began_at &&
	    e->now - e->began_at > ENGINE_ORDER_AGE_MAX)
		return "the CA has not finished this one for a week";
	return NULL;
}

static void
take_order(struct engine *e, const struct order_object *order)
{
	enum err err = e->authz ? ERR_OK : keep_authorizations(e, order->authorizations);
	const char *stale = e->state == STATE_RESUME ? is_stale(e, order) : NULL;

	if (err == ERR_NOMEM)
		engine_fail_inside(e, err);
	else if (err)
		engine_strike_with(e, "the CA's order has unusable authorizations");
	else if (stale)
		engine_gone(e, stale);
	else if (e->state == STATE_NEW_ORDER &&
	         !order_object_is_for(order, e->names, e->name_count))
		engine_strike_with(e, "the CA's order is for other names than asked for");
	else
		by_status[order->status](e, order);
}

/* Every answer that is an order object ends here. */
ENGINE_READ(order)
{
	const struct transport_reply *reply = answer->reply;
	struct order_object order;
	struct problem why;

	(void)i;
	if (order_object_read(reply, &order, &why)) {
		engine_strike(e, &why);
		return;
	}
	keep_url(e->finalize, order.finalize);
	keep_expires(e, order.expires);
	e->asked_ms = reply->retry_after_ms;
	take_order(e, &order);
	order_object_done(&order);
}

/* --- offer ----------------------------------------------------------------------------------- */

enum err
engine_build_offer(struct engine *e)
{
	e->send = (struct engine_send){.target = CLIENT_OFFER};
	return ERR_OK;
}

static void
say_no_profile(struct engine *e, const struct directory *d)
{
	struct problem why;
	char offered[200] = "";

	for (size_t i = 0; i < d->profile_count; i++) {
		size_t used = strlen(offered);

		snprintf(offered + used, sizeof(offered) - used, " %s", d->profiles[i]);
	}
	problem_set(&why, PROBLEM_CA_REFUSED,
	            "the profile \"%s\" is required, and the CA offers only:%s", e->profile,
	            *offered ? offered : " none");
	engine_fail(e, &why, true);
}

ENGINE_READ(offer)
{
	const struct directory *d = answer->directory;

	(void)i;
	if (e->profile[0] && !directory_offers(d, e->profile)) {
		if (e->profile_required) {
			say_no_profile(e, d);
			return;
		}
		e->profile[0] = '\0';
	}
	engine_go(e, STATE_NEW_ORDER);
}

/* --- new-order ------------------------------------------------------------------------------- */

static bool
add_identifiers(const struct engine *e, cJSON *json)
{
	cJSON *list = cJSON_AddArrayToObject(json, "identifiers");

	for (size_t i = 0; list && i < e->name_count; i++) {
		cJSON *one = cJSON_CreateObject();

		if (!one || !cJSON_AddItemToArray(list, one) ||
		    !cJSON_AddStringToObject(one, "type",
		                             hostname_is_address(&e->names[i]) ? "ip" : "dns") ||
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
	    (!e->profile[0] || cJSON_AddStringToObject(json, "profile", e->profile)) &&
	    (!e->replaces[0] || cJSON_AddStringToObject(json, "replaces", e->replaces)))
		err = json_print(json, &e->payload);
	cJSON_Delete(json);
	e->send.target = CLIENT_NEW_ORDER;
	e->send.payload = buf_str(&e->payload);
	e->sent = true; /* what the snapshot must say before it is true */
	e->dirty = true;
	return e->send.payload ? err : ERR_NOMEM;
}

ENGINE_READ(new_order)
{
	const struct transport_reply *reply = answer->reply;

	if (!url_is_sane(reply->location)) {
		engine_strike_with(e, "the CA gave the order no URL");
		return;
	}
	strcpy(e->url, reply->location);
	e->dirty = true;
	engine_read_order(e, i, answer);
}

/* Whether the same order without what the CA objects to may do: a wish of ours, no need. */
static bool
asks_for_less(struct engine *e, const struct problem *p)
{
	static const char *const replaced[] = {"alreadyReplaced", "malformed", "unauthorized"};

	if (e->profile[0] && !e->profile_required && refusal_is(p, "invalidProfile")) {
		e->profile[0] = '\0';
		return true;
	}
	for (size_t i = 0; e->replaces[0] && i < sizeof(replaced) / sizeof(replaced[0]); i++) {
		if (refusal_is(p, replaced[i]) || p->status == 404 || p->status == 409) {
			e->replaces[0] = '\0';
			return true;
		}
	}
	return false;
}

/* An order that may exist is never ordered twice: without a clear no, the next life looks for it.
 */
ENGINE_REFUSED(new_order)
{
	const struct problem *p = &answer->problem;

	if (answer->unsent && engine_retries(e, i, p))
		return true;
	if (answer->unsent || (p->status >= 400 && p->status < 500)) {
		e->sent = false;
		e->dirty = true;
		if (asks_for_less(e, p)) {
			engine_go(e, STATE_NEW_ORDER);
			return true;
		}
	}
	if (refusal_is(p, "serverInternal")) {
		/* It may be what we replace that it stumbles over, and then always would:
		 * Pebble 2.10 does for one serial number in some hundreds. The next life asks for
		 * less. */
		e->replaces[0] = '\0';
		e->dirty = true;
	}
	engine_fail(e, p, engine_is_final(p));
	return true;
}

/* --- resume, issue --------------------------------------------------------------------------- */

enum err
engine_build_get_order(struct engine *e)
{
	engine_get(e, e->url);
	return ERR_OK;
}

/* Asking how it stands was refused for good, by the CA or by ourselves, since its URL leads
 * elsewhere: there is nothing to go on with. */
ENGINE_REFUSED(gone)
{
	(void)i;
	if (!engine_is_final(&answer->problem) && !answer->misled)
		return false;
	engine_gone(e, answer->problem.detail);
	return true;
}
