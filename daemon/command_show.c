/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that look at one thing: show, status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acme/chain.h"
#include "acme/engine.h"
#include "base/clock.h"
#include "base/idna.h"
#include "base/json.h"
#include "daemon/conf.h"
#include "daemon/command_inside.h"
#include "daemon/issuer.h"
#include "daemon/status.h"
#include "store/cert.h"
#include "store/domain_list.h"
#include "store/event.h"
#include "store/order.h"
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
	if (d->generation > 0 && d->not_after <= now)
		return "expired";
	if (d->due_at == 0 && d->generation > 0)
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
		    cas[i].hold_until < d->due_at)
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
	int64_t next = d->due_at;
	cJSON *error;

	if (d->due_at != 0)
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
	cJSON_AddStringToObject(item, "ca", d->ca);
	labels_to_json(d, item);
	add_time(item, "created_at", d->created_at);
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

	if (chain_facts(cert->leaf.data, cert->leaf.len, &facts))
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
	const char *step = issuer_step(c->issuer, name), *any = "http-01"; /* not asked for here */

	if (store_begin_read(c->store, STORE_PRIVATE, &txn))
		return;
	order_init(&order);
	if (!order_get(txn, name, &order) &&
	    !engine_load(order.state.data, order.state.len, &any, 1, &engine)) {
		cJSON_AddStringToObject(item, "step", step ? step : engine_state_word(engine));
		if (*engine_url(engine))
			cJSON_AddStringToObject(item, "order", engine_url(engine));
	}
	store_abort(txn);
	engine_free(engine);
	order_done(&order);
}

void
command_show(struct control_client *cl, const cJSON *request)
{
	const char *given = json_text(request, "name");
	struct control *c = cl->control;
	struct hostname name;
	struct domain d;
	struct cert cert;
	struct store_txn *txn;
	cJSON *item, *line;
	char why[128];
	enum err err;

	if (!given || idna_parse(given, &name, why, sizeof(why))) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid-name", "%s",
		            given ? why : "\"name\" is missing");
		return;
	}
	cert_init(&cert);
	err = store_begin_read(c->store, STORE_SERVED, &txn);
	if (!err) {
		err = domain_get(txn, &name, &d);
		if (!err && d.generation > 0)
			err = cert_get_for(txn, &d, &cert);
		store_abort(txn);
	}
	if (err == ERR_NOTFOUND) {
		reply_error(cl, MSG_EXIT_NOTFOUND, "not-found", "there is no name %s here",
		            name.name);
	} else if (err) {
		reply_store_error(cl, err);
	} else {
		line = line_with("item", &item);
		fill_item(item, c, &d);
		if (d.generation > 0)
			add_certificate(item, &cert);
		add_order(item, c, &name);
		reply_json(cl, line);
		reply_ok(cl);
	}
	cert_done(&cert);
}

/* ---- status --------------------------------------------------------------------------------- */

static void
add_names(cJSON *status, struct store_txn *txn)
{
	cJSON *names = cJSON_AddObjectToObject(status, "names");
	uint64_t total = 0, count;

	for (int s = DOMAIN_PENDING; s < DOMAIN_STATE_END; s++) {
		if (domain_count_state(txn, s, &count))
			continue;
		cJSON_AddNumberToObject(names, domain_state_word(s), (double)count);
		total += count;
	}
	cJSON_AddNumberToObject(names, "total", (double)total);
}

static void
add_cas(cJSON *status, struct control *c, struct store_txn *txn)
{
	cJSON *list = cJSON_AddArrayToObject(status, "cas");
	struct issuer_ca cas[CAS_MAX];
	size_t count = issuer_cas(c->issuer, cas, CAS_MAX);

	for (size_t i = 0; i < count; i++) {
		const struct conf_ca *conf = conf_ca(c->conf, cas[i].name);
		cJSON *ca = cJSON_CreateObject();
		uint64_t names;

		cJSON_AddStringToObject(ca, "name", cas[i].name);
		if (conf)
			cJSON_AddStringToObject(ca, "directory", conf->directory);
		cJSON_AddStringToObject(ca, "state", cas[i].state);
		if (!domain_count_ca(txn, cas[i].name, &names))
			cJSON_AddNumberToObject(ca, "names", (double)names);
		cJSON_AddNumberToObject(ca, "orders", (double)cas[i].orders);
		add_time(ca, "hold_until", cas[i].hold_until);
		if (cas[i].problem.kind != PROBLEM_NONE)
			cJSON_AddItemToObject(ca, "error", problem_json(&cas[i].problem));
		cJSON_AddItemToArray(list, ca);
	}
}

static void
add_front(cJSON *status, const struct status *page)
{
	cJSON *front = cJSON_AddObjectToObject(status, "front");

	for (int i = 0; i < STATUS_COUNT; i++)
		cJSON_AddNumberToObject(front, status_word(i), (double)status_sum(page, i));
}

static void
add_store(cJSON *status, struct control *c)
{
	cJSON *store = cJSON_AddObjectToObject(status, "store");
	struct store_stat stat;
	struct store_txn *txn;
	uint64_t last = 0;

	if (!store_stat(c->store, &stat)) {
		cJSON_AddNumberToObject(store, "used_bytes", (double)stat.used_bytes);
		cJSON_AddNumberToObject(store, "map_bytes", (double)stat.map_bytes);
		cJSON_AddNumberToObject(store, "readers", (double)stat.readers);
	}
	if (store_begin_read(c->store, STORE_PRIVATE, &txn))
		return;
	if (!event_last(txn, &last))
		cJSON_AddNumberToObject(status, "events_last", (double)last);
	store_abort(txn);
}

void
command_status(struct control_client *cl, const cJSON *request)
{
	struct control *c = cl->control;
	cJSON *status, *line = line_with("status", &status);
	struct store_txn *txn;
	enum err err;

	(void)request;
	cJSON_AddStringToObject(status, "version", CERTD_VERSION);
	cJSON_AddNumberToObject(status, "pid", atomic_load(&c->status->pid));
	add_time(status, "started_at", c->started_at);
	cJSON_AddNumberToObject(status, "workers", c->conf->workers);
	cJSON_AddNumberToObject(status, "worker_restarts",
	                        (double)atomic_load(&c->status->worker_restarts));
	err = store_begin_read(c->store, STORE_SERVED, &txn);
	if (err) {
		cJSON_Delete(line);
		reply_store_error(cl, err);
		return;
	}
	add_names(status, txn);
	add_cas(status, c, txn);
	store_abort(txn);
	add_front(status, c->status);
	add_store(status, c);
	reply_json(cl, line);
	reply_ok(cl);
}
