/* SPDX-License-Identifier: Apache-2.0 */
/* The verb events: the log, or a part of it, and with "follow" what goes on happening. */
#include <stdlib.h>
#include <string.h>

#include "base/idna.h"
#include "base/json.h"
#include "base/nearest.h"
#include "daemon/common/event_types.h"
#include "daemon/control/control_inside.h"
#include "store/event.h"
#include "store/store.h"

enum { EVENTS_PAGE = 100 };

static bool
is_wanted(const struct control_client *cl, const struct event *e)
{
	if (cl->wanted.name.len && strcmp(cl->wanted.name.name, e->name) != 0)
		return false;
	if (event_severity_of(e->type) > cl->wanted.mildest)
		return false;
	for (size_t i = 0; i < cl->wanted.type_count; i++)
		if (event_type_matches(cl->wanted.types[i], e->type))
			return true;
	return cl->wanted.type_count == 0;
}

static void
send_event(struct control_client *cl, const struct event *e)
{
	cJSON *event, *line;

	if (!is_wanted(cl, e))
		return;
	line = line_with("event", &event);
	cJSON_AddNumberToObject(event, "id", (double)e->id);
	add_time(event, "at", e->at);
	cJSON_AddStringToObject(event, "type", e->type);
	cJSON_AddStringToObject(event, "severity", event_severity_word(event_severity_of(e->type)));
	if (e->name[0])
		cJSON_AddStringToObject(event, "name", e->name);
	cJSON_AddStringToObject(event, "detail", e->detail);
	cJSON_AddNumberToObject(event, "count", e->count);
	add_time(event, "first_at", e->first_at);
	add_ack(event, e->acked_at, e->acked_by);
	reply_json(cl, line);
}

enum way { ONWARDS, BACK };

/* Sends up to LIMIT events behind the last one sent, or in front of it; answers how many there
 * were. */
static size_t
send_events(struct control_client *cl, enum way way, size_t limit)
{
	enum err (*page)(struct store_txn * txn, uint64_t from, size_t limit, struct event * events,
	                 size_t * ret_count) = way == BACK ? event_page_back : event_page;
	struct event *events = calloc(EVENTS_PAGE, sizeof(*events));
	struct store_txn *txn;
	size_t count = 0;

	if (!events || store_begin_read(cl->control->store, STORE_PRIVATE, &txn)) {
		free(events);
		return 0;
	}
	if (page(txn, cl->event, limit < EVENTS_PAGE ? limit : EVENTS_PAGE, events, &count))
		count = 0;
	for (size_t i = 0; i < count; i++)
		take_ack_of_fault(txn, &events[i]);
	store_abort(txn);
	for (size_t i = 0; i < count; i++) {
		send_event(cl, &events[i]);
		cl->event = events[i].id;
	}
	free(events);
	return count;
}

void
events_follow(struct control_client *cl)
{
	while (cl->following && !cl->closing &&
	       send_events(cl, ONWARDS, EVENTS_PAGE) == EVENTS_PAGE)
		;
}

void
events_done(struct control_client *cl)
{
	free(cl->wanted.types);
	cl->wanted.types = NULL;
	cl->wanted.type_count = 0;
}

/* Times grow with ids, but for a clock that was set back: what is found then is where it was. */
static uint64_t
id_before(struct control *c, int64_t since, uint64_t after)
{
	struct event e;
	struct store_txn *txn;
	uint64_t low = after, high = after;
	size_t count;

	if (store_begin_read(c->store, STORE_PRIVATE, &txn))
		return after;
	if (event_last(txn, &high))
		high = low;
	while (low < high) { /* all up to LOW are older; the first one behind HIGH is not */
		uint64_t middle = low + (high - low) / 2;

		if (event_page(txn, middle, 1, &e, &count))
			break;
		if (count && e.at < since)
			low = e.id;
		else
			high = middle;
	}
	store_abort(txn);
	return low;
}

static const char *
next_type(const void *unused, size_t at)
{
	(void)unused;
	return at < event_type_count ? event_types[at].word : NULL;
}

/* The first of TYPES that no event has; NULL: each is known, or it is no list of words. */
static const char *
unknown_type(const cJSON *types)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, types)
	{
		const char *text = cJSON_GetStringValue(item);

		if (text && *text && !event_pattern_is_known(text))
			return text;
	}
	return NULL;
}

static bool
take_types(struct event_filter *f, const cJSON *types)
{
	const cJSON *item;

	if (!types)
		return true;
	if (cJSON_GetArraySize(types) > MSG_TYPES_MAX)
		return false;
	f->types = calloc(MSG_TYPES_MAX, sizeof(*f->types));
	cJSON_ArrayForEach(item, types)
	{
		const char *text = cJSON_GetStringValue(item);

		if (!f->types || !text || !*text || strlen(text) > EVENT_TYPE_MAX)
			return false;
		strcpy(f->types[f->type_count++], text);
	}
	return true;
}

static bool
take_filter(struct event_filter *f, const cJSON *request)
{
	const char *severity = json_text(request, "severity");

	f->mildest = SEVERITY_INFO;
	return (!severity || !event_severity_parse(severity, &f->mildest)) &&
	       take_types(f, json_array(request, "types"));
}

static bool
take_request(struct control_client *cl, const cJSON *request)
{
	int64_t after = json_int(request, "after", 0), since = json_int(request, "since", 0);
	int64_t before = json_int(request, "before", 0);
	bool back = cJSON_HasObjectItem(request, "before");

	events_done(cl);
	if (after < 0 || since < 0 || before < 0 || !take_filter(&cl->wanted, request) ||
	    (back && (after || since || json_bool(request, "follow", false))))
		return false;
	cl->event = (uint64_t)(back ? before : after);
	if (since)
		cl->event = id_before(cl->control, since, cl->event);
	return true;
}

/* How far was looked, as there may be nothing to send on the way; none in front: no BEFORE. */
static void
reply_page_end(struct control_client *cl, enum way way, bool is_all)
{
	cJSON *end, *line = line_with("end", &end);

	cJSON_AddNumberToObject(end, "code", MSG_EXIT_OK);
	if (way == ONWARDS)
		cJSON_AddNumberToObject(end, "after", (double)cl->event);
	else if (!is_all)
		cJSON_AddNumberToObject(end, "before", (double)cl->event);
	reply_json(cl, line);
}

/* Whether a type or the name is none, and the reply says so. */
static bool
refused_word(struct control_client *cl, const cJSON *request)
{
	const char *unknown = unknown_type(json_array(request, "types")), *near;
	const char *name = json_text(request, "name");
	char why[128];

	cl->wanted.name.len = 0;
	if (unknown) {
		near = nearest_word(unknown, next_type, NULL);
		reply_error(cl, MSG_EXIT_USAGE, "invalid", "no event has the type \"%.64s\"%s%s%s",
		            unknown, near ? ", did you mean \"" : "; see docs/events.md",
		            near ? near : "", near ? "\"?" : "");
		return true;
	}
	if (name && idna_parse(name, &cl->wanted.name, why, sizeof(why))) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid-name", "%s", why);
		return true;
	}
	return false;
}

void
command_events(struct control_client *cl, const cJSON *request)
{
	int64_t limit = json_int(request, "limit", MSG_PAGE_MAX);
	enum way way = cJSON_HasObjectItem(request, "before") ? BACK : ONWARDS;
	bool is_all = false;

	if (refused_word(cl, request))
		return;
	if (limit < 1 || limit > MSG_PAGE_MAX || !take_request(cl, request)) {
		reply_error(cl, MSG_EXIT_USAGE, "invalid",
		            "\"limit\" must be 1 to %d, \"after\" or \"before\" an event's id, "
		            "\"since\" unix seconds, \"types\" a list of up to %d types, "
		            "\"severity\" crit, err, warn or info",
		            MSG_PAGE_MAX, MSG_TYPES_MAX);
		return;
	}
	cl->following = json_bool(request, "follow", false);
	cl->busy = cl->following;
	if (cl->following) {
		events_follow(cl);
		return;
	}
	for (size_t left = (size_t)limit, n; left > 0 && !is_all; left -= n) {
		n = send_events(cl, way, left);
		is_all = n == 0 || (left < EVENTS_PAGE ? n < left : n < EVENTS_PAGE);
	}
	reply_page_end(cl, way, is_all);
}
