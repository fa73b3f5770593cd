/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that change what is asked of us: add, renew, remove. Each takes up to MSG_NAMES_MAX
 * names in one transaction and answers one result line a name; what is answered "ok" is durable. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/idna.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_batch.h"
#include "daemon/control/command_removed.h"
#include "daemon/order/failover.h"
#include "daemon/order/issuer.h"
#include "store/attempt.h"
#include "store/diagnosis.h"
#include "store/event.h"
#include "store/order.h"
#include "store/set.h"
#include "store/store.h"

const char batch_is_paused[] = "it is paused: see certctl resume";

enum err
batch_refuse(struct outcome *o, enum err err, const char *word, const char *text)
{
	o->err = err;
	o->word = word;
	if (text)
		snprintf(o->detail, sizeof(o->detail), "%s", text);
	return ERR_OK;
}

/* ---- one name ------------------------------------------------------------------------------- */

static enum err
add_one(struct batch *b, struct outcome *o)
{
	struct domain d;
	enum err err = domain_get(b->txn, &o->name, &d);

	if (!err)
		return batch_refuse(o, ERR_EXISTS, "conflict",
		                    "this name is here already: see certctl show");
	if (err != ERR_NOTFOUND)
		return err;
	if (b->cas.count && hostname_is_wildcard(&o->name) && !ca_may_have_wildcards(b->cas.cas[0]))
		return batch_refuse(
			o, ERR_UNSUPPORTED, "unsupported",
			"a wildcard certificate needs dns-01, which this CA's block does not "
			"allow");
	d = (struct domain){.name = o->name, .state = DOMAIN_PENDING, .created_at = clock_wall()};
	d.due_at = d.created_at;
	choice_put(&b->cas, &d);
	if (!external_is_served(&d, b->backend))
		return batch_refuse(o, ERR_UNSUPPORTED, "unsupported", external_needs_certificate);
	snprintf(d.backend, sizeof(d.backend), "%s", b->backend->name);
	memcpy(d.labels, b->labels.labels, sizeof(d.labels));
	err = labels_in_quota(b->txn, b->control->conf, NULL, &d, o->detail, sizeof(o->detail));
	if (err == ERR_TOOBIG)
		return batch_refuse(o, err, "quota", NULL);
	if (err)
		return err;
	if (b->together && b->lead.len) {
		d.lead = b->lead;
		d.due_at = 0;
	} else {
		b->lead = o->name;
	}
	return domain_put(b->txn, &d);
}

static bool
is_configured(void *conf, const char *ca)
{
	return conf_ca(conf, ca) != NULL;
}

enum err
batch_get_ordered(struct batch *b, struct outcome *o, struct domain *d)
{
	enum err err = domain_get(b->txn, &o->name, d);

	if (err == ERR_NOTFOUND)
		return batch_refuse(o, err, "not-found", "there is no such name here");
	if (!err)
		err = set_lead(b->txn, d, d);
	if (err)
		return err;
	if (d->state == DOMAIN_EXTERNAL)
		return batch_refuse(o, ERR_UNSUPPORTED, "unsupported",
		                    "this name is external: no certificate is ordered for it "
		                    "before certctl apply gives it a \"ca\"");
	if (!conf_ca(b->control->conf, d->ca))
		failover_restart(d, is_configured, (void *)b->control->conf);
	if (!conf_ca(b->control->conf, d->ca))
		return batch_refuse(o, ERR_NOTFOUND, "unknown-ca",
		                    "its ca is not in the configuration");
	return ERR_OK;
}

void
batch_let_go(struct domain *d)
{
	if (d->state == DOMAIN_MOVED)
		d->state = DOMAIN_FAILING;
	if (d->used_at)
		d->used_at = clock_wall();
}

static enum err
renew_one(struct batch *b, struct outcome *o)
{
	struct domain d;
	enum err err = batch_get_ordered(b, o, &d);

	if (err || o->err)
		return err;
	if (d.state == DOMAIN_PAUSED)
		return batch_refuse(o, ERR_WRONGSTATE, "conflict", batch_is_paused);
	snprintf(o->ca, sizeof(o->ca), "%s", d.ca);
	if (d.due_at == 0)
		return ERR_OK; /* in work already */
	batch_let_go(&d);
	d.due_at = clock_wall();
	return domain_put(b->txn, &d);
}

static enum err
remove_one(struct batch *b, struct outcome *o)
{
	enum err err = removed_put(b->txn, b->cl, &o->name, "remove", b->why);

	if (err == ERR_NOTFOUND)
		return batch_refuse(o, err, "not-found", "there is no such name here");
	return err;
}

/* ---- the batch ------------------------------------------------------------------------------ */

static enum err
parse_names(struct batch *b, const cJSON *names)
{
	const cJSON *item;
	char why[128];

	b->outcomes = calloc((size_t)cJSON_GetArraySize(names), sizeof(*b->outcomes));
	if (!b->outcomes)
		return ERR_NOMEM;
	cJSON_ArrayForEach(item, names)
	{
		struct outcome *o = &b->outcomes[b->count++];

		o->given = cJSON_GetStringValue(item);
		if (!o->given)
			return ERR_INVALID;
		if (idna_parse(o->given, &o->name, why, sizeof(why)))
			(void)batch_refuse(o, ERR_INVALID, "invalid-name", why);
	}
	return ERR_OK;
}

static enum err
apply_all(struct batch *b)
{
	enum err err = store_begin_write(b->control->store, STORE_SERVED, &b->txn);

	for (size_t i = 0; i < b->count && !err; i++)
		if (!b->outcomes[i].err)
			err = b->apply(b, &b->outcomes[i]);
	if (err) {
		store_abort(b->txn);
		return err;
	}
	return store_commit(b->txn);
}

enum err
forget_orders(struct store_txn *txn, const struct hostname *name)
{
	enum err err = order_del(txn, name);

	if (!err)
		err = attempts_del(txn, name);
	return err ? err : diagnosis_del(txn, name);
}

/* The audit trail; and orders of removed names go. What was answered does not depend on it. */
static void
write_events(const struct batch *b)
{
	struct store_txn *txn = NULL;
	enum err err = store_begin_write(b->control->store, STORE_PRIVATE, &txn);

	for (size_t i = 0; i < b->count && !err; i++) {
		const struct outcome *o = &b->outcomes[i];
		struct event e = {.at = clock_wall()};
		char cas[DOMAIN_CAS_TEXT_MAX + 1];

		if (o->err || !b->event)
			continue;
		snprintf(e.type, sizeof(e.type), "%s", b->event);
		snprintf(e.name, sizeof(e.name), "%s", o->name.name);
		if (b->apply == add_one)
			snprintf(e.detail, sizeof(e.detail), "%s%s, backend %s",
			         b->cas.count ? "ca " : "external", choice_text(&b->cas, cas),
			         b->backend->name);
		else if (b->apply == remove_one)
			err = forget_orders(txn, &o->name);
		if (!err)
			err = event_put(txn, &e);
	}
	err = store_finish(txn, err);
	if (err)
		log_warn("events are not written: %s", err_text(err));
	notice_nudge(b->control->notices);
}

static void
answer_one(const struct batch *b, const struct outcome *o)
{
	cJSON *result, *error, *line = line_with("result", &result);

	cJSON_AddStringToObject(result, "name", o->name.len ? o->name.name : o->given);
	cJSON_AddBoolToObject(result, "ok", !o->err);
	if (b->apply == add_one && !o->err)
		owner_to_json(b->control, &o->name, result);
	if (o->err) {
		error = cJSON_AddObjectToObject(result, "error");
		cJSON_AddStringToObject(error, "code", o->word);
		cJSON_AddStringToObject(error, "detail", o->detail);
	}
	reply_json(b->cl, line);
}

/* The names are waited for before the issuer is woken, so no step is missed. */
static void
answer_all(struct batch *b)
{
	unsigned seen = 0;

	for (size_t i = 0; i < b->count; i++) {
		const struct outcome *o = &b->outcomes[i];

		answer_one(b, o);
		if (o->err || !b->wait)
			seen |= 1u << (o->err ? msg_exit_of_code(o->word) : MSG_EXIT_OK);
		if (!o->err && o->ca[0]) /* renew: tried now even if the CA is on hold */
			issuer_kick(b->control->issuer, o->ca);
		if (!o->err && b->wait)
			wait_add(b->cl, &o->name);
	}
	if (b->wait)
		wait_begin(b->cl, seen);
	else
		reply_end(b->cl, msg_exit_combine(seen));
	issuer_wake(b->control->issuer);
}

void
batch_run(struct batch *b, const cJSON *request)
{
	const cJSON *names = json_array(request, "names");
	int count = names ? cJSON_GetArraySize(names) : 0;
	enum err err;

	if (count < 1 || count > MSG_NAMES_MAX) {
		reply_error(b->cl, MSG_EXIT_USAGE, "invalid",
		            "\"names\" must be a list of 1 to %d names", MSG_NAMES_MAX);
		return;
	}
	err = parse_names(b, names);
	if (!err && b->before)
		err = b->before(b);
	if (!err)
		err = apply_all(b);
	if (err == ERR_INVALID) {
		reply_error(b->cl, MSG_EXIT_USAGE, "invalid", "a name must be a text");
	} else if (err) {
		log_err("the store takes no change: %s", err_text(err));
		reply_error(b->cl, MSG_EXIT_FAILED, err_word(err),
		            "nothing was changed: the store says \"%s\"", err_text(err));
	} else {
		write_events(b);
		answer_all(b);
	}
	free(b->outcomes);
}

/* ---- verbs ---------------------------------------------------------------------------------- */

void
command_add(struct control_client *cl, const cJSON *request)
{
	struct batch b = {.cl = cl,
	                  .control = cl->control,
	                  .event = "name.added",
	                  .apply = add_one,
	                  .together = json_bool(request, "one_certificate", false),
	                  .wait = json_bool(request, "wait", false)};
	char why[128];

	if (labels_from_json(json_object(request, "labels"), &b.labels, why, sizeof(why)))
		reply_error(cl, MSG_EXIT_USAGE, "invalid", "%s", why);
	else if (b.together && cJSON_GetArraySize(json_array(request, "names")) > SET_NAMES_MAX)
		reply_error(cl, MSG_EXIT_USAGE, "invalid", "a certificate has at most %d names",
		            SET_NAMES_MAX);
	else if (!choose_blocks(cl, request, &b.cas, &b.backend))
		return;
	else if (b.together && !b.cas.count)
		reply_error(cl, MSG_EXIT_USAGE, "invalid",
		            "no certificate is ordered for external names, so they share none");
	else
		batch_run(&b, request);
}

void
command_renew(struct control_client *cl, const cJSON *request)
{
	struct batch b = {.cl = cl,
	                  .control = cl->control,
	                  .apply = renew_one,
	                  .wait = json_bool(request, "wait", false)};

	batch_run(&b, request);
}

void
command_remove(struct control_client *cl, const cJSON *request)
{
	struct batch b = {
		.cl = cl, .control = cl->control, .event = "name.removed", .apply = remove_one};

	b.why = json_text(request, "reason");
	if (!removed_why_is_good(cl, b.why))
		return;
	batch_run(&b, request);
	issuer_forget_removed(cl->control->issuer);
}
