/* SPDX-License-Identifier: Apache-2.0 */
/* The verb order: what happened when CAs were asked for a name's certificate. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/ctl.h"

enum { FIELD_MAX = 2048 };

static void
show_steps(const cJSON *steps)
{
	const cJSON *step;
	char field[FIELD_MAX], status[32], count[32], time[16];

	cJSON_ArrayForEach(step, steps)
	{
		const char *at = json_text(step, "at"), *word = json_text(step, "step");
		int64_t code = json_int(step, "status", 0), times = json_int(step, "count", 1);

		snprintf(status, sizeof(status), code ? "%" PRId64 : "no answer", code);
		snprintf(count, sizeof(count), times > 1 ? ", %" PRId64 " times" : "", times);
		snprintf(field, sizeof(field), "%-10s %s%s", word ? word : "", status, count);
		/* the time of day: the date stands above; its Z would touch the word */
		snprintf(time, sizeof(time), "%.11s", at && strlen(at) > 12 ? at + 11 : "");
		print_field(time, field);
	}
}

static void
show_subproblems(const cJSON *document)
{
	const cJSON *sub;
	char field[FIELD_MAX];

	cJSON_ArrayForEach(sub, json_array(document, "subproblems"))
	{
		const char *name = json_text(json_object(sub, "identifier"), "value");
		const char *type = json_text(sub, "type"), *detail = json_text(sub, "detail");

		snprintf(field, sizeof(field), "%s: %s: %s", name ? name : "-", type ? type : "",
		         detail ? detail : "");
		print_field("  of it", field);
	}
}

static void
show_error(const cJSON *attempt)
{
	const cJSON *error = json_object(attempt, "error");
	const cJSON *document = json_object(attempt, "document");
	const char *code = json_text(error, "code"), *detail = json_text(error, "detail");
	char field[FIELD_MAX];

	if (!error)
		return;
	snprintf(field, sizeof(field), "%s: %s", code ? code : "failed", detail ? detail : "");
	print_field("error", field);
	print_field("CA's word", json_text(error, "type"));
	show_subproblems(document);
	print_field("see", json_text(document, "instance"));
}

static void
show_attempt(const cJSON *attempt, int64_t now)
{
	const char *ca = json_text(attempt, "ca"), *result = json_text(attempt, "result");
	int64_t began = print_time_of(attempt, "began_at"), next = print_time_of(attempt, "next");
	char field[FIELD_MAX], relative[PRINT_TIME_MAX];

	snprintf(field, sizeof(field), "%s, ca %s, %s (%s)",
	         began ? json_text(attempt, "began_at") : "-", ca ? ca : "", result ? result : "",
	         print_relative(began, now, relative));
	print_field("attempt", field);
	print_field("order", json_text(attempt, "order"));
	show_steps(json_array(attempt, "steps"));
	show_error(attempt);
	if (next)
		print_field("next try", json_text(attempt, "next"));
}

static void
on_attempt(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *attempt = json_object(line, "attempt");
	bool *any = arg;

	if (!attempt)
		return;
	if (ctl->print.format != PRINT_TABLE) {
		print_item(&ctl->print, attempt);
	} else {
		if (*any)
			print_line("%s", "");
		show_attempt(attempt, clock_wall());
	}
	*any = true;
}

enum msg_exit
cmd_order(struct ctl *ctl)
{
	cJSON *request = ctl_request("order");
	bool any = false;
	enum msg_exit code;

	cJSON_AddStringToObject(request, "name", ctl->args[0]);
	code = ctl_ask(ctl, request, on_attempt, &any, NULL);
	if (code != MSG_EXIT_OK)
		return code;
	if (!any && ctl->print.format == PRINT_TABLE)
		print_line("no attempt yet");
	print_end(&ctl->print, NULL);
	return code;
}
