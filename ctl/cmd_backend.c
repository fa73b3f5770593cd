/* SPDX-License-Identifier: Apache-2.0 */
/* backend: list [NAME], set NAME SERVER STATE, drain NAME SERVER: where connections go. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "ctl/terminal.h"

/* The last two with -o wide. */
static const char *const titles[] = {"BACKEND", "SERVER", "STATE",  "HEALTH",    "SINCE",
                                     "CONNS",   "FAILED", "REASON", "ADDRESSES", "CONNECTS"};

enum { WIDE_COUNT = sizeof(titles) / sizeof(titles[0]), TITLE_COUNT = WIDE_COUNT - 2 };

static void
add_rows(struct table *table, const cJSON *backend)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, json_array(backend, "servers"))
	{
		const char *health = json_text(s, "health");
		char since[PRINT_TIME_MAX], connections[24], failures[24], connects[24];
		struct buf addresses = {0};
		const cJSON *address;

		snprintf(connections, sizeof(connections), "%" PRId64,
		         json_int(s, "connections", 0));
		snprintf(failures, sizeof(failures), "%" PRId64, json_int(s, "failures", 0));
		print_relative(print_time_of(s, "since"), clock_wall(), since);
		snprintf(connects, sizeof(connects), "%" PRId64, json_int(s, "connects", 0));
		cJSON_ArrayForEach(address, json_array(s, "addresses")) buf_printf(
			&addresses, "%s%s", addresses.len ? "," : "",
			cJSON_GetStringValue(address) ? cJSON_GetStringValue(address) : "");
		table_row(table,
		          (const char *[]){json_text(backend, "name"), json_text(s, "server"),
		                           json_text(s, "state"), health, since, connections,
		                           failures,
		                           health && strcmp(health, "down") == 0
		                                   ? json_text(s, "last_failure")
		                                   : NULL,
		                           addresses.len ? buf_str(&addresses) : NULL, connects});
		buf_done(&addresses);
	}
}

static void
on_backend(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *backend = json_object(line, "backend");

	if (backend && arg)
		add_rows(arg, backend);
	else if (backend)
		print_item(&ctl->print, backend);
}

static enum msg_exit
list(struct ctl *ctl, const char *name)
{
	struct table *table = NULL;
	cJSON *request = ctl_request("backend.list");
	enum msg_exit code;

	if (name)
		cJSON_AddStringToObject(request, "backend", name);
	if (ctl->print.format == PRINT_TABLE)
		table = ctl->print.wide ? table_new(titles, WIDE_COUNT, 0)
		                        : table_new(titles, TITLE_COUNT, terminal_width());
	code = ctl_ask(ctl, request, on_backend, table, NULL);
	if (table)
		table_flush(table);
	else
		print_end(&ctl->print, NULL);
	table_free(table);
	return code;
}

static enum msg_exit
set(struct ctl *ctl, const char *state)
{
	cJSON *request = ctl_request("backend.set");
	enum msg_exit code;

	cJSON_AddStringToObject(request, "backend", ctl->args[1]);
	cJSON_AddStringToObject(request, "server", ctl->args[2]);
	cJSON_AddStringToObject(request, "state", state);
	code = ctl_ask(ctl, request, NULL, NULL, NULL);
	if (code == MSG_EXIT_OK)
		print_outcome(&ctl->print, NULL, NULL);
	return code;
}

enum msg_exit
cmd_backend(struct ctl *ctl)
{
	const char *word = ctl->args[0];

	if (strcmp(word, "list") == 0)
		return list(ctl, ctl->arg_count > 1 ? ctl->args[1] : NULL);
	return set(ctl, strcmp(word, "set") == 0 ? ctl->args[3] : "drain");
}
