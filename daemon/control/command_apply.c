/* SPDX-License-Identifier: Apache-2.0 */
/* The verb apply: names made to be as the request says, in one transaction; what is so already is
 * left alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_item.h"
#include "daemon/control/command_removed.h"
#include "daemon/order/issuer.h"
#include "daemon/order/plan.h"
#include "daemon/watch/upkeep.h"
#include "store/event.h"
#include "store/order.h"
#include "store/store.h"

static const struct {
	const char *word;
	const char *event;
} changes[] = {
	[UNCHANGED] = {"unchanged", NULL},
	[CREATED] = {"created", "name.added"},
	[UPDATED] = {"updated", "name.changed"},
	[REMOVED] = {"removed", "name.removed"},
};

struct batch {
	struct control_client *cl;
	struct store_txn *txn;
	struct ca_choice cas; /* none, as NULL below: the request names none */
	const struct conf_backend *backend;
	enum external external;
	bool dry_run;
	char no_room[PROBLEM_DETAIL_MAX]; /* why no name can be new, "" = it can */
	struct wish *wishes;
	size_t count;
};

/* ---- one name ------------------------------------------------------------------------------- */

/* Who shares D's certificate; what is so already is no change. */
static enum err
take_with(struct batch *b, struct wish *w, struct domain *d, bool only_look)
{
	char why[SET_WHY_MAX] = "";
	bool changed;
	enum err err;

	if (!w->with.given)
		return ERR_OK;
	w->with.conf = b->cl->control->conf;
	err = set_wish_apply(b->txn, d, &w->with, only_look, &changed, why);
	if (err == ERR_EXISTS || err == ERR_TOOBIG) {
		wish_refuse(w, err == ERR_EXISTS ? "conflict" : "quota", "%s", why);
		return ERR_OK;
	}
	if (!err && changed && w->change == UNCHANGED)
		w->change = UPDATED;
	return err;
}

/* D as it is to be (OTHER: it differs), and who shares its certificate; all of it or nothing. */
static enum err
put(struct batch *b, struct wish *w, struct domain *d, bool other)
{
	enum err err = take_with(b, w, d, true);

	if (err || w->word || b->dry_run)
		return err;
	if (other)
		err = domain_put(b->txn, d);
	return err ? err : take_with(b, w, d, false);
}

/* D, new or external, gets the CAs that W wants, or none. False: W is refused. */
static bool
take_cas(struct batch *b, struct wish *w, const struct conf_backend *backend, struct domain *d)
{
	struct ca_choice cas = w->cas.count ? w->cas : b->cas;
	enum external external = w->external ? w->external : b->external;

	if (!w->cas.count && (w->external == EXTERNAL_YES || !b->cas.count) &&
	    !default_cas(b->cl->control->conf, external, backend, &cas)) {
		wish_refuse(w, "unknown-ca", "%s", no_default_ca);
		return false;
	}
	if (cas.count && hostname_is_wildcard(&d->name) && !ca_may_have_wildcards(cas.cas[0])) {
		wish_refuse(w, "unsupported",
		            "a wildcard certificate needs dns-01, which this CA's "
		            "block does not allow");
		return false;
	}
	choice_put(&cas, d);
	if (!cas.count)
		return true;
	d->state = d->generation ? DOMAIN_VALID : DOMAIN_PENDING;
	d->due_at = d->generation
	                    ? plan_renew_at(d->not_before, d->not_after, plan_spread_of(&d->name))
	                    : clock_wall();
	return true;
}

/* False: W is refused, or *RET_ERR says what went wrong. */
static bool
is_in_quota(struct batch *b, struct wish *w, const struct domain *before, const struct domain *d,
            enum err *ret_err)
{
	char why[PROBLEM_DETAIL_MAX];
	enum err err = labels_in_quota(b->txn, b->cl->control->conf, before, d, why, sizeof(why));

	*ret_err = err == ERR_TOOBIG ? ERR_OK : err;
	if (err == ERR_TOOBIG)
		wish_refuse(w, "quota", "%s", why);
	return !err;
}

static enum err
create(struct batch *b, struct wish *w)
{
	struct domain d = {.name = w->name, .created_at = clock_wall()};
	const struct conf_backend *backend = w->backend ? w->backend : b->backend;
	enum err err = ERR_OK;

	if (!backend && !(backend = b->cl->control->conf->otherwise.backend)) {
		wish_refuse(w, "unknown-backend", "%s", no_default_backend);
		return ERR_OK;
	}
	if (!take_cas(b, w, backend, &d))
		return ERR_OK;
	if (!external_is_served(&d, backend) || b->no_room[0]) {
		wish_refuse(w, b->no_room[0] ? err_word(ERR_FULL) : "unsupported", "%s",
		            b->no_room[0] ? b->no_room : external_needs_certificate);
		return ERR_OK;
	}
	memcpy(d.labels, w->labels.labels, sizeof(d.labels));
	if (!is_in_quota(b, w, NULL, &d, &err))
		return err;
	w->change = CREATED;
	w->ordered = d.state != DOMAIN_EXTERNAL;
	snprintf(w->detail, sizeof(w->detail), "%s%s, backend %s", w->ordered ? "ca " : "external",
	         *d.cas ? d.cas : d.ca, backend->name);
	snprintf(d.backend, sizeof(d.backend), "%s", backend->name);
	return put(b, w, &d, true);
}

/* An external name that is given a CA is ordered for; one whose CA is taken is left to others. */
static bool
change_cas(struct batch *b, struct wish *w, const struct conf_backend *backend, struct domain *d)
{
	bool was = d->state == DOMAIN_EXTERNAL, to_external = w->external == EXTERNAL_YES && !was;
	bool other = w->cas.count && !choice_is(&w->cas, d);
	char why[SET_WHY_MAX];

	if ((to_external || other) && !set_is_free(b->txn, d, to_external, why)) {
		wish_refuse(w, "conflict", "%s", why);
		return false;
	}
	if (was && w->external == EXTERNAL_NO)
		return take_cas(b, w, backend, d);
	if (to_external)
		domain_make_external(d);
	else if (w->cas.count && !choice_is(&w->cas, d))
		choice_put(&w->cas, d);
	if (other && d->state == DOMAIN_MOVED)
		d->state = DOMAIN_FAILING; /* the new CA may be shown something else */
	return true;
}

/* What somebody asks for does not lapse any more when it is not used. */
static void
keep(struct domain *d)
{
	if (domain_is_put_off(d))
		d->due_at = clock_wall();
	d->used_at = 0;
}

static enum err
update(struct batch *b, struct wish *w, struct domain *d)
{
	struct domain before = *d;
	const struct conf_backend *backend =
		w->backend ? w->backend : conf_backend(b->cl->control->conf, d->backend);
	enum err err;

	if (!change_cas(b, w, backend, d))
		return ERR_OK;
	w->ordered = d->state != DOMAIN_EXTERNAL;
	if (w->backend)
		snprintf(d->backend, sizeof(d->backend), "%s", w->backend->name);
	if (w->relabel)
		memcpy(d->labels, w->labels.labels, sizeof(d->labels));
	keep(d);
	if (!is_in_quota(b, w, &before, d, &err))
		return err;
	if (strcmp(d->ca, before.ca) == 0 && strcmp(d->cas, before.cas) == 0 &&
	    strcmp(d->backend, before.backend) == 0 && d->state == before.state &&
	    strcmp(d->labels, before.labels) == 0 && d->used_at == before.used_at)
		return put(b, w, d, false);
	if (!external_is_served(d, backend)) {
		wish_refuse(w, "unsupported", "%s", external_needs_certificate);
		return ERR_OK;
	}
	w->change = UPDATED;
	snprintf(w->detail, sizeof(w->detail), "%s%s%s%s%s%s%s",
	         w->ordered ? w->cas.count ? "ca " : "" : "external ",
	         w->cas.count ? *d->cas ? d->cas : d->ca : "", w->backend ? " backend " : "",
	         w->backend ? w->backend->name : "", w->relabel ? " labels" : "",
	         w->with.given ? " with" : "", before.used_at ? " kept" : "");
	return put(b, w, d, true);
}

static enum err
apply_one(struct batch *b, struct wish *w)
{
	struct domain d;
	enum err err = domain_get(b->txn, &w->name, &d);

	if (err == ERR_NOTFOUND)
		return w->absent ? ERR_OK : create(b, w);
	if (err == ERR_CORRUPT) {
		wish_refuse(w, err_word(err), "%s", err_text(err));
		return ERR_OK;
	}
	if (err)
		return err;
	if (!w->absent)
		return update(b, w, &d);
	w->change = REMOVED;
	return b->dry_run ? ERR_OK : removed_put(b->txn, b->cl, &w->name, "apply", NULL);
}

/* ---- the batch ------------------------------------------------------------------------------ */

static enum err
apply_all(struct batch *b)
{
	struct store *store = b->cl->control->store;
	enum err err = b->dry_run ? store_begin_read(store, STORE_SERVED, &b->txn)
	                          : store_begin_write(store, STORE_SERVED, &b->txn);

	if (err)
		return err;
	for (size_t i = 0; i < b->count && !err; i++)
		if (!b->wishes[i].word)
			err = apply_one(b, &b->wishes[i]);
	if (!err && !b->dry_run)
		return store_commit(b->txn);
	store_abort(b->txn);
	return err;
}

static enum err
put_event(struct store_txn *txn, const struct wish *w)
{
	struct event e = {.at = clock_wall()};
	enum err err = ERR_OK;

	if (w->word || w->change == UNCHANGED)
		return ERR_OK;
	snprintf(e.type, sizeof(e.type), "%s", changes[w->change].event);
	snprintf(e.name, sizeof(e.name), "%s", w->name.name);
	snprintf(e.detail, sizeof(e.detail), "%s", w->detail);
	if (w->change == REMOVED)
		err = forget_orders(txn, &w->name);
	else if (!w->ordered)
		err = order_del(txn, &w->name);
	return err ? err : event_put(txn, &e);
}

static void
write_events(struct batch *b)
{
	struct control *c = b->cl->control;
	struct store_txn *txn;
	enum err err = store_begin_write(c->store, STORE_PRIVATE, &txn);

	if (!err) {
		for (size_t i = 0; i < b->count && !err; i++)
			err = put_event(txn, &b->wishes[i]);
		err = store_finish(txn, err);
	}
	if (err)
		log_warn("events are not written: %s", err_text(err));
	notice_nudge(c->notices);
}

static void
answer(struct batch *b)
{
	unsigned seen = 0;

	for (size_t i = 0; i < b->count; i++) {
		const struct wish *w = &b->wishes[i];
		cJSON *result, *error, *line = line_with("result", &result);

		cJSON_AddNumberToObject(result, "at", (double)i);
		if (w->name.len || w->given)
			cJSON_AddStringToObject(result, "name",
			                        w->name.len ? w->name.name : w->given);
		cJSON_AddBoolToObject(result, "ok", !w->word);
		if (w->word) {
			error = cJSON_AddObjectToObject(result, "error");
			cJSON_AddStringToObject(error, "code", w->word);
			cJSON_AddStringToObject(error, "detail", w->detail);
		} else {
			cJSON_AddStringToObject(result, "change", changes[w->change].word);
			if (w->absent)
				cJSON_AddTrueToObject(result, "absent");
		}
		seen |= 1u << (w->word ? msg_exit_of_code(w->word) : MSG_EXIT_OK);
		reply_json(b->cl, line);
	}
	reply_end(b->cl, msg_exit_combine(seen));
}

static enum err
run(struct batch *b, const cJSON *items)
{
	const cJSON *item;
	bool any = false;
	enum err err;

	if (upkeep_takes_new(b->cl->control->upkeep, b->no_room, sizeof(b->no_room)))
		b->no_room[0] = '\0';
	b->wishes = calloc((size_t)cJSON_GetArraySize(items), sizeof(*b->wishes));
	if (!b->wishes)
		return ERR_NOMEM;
	cJSON_ArrayForEach(item, items)
		wish_read(b->cl->control->conf, item, &b->wishes[b->count++]);
	err = apply_all(b);
	if (err)
		return err;
	for (size_t i = 0; i < b->count; i++)
		any = any || (!b->wishes[i].word && b->wishes[i].change != UNCHANGED);
	if (any && !b->dry_run)
		write_events(b);
	return ERR_OK;
}

void
command_apply(struct control_client *cl, const cJSON *request)
{
	const cJSON *items = json_array(request, "items");
	int count = items ? cJSON_GetArraySize(items) : 0;
	struct batch b = {.cl = cl, .dry_run = json_bool(request, "dry_run", false)};
	enum err err;

	if (count < 1 || count > MSG_NAMES_MAX) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid",
		            "\"items\" must be a list of 1 to %d objects", MSG_NAMES_MAX);
		return;
	}
	if (!given_blocks(cl, request, &b.cas, &b.backend))
		return;
	b.external = external_of(request);
	err = run(&b, items);
	if (err) {
		log_err("the store takes no change: %s", err_text(err));
		reply_error(cl, MSG_EXIT_FAILED, err_word(err),
		            "nothing was changed: the store says \"%s\"", err_text(err));
	} else {
		answer(&b);
		issuer_forget_removed(cl->control->issuer);
	}
	for (size_t i = 0; i < b.count; i++)
		set_wish_done(&b.wishes[i].with);
	free(b.wishes);
}
