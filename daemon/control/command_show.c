/* SPDX-License-Identifier: Apache-2.0 */
/* The verb that looks at one name: show; and what list and show share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/chain.h"
#include "acme/engine.h"
#include "base/clock.h"
#include "base/idna.h"
#include "base/json.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_inside.h"
#include "daemon/control/command_removed.h"
#include "daemon/control/command_set.h"
#include "daemon/order/issuer.h"
#include "daemon/watch/upkeep.h"
#include "store/cert.h"
#include "store/diagnosis.h"
#include "store/domain_cas.h"
#include "store/domain_list.h"
#include "store/ocsp.h"
#include "store/order.h"
#include "store/persist.h"
#include "store/renewal.h"
#include "store/store.h"

enum { CAS_MAX = 32 };

void
add_time(cJSON *object, const char *member, int64_t at)
{
	char text[CLOCK_TEXT_MAX];

	if (at > 0)
		cJSON_AddStringToObject(object, member, clock_format(at, text));
}

const char *
shown_state(const struct domain *d, int64_t now)
{
	if (d->generation > 0 && d->not_after <= now && d->state != DOMAIN_MOVED)
		return "expired";
	if (d->due_at == 0 && d->generation > 0 && !d->lead.len && d->state != DOMAIN_EXTERNAL &&
	    !domain_is_held(d))
		return "renewing";
	return domain_state_word(d->state);
}

cJSON *
problem_json(const struct problem *p)
{
	cJSON *error = cJSON_CreateObject();

	cJSON_AddStringToObject(error, "code", problem_code(p->kind));
	cJSON_AddStringToObject(error, "detail", p->detail);
	cJSON_AddStringToObject(error, "hint", problem_hint(p->kind));
	if (p->type[0])
		cJSON_AddStringToObject(error, "type", p->type);
	if (p->status)
		cJSON_AddNumberToObject(error, "status", p->status);
	return error;
}

/* Whether one of the CAs behind D's current one is not on hold: then that is where it goes. */
static bool
has_another(const struct domain *d, const struct issuer_ca *cas, size_t count)
{
	domain_ca_list list;
	size_t total = domain_cas(d, list), at = 0;

	while (at < total && strcmp(list[at], d->ca) != 0)
		at++;
	for (at++; at < total; at++)
		for (size_t i = 0; i < count; i++)
			if (strcmp(cas[i].name, list[at]) == 0 && cas[i].hold_until <= clock_wall())
				return true;
	return false;
}

bool
waits_for_ca(struct control *c, const struct domain *d, struct problem *ret_problem,
             int64_t *ret_next)
{
	struct issuer_ca cas[CAS_MAX];
	size_t count = issuer_cas(c->issuer, cas, CAS_MAX);

	if (!conf_ca(c->conf, d->ca)) {
		problem_set(ret_problem, PROBLEM_CONFIG, "the configuration has no ca \"%s\"",
		            d->ca);
		*ret_next = 0;
		return true;
	}
	for (size_t i = 0; i < count; i++) {
		if (strcmp(cas[i].name, d->ca) != 0 || cas[i].hold_until <= clock_wall() ||
		    cas[i].hold_until < d->due_at || has_another(d, cas, count))
			continue;
		*ret_problem = cas[i].problem;
		*ret_next = cas[i].hold_until;
		return true;
	}
	return false;
}

static void
add_error(cJSON *item, struct control *c, const struct domain *d)
{
	struct problem problem = d->problem;
	int64_t next = d->state == DOMAIN_MOVED ? 0 : d->due_at;
	cJSON *error;

	if (d->due_at != 0 && d->state != DOMAIN_MOVED)
		(void)waits_for_ca(c, d, &problem, &next);
	add_time(item, "next", next);
	if (problem.kind == PROBLEM_NONE)
		return;
	error = problem_json(&problem);
	cJSON_AddNumberToObject(error, "count", d->failures);
	add_time(error, "at", d->attempted_at);
	add_time(error, "next", next);
	cJSON_AddItemToObject(item, "error", error);
}

static void
add_cas(cJSON *item, const struct domain *d)
{
	domain_ca_list list;
	size_t count = domain_cas(d, list);
	cJSON *array = count > 1 ? cJSON_AddArrayToObject(item, "cas") : NULL;

	for (size_t i = 0; i < count && array; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(list[i]));
}

void
fill_item(cJSON *item, struct control *c, const struct domain *d)
{
	char display[4 * HOSTNAME_MAX + 1];

	cJSON_AddStringToObject(item, "name", d->name.name);
	idna_display(&d->name, display, sizeof(display));
	if (strcmp(display, d->name.name) != 0)
		cJSON_AddStringToObject(item, "display", display);
	cJSON_AddStringToObject(item, "state", shown_state(d, clock_wall()));
	cJSON_AddStringToObject(item, "backend", d->backend);
	if (d->ca[0])
		cJSON_AddStringToObject(item, "ca", d->ca);
	add_cas(item, d);
	cJSON_AddBoolToObject(item, "external", d->state == DOMAIN_EXTERNAL);
	labels_to_json(d, item);
	set_lead_to_json(d, item);
	add_time(item, "created_at", d->created_at);
	if (d->used_at)
		add_time(item, "used_at", d->used_at);
	if (d->generation > 0) {
		add_time(item, "not_before", d->not_before);
		add_time(item, "not_after", d->not_after);
		cJSON_AddNumberToObject(item, "generation", (double)d->generation);
	}
	add_error(item, c, d);
}

void
reply_store_error(struct control_client *cl, enum err err)
{
	reply_error(cl, MSG_EXIT_FAILED, err_word(err), "the store says \"%s\"", err_text(err));
}

/* ---- show ----------------------------------------------------------------------------------- */

static void
add_certificate(cJSON *item, const struct cert *cert)
{
	struct chain_facts facts;
	cJSON *names;

	if (!cert->leaf.len || chain_facts(cert->leaf.data, cert->leaf.len, &facts))
		return;
	cJSON_AddStringToObject(item, "serial", facts.serial);
	cJSON_AddStringToObject(item, "issuer", facts.issuer);
	cJSON_AddStringToObject(item, "key", facts.key);
	names = cJSON_AddArrayToObject(item, "names");
	for (size_t at = 0; at < facts.names.len;) {
		const char *name = (const char *)facts.names.data + at;

		cJSON_AddItemToArray(names, cJSON_CreateString(name));
		at += strlen(name) + 1;
	}
	buf_done(&facts.names);
}

static void
add_order(cJSON *item, struct control *c, const struct hostname *name)
{
	struct store_txn *txn;
	struct order order;
	struct engine *engine = NULL;
	const char *step = issuer_step(c->issuer, name), *any = "http-01";
	struct engine_config config = {.challenges = &any, .challenge_count = 1}; /* unused here */

	if (store_begin_read(c->store, STORE_PRIVATE, &txn))
		return;
	order_init(&order);
	if (!order_get(txn, name, &order) &&
	    !engine_load(order.state.data, order.state.len, &config, &engine)) {
		cJSON_AddStringToObject(item, "step", step ? step : engine_state_word(engine));
		if (*engine_url(engine))
			cJSON_AddStringToObject(item, "order", engine_url(engine));
	}
	store_abort(txn);
	engine_free(engine);
	order_done(&order);
}

/* A record of dns-persist-01 that ends, as it was seen last. */
static void
add_record(cJSON *item, struct control *c, const struct hostname *name)
{
	struct store_txn *txn;
	struct persist p;

	if (store_begin_read(c->store, STORE_PRIVATE, &txn))
		return;
	if (!persist_get(txn, name, &p)) {
		cJSON_AddStringToObject(item, "dns_record", p.record);
		add_time(item, "dns_record_until", p.ends_at);
	}
	store_abort(txn);
}

static void
add_certificates(cJSON *item, const struct domain *d, const struct cert *first,
                 const struct cert *second)
{
	cJSON *beside;

	if (d->generation > 0)
		add_certificate(item, first);
	if (d->second.generation == 0)
		return;
	beside = cJSON_AddObjectToObject(item, "second");
	add_time(beside, "not_before", d->second.not_before);
	add_time(beside, "not_after", d->second.not_after);
	add_certificate(beside, second);
}

static enum err
read_name(struct control *c, const struct hostname *name, struct domain *d, struct cert certs[2])
{
	struct store_txn *txn;
	enum err err = store_begin_read(c->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_get(txn, name, d);
	if (!err && d->generation > 0)
		err = cert_get_for(txn, d, &certs[0]);
	if (!err && d->second.generation > 0)
		err = cert_get_second(txn, d, &certs[1]);
	store_abort(txn);
	return err;
}

static void
add_answer(cJSON *object, struct store_txn *txn, const struct domain *d, bool second)
{
	uint64_t generation = second ? d->second.generation : d->generation;
	struct ocsp ocsp;

	ocsp_init(&ocsp);
	if (!ocsp_get(txn, &d->name, second, &ocsp) && ocsp.generation == generation) {
		add_time(object, "ocsp_until", ocsp.next_update);
		add_time(object, "ocsp_next", ocsp.due_at);
	}
	ocsp_done(&ocsp);
}

/* What the CA says about when (RFC 9773). Who shares a certificate has no record of its own. */
static void
add_renewal(cJSON *object, struct store_txn *txn, const struct domain *d, bool second)
{
	uint64_t generation = second ? d->second.generation : d->generation;
	struct renewal r;

	if (!generation || renewal_get(txn, d->lead.len ? &d->lead : &d->name, generation, &r))
		return;
	add_time(object, "renewal_from", r.window_start);
	add_time(object, "renewal_until", r.window_end);
	add_time(object, "renewal_at", r.renew_at);
	add_time(object, "renewal_asked", r.due_at);
	if (*r.explanation)
		cJSON_AddStringToObject(object, "renewal_why", r.explanation);
}

static void
add_diagnosis(cJSON *item, struct control *c, const struct hostname *name)
{
	struct store_txn *txn;
	struct diagnosis d;

	if (store_begin_read(c->store, STORE_PRIVATE, &txn))
		return;
	if (!diagnosis_get(txn, name, &d))
		cJSON_AddItemToObject(item, "diagnosis", diagnosis_json(&d));
	store_abort(txn);
}

static void
add_beside(cJSON *item, struct control *c, const struct domain *d)
{
	cJSON *second = cJSON_GetObjectItemCaseSensitive(item, "second");
	struct store_txn *txn;

	if (store_begin_read(c->store, STORE_SERVED, &txn))
		return;
	set_members_to_json(txn, &d->name, item);
	add_answer(item, txn, d, false);
	add_renewal(item, txn, d, false);
	if (second) {
		add_answer(second, txn, d, true);
		add_renewal(second, txn, d, true);
	}
	store_abort(txn);
}

void
command_show(struct control_client *cl, const cJSON *request)
{
	const char *given = json_text(request, "name");
	struct control *c = cl->control;
	struct hostname name;
	struct domain d;
	struct cert certs[2];
	cJSON *item, *line;
	char why[128];
	enum err err;

	if (!given || idna_parse(given, &name, why, sizeof(why))) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid-name", "%s",
		            given ? why : "\"name\" is missing");
		return;
	}
	cert_init(&certs[0]);
	cert_init(&certs[1]);
	err = read_name(c, &name, &d, certs);
	if (err == ERR_NOTFOUND) {
		removed_reply(cl, &name);
	} else if (err) {
		if (err == ERR_CORRUPT || err == ERR_VERSION)
			upkeep_suspect(c->upkeep, &name); /* ask again in a second */
		reply_store_error(cl, err);
	} else {
		line = line_with("item", &item);
		fill_item(item, c, &d);
		add_certificates(item, &d, &certs[0], &certs[1]);
		add_beside(item, c, &d);
		add_order(item, c, d.lead.len ? &d.lead : &name);
		if (d.state == DOMAIN_FAILING || d.state == DOMAIN_MOVED)
			add_diagnosis(item, c, &name);
		add_record(item, c, &name);
		reply_json(cl, line);
		reply_ok(cl);
	}
	cert_done(&certs[0]);
	cert_done(&certs[1]);
}
