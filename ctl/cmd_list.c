/* SPDX-License-Identifier: Apache-2.0 */
/* The verb list. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "ctl/terminal.h"

enum { WATCH_S = 2, REASON_MAX = 1024 };

#define NARROWED                                                                                   \
	(OPTION_BIT(OPTION_STATE) | OPTION_BIT(OPTION_AFTER) | OPTION_BIT(OPTION_BEFORE) |         \
	 OPTION_BIT(OPTION_CA) | OPTION_BIT(OPTION_BACKEND) | OPTION_BIT(OPTION_LABEL) |           \
	 OPTION_BIT(OPTION_EXPIRES_IN) | OPTION_BIT(OPTION_ERROR) | OPTION_BIT(OPTION_SORT))

static const char *const list_members[] = {"display", "ca",         "cas",       "labels",
                                           "lead",    "not_before", "not_after", "generation",
                                           "next",    "error",      "removed",   NULL};
static const char *const titles[] = {"NAME", "STATE", "EXPIRES", "NEXT", "CA", "BACKEND", "REASON"};
static const char *const wide_titles[] = {"NAME",    "DISPLAY", "STATE", "EXPIRES", "NEXT",  "CA",
                                          "BACKEND", "LABELS",  "ADDED", "REASON",  "DETAIL"};

enum {
	TITLE_COUNT = sizeof(titles) / sizeof(titles[0]),
	WIDE_COUNT = sizeof(wide_titles) / sizeof(wide_titles[0])
};

struct listing {
	struct table *table;
	int64_t now;
	int64_t got;
};

static const char *
next_of(const cJSON *item, int64_t now, char text[PRINT_TIME_MAX])
{
	if (json_bool(item, "external", false))
		return "never";
	return print_relative(print_time_of(item, "next"), now, text);
}

/* Why it fails; of one that was removed when, by whom and why. */
static const char *
reason_of(const cJSON *item, const char *when, char text[REASON_MAX])
{
	const cJSON *removed = json_object(item, "removed");
	const char *why = json_text(removed, "reason");

	if (!removed)
		return json_text(json_object(item, "error"), "code");
	snprintf(text, REASON_MAX, "%s by uid %" PRId64 "%s%s", when ? when : "",
	         json_int(removed, "uid", 0), why ? ": " : "", why ? why : "");
	return text;
}

static void
add_row(const struct listing *listing, const cJSON *item)
{
	const cJSON *removed = json_object(item, "removed");
	char expires[PRINT_TIME_MAX], next[PRINT_TIME_MAX], when[PRINT_TIME_MAX], why[REASON_MAX];

	print_relative(print_time_of(item, "not_after"), listing->now, expires);
	print_relative(print_time_of(removed, "at"), listing->now, when);
	table_row(listing->table,
	          (const char *[TITLE_COUNT]){json_text(item, "name"), json_text(item, "state"),
	                                      expires, next_of(item, listing->now, next),
	                                      json_text(item, "ca"), json_text(item, "backend"),
	                                      reason_of(item, when, why)});
}

/* Times as certd has them. */
static void
add_wide_row(const struct listing *listing, const cJSON *item)
{
	const cJSON *error = json_object(item, "error");
	struct buf labels = {0};
	const cJSON *label;
	char why[REASON_MAX];

	cJSON_ArrayForEach(label, json_object(item, "labels"))
		buf_printf(&labels, "%s%s=%s", labels.len ? "," : "", label->string,
	                   cJSON_GetStringValue(label) ? cJSON_GetStringValue(label) : "");
	table_row(listing->table,
	          (const char *[WIDE_COUNT]){
			  json_text(item, "name"), json_text(item, "display"),
			  json_text(item, "state"), json_text(item, "not_after"),
			  json_bool(item, "external", false) ? "never" : json_text(item, "next"),
			  json_text(item, "ca"), json_text(item, "backend"),
			  labels.len ? buf_str(&labels) : NULL, json_text(item, "created_at"),
			  reason_of(item, json_text(json_object(item, "removed"), "at"), why),
			  json_text(error, "detail")});
	buf_done(&labels);
}

static void
on_item(struct ctl *ctl, const cJSON *line, void *arg)
{
	struct listing *listing = arg;
	const cJSON *item = json_object(line, "item");

	if (!item)
		return;
	listing->got++;
	if (ctl->print.format != PRINT_TABLE)
		print_whole(&ctl->print, item, list_members);
	else if (ctl->print.wide)
		add_wide_row(listing, item);
	else
		add_row(listing, item);
}

static cJSON *
list_request(const struct options *o, int64_t limit, const char *place)
{
	cJSON *request = ctl_request("list");

	cJSON_AddNumberToObject(request, "limit", (double)limit);
	if (place)
		cJSON_AddStringToObject(request, o->before ? "before" : "after", place);
	if (o->ca)
		cJSON_AddStringToObject(request, "ca", o->ca);
	if (o->backend)
		cJSON_AddStringToObject(request, "backend", o->backend);
	if (o->state)
		cJSON_AddStringToObject(request, "state", o->state);
	if (o->error)
		cJSON_AddStringToObject(request, "error", o->error);
	if (o->expires_in_s >= 0)
		cJSON_AddNumberToObject(request, "expires_in", (double)o->expires_in_s);
	if (o->sort)
		cJSON_AddStringToObject(request, "sort", o->sort);
	ctl_add_labels(request, o);
	return request;
}

/* Page by page. Without --limit to the end; --before is one page, which may take several requests
 * that find nothing. *RET_END of the last one has what print_end() wants. */
static enum msg_exit
list_pages(struct ctl *ctl, struct listing *listing, cJSON **ret_end)
{
	const struct options *o = &ctl->options;
	const char *place = o->before ? o->before : o->after;
	enum msg_exit code;
	cJSON *end = NULL, *last = NULL;

	do {
		int64_t left = o->limit ? o->limit - listing->got : MSG_PAGE_MAX;

		if (left <= 0)
			break;
		code = ctl_ask(ctl,
		               list_request(o, left < MSG_PAGE_MAX ? left : MSG_PAGE_MAX, place),
		               on_item, listing, &end);
		cJSON_Delete(last);
		last = end;
		if (code != MSG_EXIT_OK) {
			*ret_end = last;
			return code;
		}
		place = json_text(last, o->before ? "before" : "after");
	} while (place && !(o->before && listing->got));
	*ret_end = last;
	return MSG_EXIT_OK;
}

static enum msg_exit
list(struct ctl *ctl)
{
	struct listing listing = {.now = clock_wall()};
	cJSON *end = NULL;
	enum msg_exit code;

	if (ctl->options.after && ctl->options.before) {
		complain(NULL, "one of --after and --before");
		return MSG_EXIT_USAGE;
	}
	listing.table = ctl->print.wide ? table_new(wide_titles, WIDE_COUNT, 0)
	                                : table_new(titles, TITLE_COUNT, terminal_width());
	if (!listing.table)
		return ctl_fail(ctl, ERR_NOMEM);
	code = list_pages(ctl, &listing, &end);
	table_flush(listing.table);
	if (code == MSG_EXIT_OK || listing.got)
		print_end(&ctl->print, end);
	if (code == MSG_EXIT_OK && !listing.got)
		ctl_found_nothing(ctl, ctl->options.given & NARROWED ? "no such names"
		                                                     : "no names: see certctl add");
	cJSON_Delete(end);
	table_free(listing.table);
	return code;
}

/* As many rows as there is room for, again and again. */
static enum msg_exit
watch(struct ctl *ctl)
{
	const struct timespec pause = {.tv_sec = WATCH_S};
	enum msg_exit code = MSG_EXIT_OK;

	if (!terminal_rewrites() || ctl->print.format != PRINT_TABLE) {
		complain(NULL, "--watch is for a table on a terminal; see certctl events --follow");
		return MSG_EXIT_USAGE;
	}
	if (!ctl->options.limit)
		ctl->options.limit = (int64_t)terminal_rows() - 2;
	while (code == MSG_EXIT_OK) {
		terminal_erase();
		code = list(ctl);
		print_flush();
		nanosleep(&pause, NULL);
	}
	return code;
}

enum msg_exit
cmd_list(struct ctl *ctl)
{
	if (ctl->options.after && ctl->options.before) {
		complain(NULL, "one of --after and --before");
		return MSG_EXIT_USAGE;
	}
	return option_is_given(&ctl->options, OPTION_WATCH) ? watch(ctl) : list(ctl);
}
