/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs faults and ack: what is wrong just now, and that an operator has seen it. */
#include <string.h>

#include "base/clock.h"
#include "base/idna.h"
#include "base/json.h"
#include "daemon/common/notice.h"
#include "daemon/control/command_inside.h"
#include "daemon/watch/auditor.h"
#include "daemon/watch/upkeep.h"
#include "store/event.h"
#include "store/fault.h"
#include "store/store.h"

enum { FAULTS_PAGE = 100 };

void
add_ack(cJSON *object, int64_t at, uint32_t by)
{
	cJSON *ack;

	if (!at)
		return;
	ack = cJSON_AddObjectToObject(object, "acknowledged");
	add_time(ack, "at", at);
	cJSON_AddNumberToObject(ack, "uid", by);
}

/* ---- faults --------------------------------------------------------------------------------- */

static void
reply_fault(struct control_client *cl, const struct fault *f)
{
	cJSON *fault, *types, *line = line_with("fault", &fault);

	cJSON_AddStringToObject(fault, "name", f->name.name);
	types = cJSON_AddArrayToObject(fault, "types");
	for (int k = 0; k < AUDIT_KINDS; k++)
		if (f->open & (1u << k))
			cJSON_AddItemToArray(types, cJSON_CreateString(audit_kind_word(k)));
	add_time(fault, "since", f->since);
	if (f->why[0])
		cJSON_AddStringToObject(fault, "detail", f->why);
	cJSON_AddBoolToObject(fault, "renewal_asked", f->asked);
	if (!(f->open & ~f->acked))
		add_ack(fault, f->acked_at, f->acked_by);
	reply_json(cl, line);
}

/* What is counted in one row, whatever the names. */
static void
reply_tally(struct control_client *cl, const struct event *e)
{
	cJSON *fault, *types, *line = line_with("fault", &fault);

	types = cJSON_AddArrayToObject(fault, "types");
	cJSON_AddItemToArray(types, cJSON_CreateString(e->type));
	add_time(fault, "since", e->first_at);
	cJSON_AddStringToObject(fault, "detail", e->detail);
	cJSON_AddNumberToObject(fault, "count", e->count);
	add_time(fault, "at", e->at);
	cJSON_AddNumberToObject(fault, "event", (double)e->id);
	add_ack(fault, e->acked_at, e->acked_by);
	reply_json(cl, line);
}

static void
reply_tallies(struct control_client *cl, struct store_txn *txn)
{
	int64_t now = clock_wall();
	struct event e;

	if (upkeep_unknown_names(txn, now, &e) == ERR_OK)
		reply_tally(cl, &e);
	for (int k = 0; k < AUDIT_KINDS; k++)
		if (event_tallied(txn, audit_kind_word(k), now, &e) == ERR_OK)
			reply_tally(cl, &e);
}

/* One that cannot be read is found anew by the auditor. */
static enum err
reply_page(struct control_client *cl, struct store_txn *txn, struct hostname *after, size_t limit,
           bool *ret_more)
{
	struct hostname names[FAULTS_PAGE];
	struct fault f;
	size_t count = 0;
	enum err err;

	limit = limit < FAULTS_PAGE ? limit : FAULTS_PAGE;
	err = fault_page(txn, after->len ? after : NULL, limit, names, &count);
	for (size_t i = 0; i < count && !err; i++) {
		*after = names[i];
		if (fault_get(txn, &names[i], &f) == ERR_OK)
			reply_fault(cl, &f);
	}
	*ret_more = count == limit;
	return err;
}

static void
reply_faults(struct control_client *cl, struct hostname *after, size_t limit)
{
	cJSON *end, *line;
	struct store_txn *txn;
	uint64_t total = 0;
	bool more = false;
	enum err err = store_begin_read(cl->control->store, STORE_PRIVATE, &txn);

	if (!err) {
		if (!after->len)
			reply_tallies(cl, txn);
		err = reply_page(cl, txn, after, limit, &more);
		if (!err)
			err = fault_count(txn, &total);
		store_abort(txn);
	}
	if (err) {
		reply_store_error(cl, err);
		return;
	}
	line = line_with("end", &end);
	cJSON_AddNumberToObject(end, "code", MSG_EXIT_OK);
	if (more)
		cJSON_AddStringToObject(end, "after", after->name);
	cJSON_AddNumberToObject(end, "matches", (double)total);
	reply_json(cl, line);
}

void
command_faults(struct control_client *cl, const cJSON *request)
{
	int64_t limit = cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(request, "limit"))
	                        ? json_int(request, "limit", 0)
	                        : FAULTS_PAGE;
	const char *given = json_text(request, "after");
	struct hostname after = {.len = 0};

	if (limit < 1 || limit > FAULTS_PAGE ||
	    (given && *given && hostname_parse_any(given, &after, NULL))) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid",
		            "\"limit\" must be 1 to %d, \"after\" as a page gave it", FAULTS_PAGE);
		return;
	}
	reply_faults(cl, &after, (size_t)limit);
}

/* ---- ack ------------------------------------------------------------------------------------ */

/* Those of F's faults in BITS. ERR_NOTFOUND: none of them is open. */
static enum err
ack_fault(struct store_txn *txn, const char *name, uint32_t bits, uint32_t by)
{
	struct hostname host;
	struct fault f;
	enum err err = hostname_parse_any(name, &host, NULL);

	if (!err)
		err = fault_get(txn, &host, &f);
	if (!err && !(f.open & bits))
		err = ERR_NOTFOUND;
	if (err)
		return err;
	f.acked |= f.open & bits;
	f.acked_at = clock_wall();
	f.acked_by = by;
	return fault_put(txn, &f);
}

/* The bit of an event's type; 0: it is none of the auditor's. */
static uint32_t
bit_of(const char *type)
{
	for (int k = 0; k < AUDIT_KINDS; k++)
		if (strcmp(audit_kind_word(k), type) == 0)
			return 1u << k;
	return 0;
}

void
take_ack_of_fault(struct store_txn *txn, struct event *e)
{
	uint32_t bit = *e->name ? bit_of(e->type) : 0;
	struct hostname host;
	struct fault f;

	if (!bit || hostname_parse_any(e->name, &host, NULL) || fault_get(txn, &host, &f) ||
	    !(f.acked & bit) || e->at < f.since)
		return;
	e->acked_at = f.acked_at;
	e->acked_by = f.acked_by;
}

static enum err
ack_event(struct store_txn *txn, uint64_t id, uint32_t by)
{
	struct event e;
	enum err err = event_ack(txn, id, clock_wall(), by, &e);

	if (!err && *e.name && bit_of(e.type)) {
		err = ack_fault(txn, e.name, bit_of(e.type), by);
		if (err == ERR_NOTFOUND || err == ERR_INVALID)
			err = ERR_OK; /* it is over */
	}
	return err;
}

void
command_ack(struct control_client *cl, const cJSON *request)
{
	int64_t id = json_int(request, "id", 0);
	const char *given = json_text(request, "name");
	struct control *c = cl->control;
	struct hostname name = {.len = 0};
	struct store_txn *txn;
	char why[128];
	enum err err;

	if ((id > 0) == (given != NULL) || (given && idna_parse(given, &name, why, sizeof(why)))) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid",
		            "\"id\" of an event, or a \"name\" with a fault");
		return;
	}
	err = store_begin_write(c->store, STORE_PRIVATE, &txn);
	if (!err) {
		err = name.len ? ack_fault(txn, name.name, UINT32_MAX, cl->uid)
		               : ack_event(txn, (uint64_t)id, cl->uid);
		err = store_finish(txn, err);
	}
	if (!err)
		reply_ok(cl);
	else if (err == ERR_NOTFOUND && name.len)
		reply_error(cl, MSG_EXIT_NOTFOUND, "not-found",
		            "nothing is found wrong with %s just now", name.name);
	else if (err == ERR_NOTFOUND)
		reply_error(cl, MSG_EXIT_NOTFOUND, "not-found",
		            "there is no such event, or it was repeated under a new id since");
	else
		reply_store_error(cl, err);
	notice_nudge(c->notices);
}
