/* SPDX-License-Identifier: Apache-2.0 */
/* limits [CA]: what the limits of CAs leave us, and what is blocked until when. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "ctl/terminal.h"

/* The last two with -o wide. */
static const char *const titles[] = {"CA",      "SCOPE",  "OF",    "LIMIT", "LEFT",
                                     "BLOCKED", "REASON", "SINCE", "UNTIL"};

enum {
	WIDE_COUNT = sizeof(titles) / sizeof(titles[0]),
	TITLE_COUNT = WIDE_COUNT - 2,
	CELL_MAX = 48
};

/* "300/3h" */
static void
rate_text(const cJSON *limit, char text[CELL_MAX])
{
	static const struct {
		int64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	int64_t count = json_int(limit, "limit", 0), seconds = json_int(limit, "seconds", 0);
	size_t i = 0;

	text[0] = '\0';
	if (count == 0 || seconds == 0)
		return;
	while (seconds % units[i].seconds)
		i++;
	snprintf(text, CELL_MAX, "%" PRId64 "/%" PRId64 "%c", count, seconds / units[i].seconds,
	         units[i].unit);
}

static void
add_row(struct table *table, const cJSON *limit)
{
	char rate[CELL_MAX], left[CELL_MAX] = "", until[PRINT_TIME_MAX];

	rate_text(limit, rate);
	if (*rate)
		snprintf(left, sizeof(left), "%" PRId64, json_int(limit, "left", 0));
	print_relative(print_time_of(limit, "until"), clock_wall(), until);
	table_row(table, (const char *[]){json_text(limit, "ca"), json_text(limit, "scope"),
	                                  json_text(limit, "of"), rate, left, until,
	                                  json_text(limit, "reason"), json_text(limit, "since"),
	                                  json_text(limit, "until")});
}

static void
on_limit(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *limit = json_object(line, "limit");

	if (limit && arg)
		add_row(arg, limit);
	else if (limit)
		print_item(&ctl->print, limit);
}

enum msg_exit
cmd_limits(struct ctl *ctl)
{
	struct table *table = NULL;
	cJSON *request = ctl_request("limits");
	enum msg_exit code;

	if (ctl->arg_count)
		cJSON_AddStringToObject(request, "ca", ctl->args[0]);
	if (option_is_given(&ctl->options, OPTION_ALL))
		cJSON_AddTrueToObject(request, "all");
	if (ctl->print.format == PRINT_TABLE)
		table = ctl->print.wide ? table_new(titles, WIDE_COUNT, 0)
		                        : table_new(titles, TITLE_COUNT, terminal_width());
	code = ctl_ask(ctl, request, on_limit, table, NULL);
	if (table)
		table_flush(table);
	else
		print_end(&ctl->print, NULL);
	table_free(table);
	return code;
}
