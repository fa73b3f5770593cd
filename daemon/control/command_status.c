/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs status and expiry: counters and what is kept of them, no names. */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_front.h"
#include "daemon/control/command_store.h"
#include "daemon/control/control_inside.h"
#include "daemon/order/issuer.h"
#include "daemon/tell/metrics.h"
#include "daemon/watch/upkeep.h"
#include "store/domain_list.h"
#include "store/event.h"
#include "store/fault.h"
#include "store/late.h"
#include "store/store.h"

enum { CAS_MAX = 32 };

void
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

cJSON *
ca_json(struct control *c, const struct issuer_ca *ca, struct store_txn *txn)
{
	const struct conf_ca *conf = conf_ca(c->conf, ca->name);
	cJSON *object = cJSON_CreateObject();
	uint64_t names;

	cJSON_AddStringToObject(object, "name", ca->name);
	if (conf)
		cJSON_AddStringToObject(object, "directory", conf->directory);
	cJSON_AddStringToObject(object, "state", ca->state);
	if (!domain_count_ca(txn, ca->name, &names))
		cJSON_AddNumberToObject(object, "names", (double)names);
	cJSON_AddNumberToObject(object, "orders", (double)ca->orders);
	cJSON_AddNumberToObject(object, "issued", (double)ca->succeeded);
	cJSON_AddNumberToObject(object, "failed", (double)ca->failed);
	add_time(object, "hold_until", ca->hold_until);
	if (ca->problem.kind != PROBLEM_NONE)
		cJSON_AddItemToObject(object, "error", problem_json(&ca->problem));
	return object;
}

static void
add_cas(cJSON *status, struct control *c, struct store_txn *txn)
{
	cJSON *list = cJSON_AddArrayToObject(status, "cas");
	struct issuer_ca cas[CAS_MAX];
	size_t count = issuer_cas(c->issuer, cas, CAS_MAX);

	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(list, ca_json(c, &cas[i], txn));
}

/* Of those that hold still, how many end within the time: each has those in front of it. */
static void
add_expiring(cJSON *status, struct store_txn *txn)
{
	static const size_t spans[] = {1, 3, 7, 14, 30};
	cJSON *expiring = cJSON_AddObjectToObject(status, "expiring");
	struct domain_days d;
	uint64_t sum = 0;
	char word[8];

	if (domain_count_days(txn, clock_wall(), &d))
		return;
	cJSON_AddNumberToObject(expiring, "expired", (double)d.expired);
	for (size_t day = 0, i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		while (day < spans[i])
			sum += d.days[day++];
		snprintf(word, sizeof(word), "%zud", spans[i]);
		cJSON_AddNumberToObject(expiring, word, (double)sum);
	}
}

static void
add_store(cJSON *status, struct control *c)
{
	cJSON *store = cJSON_AddObjectToObject(status, "store");
	struct store_stat stat;
	struct store_txn *txn;
	uint64_t last = 0, late, faults;

	if (!store_stat(c->store, &stat)) {
		cJSON_AddNumberToObject(store, "used_bytes", (double)stat.used_bytes);
		cJSON_AddNumberToObject(store, "file_bytes", (double)stat.file_bytes);
		cJSON_AddNumberToObject(store, "map_bytes", (double)stat.map_bytes);
		cJSON_AddNumberToObject(store, "readers", (double)stat.readers);
	}
	add_store_state(store, c);
	add_last(store, c);
	if (store_begin_read(c->store, STORE_PRIVATE, &txn))
		return;
	if (!event_last(txn, &last))
		cJSON_AddNumberToObject(status, "events_last", (double)last);
	if (!late_count(txn, &late))
		cJSON_AddNumberToObject(status, "late", (double)late);
	if (!fault_count(txn, &faults))
		cJSON_AddNumberToObject(status, "faults", (double)faults);
	store_abort(txn);
}

void
command_metrics(struct control_client *cl, const cJSON *request)
{
	struct control *c = cl->control;
	cJSON *metrics, *line = line_with("metrics", &metrics);
	struct buf text = {0};

	(void)request;
	metrics_show(c->metrics, c->conf, &text);
	cJSON_AddStringToObject(metrics, "text", buf_str(&text) ? buf_str(&text) : "");
	buf_done(&text);
	reply_json(cl, line);
	reply_ok(cl);
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
	cJSON_AddBoolToObject(status, "may_change", cl->rights >= RIGHTS_CHANGE);
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
	add_expiring(status, txn);
	add_cas(status, c, txn);
	store_abort(txn);
	add_listeners(status, c);
	add_front(status, c);
	add_store(status, c);
	reply_json(cl, line);
	reply_ok(cl);
}

void
command_expiry(struct control_client *cl, const cJSON *request)
{
	cJSON *expiry, *days, *line = line_with("expiry", &expiry);
	int64_t now = clock_wall();
	struct domain_days d;
	struct store_txn *txn;
	enum err err = store_begin_read(cl->control->store, STORE_SERVED, &txn);

	(void)request;
	if (!err) {
		err = domain_count_days(txn, now, &d);
		store_abort(txn);
	}
	if (err) {
		cJSON_Delete(line);
		reply_store_error(cl, err);
		return;
	}
	add_time(expiry, "at", now);
	cJSON_AddNumberToObject(expiry, "expired", (double)d.expired);
	days = cJSON_AddArrayToObject(expiry, "days");
	for (size_t i = 0; i < DOMAIN_DAYS; i++)
		cJSON_AddItemToArray(days, cJSON_CreateNumber((double)d.days[i]));
	cJSON_AddNumberToObject(expiry, "later", (double)d.later);
	reply_json(cl, line);
	reply_ok(cl);
}
