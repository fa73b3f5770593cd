/* SPDX-License-Identifier: Apache-2.0 */
/* The verb limits: what each CA's limits leave us, and what is blocked until when. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/pace.h"
#include "base/clock.h"
#include "base/json.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_inside.h"
#include "daemon/order/budget.h"
#include "daemon/order/issuer.h"
#include "daemon/order/limits.h"
#include "store/budget.h"
#include "store/store.h"

enum { PAGE = 64, ROWS_MAX = 1000, CAS_MAX = 32 };

struct look {
	struct control_client *cl;
	const char *ca; /* NULL: all */
	bool all;       /* also those with room */
	int64_t now;
	size_t rows;
};

static void
tell(struct look *look, const struct limit_record *l, const struct limits_room *room)
{
	cJSON *object, *line = line_with("limit", &object);

	cJSON_AddStringToObject(object, "ca", l->id.ca);
	cJSON_AddStringToObject(object, "scope", limit_scope_word(l->id.scope));
	if (l->id.scope != LIMIT_ACCOUNT)
		cJSON_AddStringToObject(object, "of", *l->title ? l->title : l->id.key);
	if (l->count) {
		cJSON_AddNumberToObject(object, "limit", l->count);
		cJSON_AddNumberToObject(object, "seconds", l->period);
		cJSON_AddNumberToObject(object, "left", room->left);
	}
	cJSON_AddBoolToObject(object, "blocked", room->left == 0);
	if (room->left == 0)
		add_time(object, "until", room->next);
	if (limits_is_blocked(l, look->now)) {
		add_time(object, "since", l->since);
		cJSON_AddStringToObject(object, "reason", l->text);
	}
	reply_json(look->cl, line);
	look->rows++;
}

/* Requests per second: those that the CA has held. */
static void
tell_requests(struct look *look, const struct conf_ca *ca)
{
	int64_t mono = clock_mono_ms();
	struct pace *pace;

	if (pace_open(ca->directory, &pace))
		return;
	for (enum pace_endpoint e = 0; e < PACE_ENDPOINTS; e++) {
		struct pace_room room = pace_look(pace, e, mono);
		cJSON *object, *line;

		if (!room.held_until && !(look->all && room.rate.count))
			continue;
		line = line_with("limit", &object);
		cJSON_AddStringToObject(object, "ca", ca->name);
		cJSON_AddStringToObject(object, "scope", pace_word(e));
		if (room.rate.count) {
			cJSON_AddNumberToObject(object, "limit", room.rate.count);
			cJSON_AddNumberToObject(object, "seconds", room.rate.period);
			cJSON_AddNumberToObject(object, "left", room.left);
		}
		cJSON_AddBoolToObject(object, "blocked", room.held_until != 0);
		if (room.held_until)
			add_time(object, "until",
			         look->now + (room.held_until - mono + 999) / 1000);
		reply_json(look->cl, line);
		look->rows++;
	}
	pace_close(pace);
}

/* A CA's hold closes all of it. */
static void
tell_account(struct look *look, const struct conf_ca *ca, const struct issuer_ca *seen,
             struct store_txn *txn)
{
	struct limit_record l = {.since = look->now};
	struct budget_record r = {.orders = 0};
	struct budget b;
	struct limits_room room;

	snprintf(l.id.ca, sizeof(l.id.ca), "%s", ca->name);
	if (!budget_get(txn, ca->name, &r) && r.period)
		b = (struct budget){r.orders, r.period, r.level, r.at};
	else
		b = (struct budget){0};
	budget_set(&b, ca->budget, ca->budget_period, look->now);
	l.count = b.orders;
	l.period = b.period;
	l.level = b.level;
	l.at = b.at;
	if (seen && seen->hold_until > look->now) {
		l.until = seen->hold_until;
		snprintf(l.text, sizeof(l.text), "%s", seen->problem.detail);
	}
	room = limits_room(&l, look->now);
	tell(look, &l, &room);
}

static void
tell_accounts(struct look *look, struct store_txn *txn)
{
	struct control *c = look->cl->control;
	struct issuer_ca seen[CAS_MAX];
	size_t count = issuer_cas(c->issuer, seen, CAS_MAX);

	for (size_t i = 0; i < c->conf->ca_count; i++) {
		const struct conf_ca *ca = &c->conf->cas[i];
		const struct issuer_ca *of = NULL;

		for (size_t k = 0; k < count; k++)
			if (strcmp(seen[k].name, ca->name) == 0)
				of = &seen[k];
		if (!look->ca || strcmp(look->ca, ca->name) == 0)
			tell_account(look, ca, of, txn);
		if (!look->ca || strcmp(look->ca, ca->name) == 0)
			tell_requests(look, ca);
	}
}

static enum err
tell_others(struct look *look, struct store_txn *txn)
{
	struct limit_record *page = calloc(PAGE, sizeof(*page));
	struct limit_id after;
	bool first = true;
	size_t count = PAGE;
	enum err err = page ? ERR_OK : ERR_NOMEM;

	while (!err && count == PAGE && look->rows < ROWS_MAX) {
		err = limit_page(txn, first ? NULL : &after, PAGE, page, &count);
		for (size_t i = 0; i < count && !err; i++) {
			struct limits_room room = limits_room(&page[i], look->now);

			after = page[i].id;
			first = false;
			if ((!look->ca || strcmp(look->ca, after.ca) == 0) &&
			    after.scope != LIMIT_ACCOUNT && (look->all || room.left == 0))
				tell(look, &page[i], &room);
		}
	}
	free(page);
	return err;
}

void
command_limits(struct control_client *cl, const cJSON *request)
{
	struct look look = {.cl = cl,
	                    .ca = json_text(request, "ca"),
	                    .all = json_bool(request, "all", false),
	                    .now = clock_wall()};
	struct store_txn *txn;
	char why[NO_BLOCK_MAX];
	enum err err;

	if (look.ca && !conf_ca(cl->control->conf, look.ca)) {
		reply_error(cl, MSG_EXIT_USAGE, "unknown-ca", "%s",
		            no_ca(cl->control->conf, look.ca, why));
		return;
	}
	err = store_begin_read(cl->control->store, STORE_PRIVATE, &txn);
	if (!err) {
		tell_accounts(&look, txn);
		err = tell_others(&look, txn);
		store_abort(txn);
	}
	if (err)
		reply_store_error(cl, err);
	else
		reply_ok(cl);
}
