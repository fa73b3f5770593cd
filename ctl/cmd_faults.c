/* SPDX-License-Identifier: Apache-2.0 */
/* faults: what is wrong just now with names, and what clients ask for in vain; ack: it was seen. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/units.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "ctl/terminal.h"

enum { CELL_MAX = 1024, ASK_MAX = 100 };

static const char *const titles[] = {"NAME", "TYPE", "SINCE", "SEEN", "DETAIL"};

enum { TITLE_COUNT = sizeof(titles) / sizeof(titles[0]) };

/* Who has acknowledged it; in place of a name the event's id. */
static void
add_row(struct table *table, const cJSON *fault)
{
	const cJSON *type, *ack = json_object(fault, "acknowledged");
	const char *name = json_text(fault, "name");
	char types[CELL_MAX] = "", since[PRINT_TIME_MAX], seen[32] = "", event[32];
	size_t len = 0;

	cJSON_ArrayForEach(type, json_array(fault, "types")) if (cJSON_GetStringValue(type) &&
	                                                         len < sizeof(types)) len +=
		(size_t)snprintf(types + len, sizeof(types) - len, "%s%s", len ? " " : "",
	                         cJSON_GetStringValue(type));
	print_relative(print_time_of(fault, "since"), clock_wall(), since);
	if (ack)
		snprintf(seen, sizeof(seen), "uid %" PRId64, json_int(ack, "uid", 0));
	snprintf(event, sizeof(event), "(event %" PRId64 ")", json_int(fault, "event", 0));
	table_row(table, (const char *[TITLE_COUNT]){name ? name : event, types, since, seen,
	                                             json_text(fault, "detail")});
}

struct listing {
	struct table *table; /* NULL: for programs */
	bool any;
};

static void
on_fault(struct ctl *ctl, const cJSON *line, void *arg)
{
	static const char *const members[] = {"name", "detail", "acknowledged", NULL};
	const cJSON *fault = json_object(line, "fault");
	struct listing *listing = arg;

	if (!fault)
		return;
	listing->any = true;
	if (listing->table)
		add_row(listing->table, fault);
	else
		print_whole(&ctl->print, fault, members);
}

/* Page by page, to --limit or the end. */
static enum msg_exit
ask_pages(struct ctl *ctl, struct listing *listing, cJSON **ret_end)
{
	int64_t left = ctl->options.limit ? ctl->options.limit : INT64_MAX;
	const char *after = ctl->options.after;
	enum msg_exit code;

	do {
		cJSON *request = ctl_request("faults"), *end = NULL;

		cJSON_AddNumberToObject(request, "limit", left < ASK_MAX ? (double)left : ASK_MAX);
		if (after)
			cJSON_AddStringToObject(request, "after", after);
		code = ctl_ask(ctl, request, on_fault, listing, &end);
		cJSON_Delete(*ret_end);
		*ret_end = end;
		after = json_text(end, "after");
		left -= ASK_MAX;
	} while (code == MSG_EXIT_OK && after && left > 0);
	return code;
}

enum msg_exit
cmd_faults(struct ctl *ctl)
{
	struct listing listing = {0};
	cJSON *end = NULL;
	enum msg_exit code;

	if (ctl->print.format == PRINT_TABLE)
		listing.table =
			table_new(titles, TITLE_COUNT, ctl->print.wide ? 0 : terminal_width());
	code = ask_pages(ctl, &listing, &end);
	if (listing.table)
		table_flush(listing.table);
	else
		print_end(&ctl->print, end);
	cJSON_Delete(end);
	table_free(listing.table);
	if (code == MSG_EXIT_OK && !listing.any)
		ctl_found_nothing(ctl, "nothing is found wrong just now");
	return code;
}

/* A number is an event's; no host name is one. */
enum msg_exit
cmd_ack(struct ctl *ctl)
{
	unsigned seen = 0;
	enum msg_exit code;
	uint64_t id;

	for (size_t i = 0; i < ctl->arg_count; i++) {
		cJSON *request = ctl_request("ack");

		if (units_parse_number(ctl->args[i], &id) == ERR_OK)
			cJSON_AddNumberToObject(request, "id", (double)id);
		else
			cJSON_AddStringToObject(request, "name", ctl->args[i]);
		seen |= 1u << ctl_ask(ctl, request, NULL, NULL, NULL);
	}
	code = msg_exit_combine(seen);
	if (code == MSG_EXIT_OK)
		print_outcome(&ctl->print, NULL, NULL);
	return code;
}
