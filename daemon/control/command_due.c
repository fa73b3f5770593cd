/* SPDX-License-Identifier: Apache-2.0 */
/* The verb due: how many names are due in each of the next hours. Counted a part at a time when it
 * is asked for, and then good for a minute: nobody else waits for it. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_front.h"
#include "daemon/control/control_inside.h"
#include "store/domain_due.h"
#include "store/due_hours.h"
#include "store/store.h"

/* 50,000 entries of the index take some 5 ms. */
enum { PART = 50000, GOOD_FOR_MS = 60 * 1000, CAS_COUNTED = 32 };

struct due_ca {
	char name[NAME_WORD_MAX + 1];
	struct due_count all, renewals; /* those are in `all` as well */
};

struct due_run {
	int64_t at, mono_ms; /* unix seconds; when it began */
	struct due_ca cas[CAS_COUNTED];
	size_t ca_count;
	size_t ca; /* that is counted now; ca_count: all are */
	enum domain_lane lane;
	struct due_place place;
};

struct due_hours {
	struct due_run now;   /* the last one begun */
	struct due_run whole; /* the last one that was finished; at 0: none */
};

static void
begin(struct due_run *run, const struct conf *conf)
{
	*run = (struct due_run){.at = clock_wall(), .mono_ms = clock_mono_ms()};
	for (size_t i = 0; i < conf->ca_count && i < CAS_COUNTED; i++) {
		struct due_ca *ca = &run->cas[run->ca_count++];

		memcpy(ca->name, conf->cas[i].name, sizeof(ca->name));
		ca->all.from = ca->renewals.from = run->at;
	}
}

static void
add_counts(struct due_count *sum, const struct due_count *more)
{
	sum->waiting += more->waiting;
	for (size_t i = 0; i < DUE_HOURS; i++)
		sum->hours[i] += more->hours[i];
}

/* Up to MOST entries of one queue, and over to the next one when that was all of it. */
static enum err
count_queue(struct store_txn *txn, struct due_run *run, size_t most, size_t *ret_looked)
{
	struct due_ca *ca = &run->cas[run->ca];
	struct domain_queue queue = {.ca = ca->name, .lane = run->lane};
	struct due_count here = {.from = run->at};
	enum err err = domain_due_hours(txn, &queue, &run->place, most, &here, ret_looked);

	if (err)
		return err;
	add_counts(&ca->all, &here);
	if (run->lane == LANE_RENEW)
		add_counts(&ca->renewals, &here);
	if (*ret_looked == most)
		return ERR_OK;
	run->place.len = 0;
	if (++run->lane == LANES) {
		run->lane = 0;
		run->ca++;
	}
	return ERR_OK;
}

static enum err
go_on(struct control *c, struct due_run *run)
{
	struct store_txn *txn;
	size_t left = PART, looked;
	enum err err = store_begin_read(c->store, STORE_SERVED, &txn);

	if (err)
		return err;
	while (!err && left > 0 && run->ca < run->ca_count) {
		err = count_queue(txn, run, left, &looked);
		if (!err)
			left -= looked;
	}
	store_abort(txn);
	return err;
}

static bool
is_under_way(const struct due_run *run)
{
	return run->at && run->ca < run->ca_count;
}

static enum err
count_on(struct control *c)
{
	struct due_hours *d = c->due_hours;
	enum err err = go_on(c, &d->now);

	if (err)
		d->now.at = 0; /* given up: the next to ask begins anew */
	else if (!is_under_way(&d->now))
		d->whole = d->now;
	return err;
}

void
due_on_timer(struct control *c)
{
	if (c->due_hours && is_under_way(&c->due_hours->now))
		(void)!count_on(c);
}

void
due_free(struct control *c)
{
	free(c->due_hours);
	c->due_hours = NULL;
}

static void
add_hours(cJSON *object, const struct due_ca *ca)
{
	uint64_t renewals = 0;
	cJSON *hours;

	cJSON_AddNumberToObject(object, "waiting", (double)ca->all.waiting);
	hours = cJSON_AddArrayToObject(object, "hours");
	for (size_t i = 0; i < DUE_HOURS; i++) {
		cJSON_AddItemToArray(hours, cJSON_CreateNumber((double)ca->all.hours[i]));
		renewals += ca->renewals.hours[i];
	}
	cJSON_AddNumberToObject(object, "renewals", (double)renewals);
}

static void
reply_run(struct control_client *cl, const struct due_run *run)
{
	cJSON *due, *list, *line = line_with("due", &due);
	struct due_ca sum = {.name = ""};

	for (size_t i = 0; i < run->ca_count; i++) {
		add_counts(&sum.all, &run->cas[i].all);
		add_counts(&sum.renewals, &run->cas[i].renewals);
	}
	add_time(due, "at", run->at);
	cJSON_AddBoolToObject(due, "complete", !is_under_way(run));
	add_hours(due, &sum);
	list = cJSON_AddArrayToObject(due, "cas");
	for (size_t i = 0; i < run->ca_count; i++) {
		cJSON *ca = cJSON_CreateObject();

		cJSON_AddStringToObject(ca, "name", run->cas[i].name);
		add_hours(ca, &run->cas[i]);
		cJSON_AddItemToArray(list, ca);
	}
	reply_json(cl, line);
	reply_ok(cl);
}

void
command_due(struct control_client *cl, const cJSON *request)
{
	struct control *c = cl->control;
	struct due_hours *d = c->due_hours;
	enum err err = ERR_OK;

	(void)request;
	if (!d && !(d = c->due_hours = calloc(1, sizeof(*d)))) {
		reply_store_error(cl, ERR_NOMEM);
		return;
	}
	if (!is_under_way(&d->now) &&
	    (!d->whole.at || clock_mono_ms() - d->whole.mono_ms > GOOD_FOR_MS)) {
		begin(&d->now, c->conf);
		err = count_on(c);
	}
	if (err)
		reply_store_error(cl, err);
	else
		reply_run(cl, d->whole.at ? &d->whole : &d->now);
}
