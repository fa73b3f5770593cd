/* SPDX-License-Identifier: Apache-2.0 */
/* The verb diagnose, and what it has in common with show. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/parts.h"

enum { FIELD_MAX = 2048 };

/* The first with LABEL, the others below it. */
static void
print_each(const char *label, const cJSON *list)
{
	const cJSON *line;

	cJSON_ArrayForEach(line, list)
	{
		print_field(label, cJSON_GetStringValue(line));
		label = "";
	}
}

void
print_diagnosis(const cJSON *d, int64_t now, bool whole)
{
	const char *code = json_text(d, "code"), *act = json_text(d, "act");
	const char *text = json_text(d, "text");
	char field[FIELD_MAX], relative[PRINT_TIME_MAX];

	if (!d || !code)
		return;
	snprintf(field, sizeof(field), "%s: %s", code, text ? text : "");
	print_field("diagnosis", field);
	if (act && strcmp(act, "nobody") != 0)
		print_field("must act", act);
	if (print_time_of(d, "away_since")) {
		snprintf(field, sizeof(field), "since %s", json_text(d, "away_since"));
		print_field("not here", field);
	}
	print_each("to be set", json_array(d, "records"));
	if (whole)
		print_each("seen", json_array(d, "findings"));
	snprintf(field, sizeof(field), "%s", print_relative(print_time_of(d, "at"), now, relative));
	if (!whole)
		print_field("looked at", field);
}

static void
on_diagnosis(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *d = json_object(line, "diagnosis");

	(void)arg;
	if (d && ctl->print.format == PRINT_TABLE)
		print_diagnosis(d, clock_wall(), true);
	else if (d)
		print_single(&ctl->print, d);
}

enum msg_exit
cmd_diagnose(struct ctl *ctl)
{
	cJSON *request = ctl_request("diagnose");

	cJSON_AddStringToObject(request, "name", ctl->args[0]);
	return ctl_ask_long(ctl, request, on_diagnosis, NULL);
}
