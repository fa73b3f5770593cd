/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/event_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/print.h"
#include "tui/text.h"

enum { NAME_COLUMNS = 70, WIDE_COLUMNS = 110 };

void
event_row_done(struct event_row *r)
{
	free(r->type);
	free(r->name);
	free(r->detail);
}

static char *
copy_of(const cJSON *event, const char *member)
{
	const char *text = json_text(event, member);

	return strdup(text ? text : "");
}

static char
sign_of(const char *severity)
{
	static const struct {
		const char *word;
		char sign;
	} signs[] = {{"crit", 'X'}, {"err", 'E'}, {"warn", '!'}};

	for (size_t i = 0; severity && i < sizeof(signs) / sizeof(signs[0]); i++)
		if (strcmp(signs[i].word, severity) == 0)
			return signs[i].sign;
	return ' ';
}

bool
event_row_take(struct event_row *r, const cJSON *event)
{
	*r = (struct event_row){
		.id = json_int(event, "id", 0),
		.at = print_time_of(event, "at"),
		.first_at = print_time_of(event, "first_at"),
		.count = json_int(event, "count", 1),
		.is_acknowledged = json_object(event, "acknowledged") != NULL,
		.type = copy_of(event, "type"),
		.name = copy_of(event, "name"),
		.detail = copy_of(event, "detail"),
		.severity = sign_of(json_text(event, "severity")),
	};
	if (r->type && r->name && r->detail)
		return true;
	event_row_done(r);
	return false;
}

enum tone
event_row_tone(const struct event_row *r)
{
	if (r->is_acknowledged)
		return TONE_PLAIN;
	return r->severity == 'X'   ? TONE_ALARM
	       : r->severity == 'E' ? TONE_BAD
	       : r->severity == '!' ? TONE_WARN
	                            : TONE_PLAIN;
}

/* The time today, else the day. */
static void
time_text(int64_t at, int64_t now, char text[CLOCK_TEXT_MAX])
{
	char whole[CLOCK_TEXT_MAX];
	bool is_today = at / 86400 == now / 86400;

	clock_format(at, whole);
	snprintf(text, CLOCK_TEXT_MAX, "%.*s", is_today ? 8 : 5,
	         whole + (is_today ? sizeof("2026-11-22T") : sizeof("2026-")) - 1);
}

/* Columns that stand before the detail, in cells. */
static void
columns_for(int width, int *ret_type, int *ret_name)
{
	*ret_type = width >= WIDE_COLUMNS ? 24 : width >= NAME_COLUMNS ? 18 : 16;
	*ret_name = width >= WIDE_COLUMNS ? 30 : width >= NAME_COLUMNS ? 18 : 12;
}

void
event_row_line(const struct event_row *r, int64_t now, int width, struct buf *out)
{
	char when[CLOCK_TEXT_MAX], count[TEXT_NUMBER_MAX];
	int type, name;

	columns_for(width, &type, &name);
	time_text(r->at, now, when);
	text_count(r->count, count);
	buf_printf(out, "%c %-8s %5s ", r->is_acknowledged ? 'a' : r->severity, when,
	           r->count > 1 ? count : "");
	text_fit(out, r->type, (size_t)type, draw_is_ascii());
	buf_add_str(out, " ");
	text_pad(out, r->name, (size_t)name, draw_is_ascii());
	buf_printf(out, " %s", r->detail);
}

char *
event_row_titles(int width, char dst[EVENT_ROW_MAX])
{
	int type, name;

	columns_for(width, &type, &name);
	snprintf(dst, EVENT_ROW_MAX, "  %-8s %5s %-*s %-*s %s", "LAST", "TIMES", type, "TYPE", name,
	         "NAME", "DETAIL");
	return dst;
}
