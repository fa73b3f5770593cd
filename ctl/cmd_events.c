/* SPDX-License-Identifier: Apache-2.0 */
/* events: the log of what happened, and with --follow what goes on happening. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/units.h"
#include "ctl/ctl.h"
#include "ctl/parts.h"

enum { LATEST = 1000, LATEST_FOLLOWED = 10, AWAY_MS = 30000, AWAY_PAUSE_MS = 250, BACK_PAGES = 20 };

struct reading {
	int64_t last; /* id of the last event seen, or where we begin */
	int64_t left; /* to be printed yet */
	bool any;     /* was printed */
};

/* WIDE: with its number, when it was first, and how bad it is. */
static void
print_event(const cJSON *event, bool wide)
{
	const char *at = json_text(event, "at"), *text = json_text(event, "detail");
	const char *host = json_text(event, "name"), *word = json_text(event, "type");
	int64_t count = json_int(event, "count", 1);
	const char *seen = json_object(event, "acknowledged") ? "  (acknowledged)" : "";
	char times[32] = "", first[64] = "";

	if (count > 1)
		snprintf(times, sizeof(times), "  (%" PRId64 " times)", count);
	if (wide)
		snprintf(first, sizeof(first), "%8" PRId64 "  %.20s  %-4.8s  ",
		         json_int(event, "id", 0),
		         json_text(event, "first_at") ? json_text(event, "first_at") : "-",
		         json_text(event, "severity") ? json_text(event, "severity") : "-");
	print_line("%s%s  %-16s  %s%s%s%s%s", first, at ? at : "-", word ? word : "-",
	           host ? host : "", host && text && *text ? "  " : "", text ? text : "", times,
	           seen);
}

static void
on_event(struct ctl *ctl, const cJSON *line, void *arg)
{
	struct reading *reading = arg;
	const cJSON *event = json_object(line, "event");
	int64_t id = json_int(event, "id", 0);
	cJSON *whole;

	if (!event || id <= reading->last || reading->left <= 0)
		return;
	reading->last = id;
	reading->left--;
	reading->any = true;
	if (ctl->print.format == PRINT_TABLE) {
		print_event(event, ctl->print.wide);
	} else {
		whole = cJSON_Duplicate(event, true);
		if (!json_text(whole, "name"))
			cJSON_AddNullToObject(whole, "name");
		print_item(&ctl->print, whole);
		cJSON_Delete(whole);
	}
	if (option_is_given(&ctl->options, OPTION_FOLLOW))
		print_flush();
}

static cJSON *
events_request(const struct ctl *ctl, const struct reading *reading, bool follow)
{
	cJSON *request = ctl_request("events");

	cJSON_AddNumberToObject(request, "after", (double)reading->last);
	cJSON_AddNumberToObject(request, "limit", MSG_PAGE_MAX);
	cJSON_AddBoolToObject(request, "follow", follow);
	if (ctl->options.name)
		cJSON_AddStringToObject(request, "name", ctl->options.name);
	if (ctl->options.severity)
		cJSON_AddStringToObject(request, "severity", ctl->options.severity);
	if (ctl->options.since)
		cJSON_AddNumberToObject(request, "since", (double)ctl->options.since);
	if (ctl->options.type_count)
		cJSON_AddItemToObject(
			request, "types",
			cJSON_CreateStringArray(ctl->options.types, (int)ctl->options.type_count));
	return request;
}

/* ---- where to begin ------------------------------------------------------------------------- */

static void
on_status(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *status = json_object(line, "status");

	(void)ctl;
	if (status)
		*(int64_t *)arg = json_int(status, "events_last", 0);
}

/* Behind --after; else from --since on; else the latest ones, or all of them when a name, type or
 * severity is looked for. */
static bool
find_begin(const struct ctl *ctl, int64_t newest, struct reading *ret_reading)
{
	const struct options *o = &ctl->options;
	int64_t latest = option_is_given(o, OPTION_FOLLOW) ? LATEST_FOLLOWED : LATEST;
	struct reading r = {.left = o->limit ? o->limit : INT64_MAX};
	uint64_t after;

	if (o->after) {
		if (units_parse_number(o->after, &after)) {
			complain(NULL, "--after: \"%s\" is not the number of an event", o->after);
			return false;
		}
		r.last = (int64_t)after;
	} else if (o->since) {
		r.last = 0;
	} else if ((!o->name && !o->type_count && !o->severity) ||
	           option_is_given(o, OPTION_FOLLOW)) {
		latest = o->limit ? o->limit : latest;
		r.last = newest > latest ? newest - latest : 0;
	}
	if (option_is_given(o, OPTION_FOLLOW))
		r.left = INT64_MAX;
	*ret_reading = r;
	return true;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The end of a page says how far certd has looked. An empty log is asked, too: it knows what is
 * mistyped. */
static enum msg_exit
read_past(struct ctl *ctl, struct reading *reading, int64_t newest)
{
	enum msg_exit code = MSG_EXIT_OK;

	do {
		cJSON *end = NULL;
		int64_t before = reading->last, covered;

		code = ctl_ask(ctl, events_request(ctl, reading, false), on_event, reading, &end);
		covered = json_int(end, "after", before + MSG_PAGE_MAX);
		if (covered <= before)
			covered = newest; /* there is nothing behind it */
		if (reading->last < covered)
			reading->last = covered;
		cJSON_Delete(end);
	} while (code == MSG_EXIT_OK && reading->last < newest && reading->left > 0);
	return code;
}

static bool
come_back(struct ctl *ctl)
{
	const struct timespec pause = {.tv_nsec = AWAY_PAUSE_MS * 1000000L};
	int64_t until = clock_mono_ms() + AWAY_MS;

	complain(NULL, "certd is gone, waiting for it to come back");
	do {
		nanosleep(&pause, NULL);
		if (client_open(&ctl->client, ctl->options.socket, until) == ERR_OK)
			return true;
	} while (clock_mono_ms() < until);
	return false;
}

/* Goes on over a restart of certd, with the event behind the last one seen. */
static enum msg_exit
follow(struct ctl *ctl, struct reading *reading)
{
	for (;;) {
		cJSON *request = events_request(ctl, reading, true), *end = NULL;
		enum msg_exit code;
		enum err err = ctl_exchange(ctl, request, CLIENT_FOREVER, on_event, reading, &end);

		cJSON_Delete(request);
		if (!err) {
			if (json_object(end, "error"))
				complain_json(NULL, json_object(end, "error"));
			code = ctl_code(end);
			cJSON_Delete(end);
			return code;
		}
		if ((err != ERR_CLOSED && err != ERR_IO) || !come_back(ctl))
			return ctl_fail(ctl, err == ERR_CLOSED ? ERR_UNREACHABLE : err);
	}
}

/* ---- of a name ------------------------------------------------------------------------------ */

struct latest {
	cJSON *list;
	int count;
};

/* The newest comes first, and is to stand last. */
static void
on_latest(struct ctl *ctl, const cJSON *line, void *arg)
{
	const struct latest *latest = arg;
	cJSON *event = cJSON_Duplicate(json_object(line, "event"), true);

	(void)ctl;
	if (cJSON_GetArraySize(latest->list) >= latest->count || !event ||
	    !cJSON_InsertItemInArray(latest->list, 0, event))
		cJSON_Delete(event);
}

/* From the newest event backwards, a page at a time, and not for ever: certd has no index of
 * names. */
enum msg_exit
events_last(struct ctl *ctl, const char *name, size_t count, cJSON **ret_list)
{
	struct latest latest = {.list = cJSON_CreateArray(), .count = (int)count};
	enum msg_exit code = MSG_EXIT_OK;
	int64_t before = 0;

	for (int page = 0; code == MSG_EXIT_OK && page < BACK_PAGES && before >= 0; page++) {
		cJSON *request = ctl_request("events"), *end = NULL;

		cJSON_AddNumberToObject(request, "before", (double)before);
		cJSON_AddNumberToObject(request, "limit", MSG_PAGE_MAX);
		cJSON_AddStringToObject(request, "name", name);
		code = ctl_ask(ctl, request, on_latest, &latest, &end);
		before = json_int(end, "before", -1);
		if (cJSON_GetArraySize(latest.list) >= latest.count)
			before = -1;
		cJSON_Delete(end);
	}
	*ret_list = latest.list;
	return code;
}

void
events_print(const cJSON *list)
{
	const cJSON *event;

	if (list)
		print_line("%s", "");
	cJSON_ArrayForEach(event, list) print_event(event, false);
}

enum msg_exit
cmd_events(struct ctl *ctl)
{
	struct reading reading;
	int64_t newest = 0;
	enum msg_exit code;

	code = ctl_ask(ctl, ctl_request("status"), on_status, &newest, NULL);
	if (code != MSG_EXIT_OK)
		return code;
	if (!find_begin(ctl, newest, &reading))
		return MSG_EXIT_USAGE;
	if (option_is_given(&ctl->options, OPTION_FOLLOW))
		code = follow(ctl, &reading);
	else
		code = read_past(ctl, &reading, newest);
	print_end(&ctl->print, NULL);
	if (code == MSG_EXIT_OK && !reading.any)
		ctl_found_nothing(ctl, "no such events");
	return code;
}
