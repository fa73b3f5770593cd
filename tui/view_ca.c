/* SPDX-License-Identifier: Apache-2.0 */
/* The screen CA: how each CA is doing, and what its limits leave us. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "ctl/print.h"
#include "tui/console.h"
#include "tui/gather.h"
#include "tui/sheet.h"
#include "tui/spark.h"
#include "tui/text.h"

enum { LINE_BYTES = 2048, BAR_WIDTH = 10, HOURS = 24, WIDE = 100 };

struct view_state {
	struct sheet sheet;
	struct gather cas, limits, due;
};

static void
ca_open(struct view *v)
{
	struct view_state *s = v->state;

	v->sheet = &s->sheet;
}

static void
ca_load(struct view *v)
{
	struct view_state *s = v->state;

	gather_ask(&s->cas, v, console_request("ca.list"), "ca");
	gather_ask(&s->limits, v, console_request("limits"), "limit");
	gather_ask(&s->due, v, console_request("due"), "due");
}

static void
add_ca(struct sheet *sheet, const cJSON *ca, int64_t now, int width)
{
	const cJSON *error = json_object(ca, "error");
	const char *name = json_text(ca, "name"), *detail = json_text(error, "detail");
	const char *state = json_text(ca, "state"), *directory = json_text(ca, "directory");
	int64_t hold = print_time_of(ca, "hold_until");
	char line[LINE_BYTES], names[TEXT_NUMBER_MAX], orders[TEXT_NUMBER_MAX],
		issued[TEXT_NUMBER_MAX], failed[TEXT_NUMBER_MAX], when[PRINT_TIME_MAX];
	struct buf cells = {0};

	buf_add_str(&cells, error ? "! " : "  ");
	text_pad(&cells, name ? name : "", 12, draw_is_ascii());
	buf_add_str(&cells, " ");
	text_pad(&cells, state ? state : "", 10, draw_is_ascii());
	buf_printf(&cells, " %9s names %4s busy %6s issued %6s failed  %s",
	           text_count(json_int(ca, "names", 0), names),
	           text_count(json_int(ca, "orders", 0), orders),
	           text_count(json_int(ca, "issued", 0), issued),
	           text_count(json_int(ca, "failed", 0), failed), directory ? directory : "");
	if (buf_str(&cells))
		sheet_add_key(sheet, error ? TONE_WARN : TONE_PLAIN, name, buf_str(&cells));
	buf_done(&cells);
	if (hold > now) {
		snprintf(line, sizeof(line), "nothing is asked of it: %s",
		         print_relative(hold, now, when));
		sheet_field(sheet, TONE_WARN, "  on hold", line, width);
	}
	sheet_field(sheet, TONE_WARN, "  why", detail, width);
	sheet_field(sheet, TONE_TITLE, "  do", json_text(error, "hint"), width);
}

static void
add_limit(struct sheet *sheet, const cJSON *limit, int64_t now, int width)
{
	const char *ca = json_text(limit, "ca"), *scope = json_text(limit, "scope");
	const char *of = json_text(limit, "of");
	int64_t most = json_int(limit, "limit", 0), left = json_int(limit, "left", 0);
	int64_t until = print_time_of(limit, "until");
	bool blocked = json_bool(limit, "blocked", false);
	char bar[SPARK_ROOM(BAR_WIDTH)], span[PRINT_TIME_MAX], when[PRINT_TIME_MAX] = "";
	struct buf line = {0};

	buf_add_str(&line, blocked ? "! " : "  ");
	text_pad(&line, ca ? ca : "", 14, draw_is_ascii());
	buf_printf(&line, " %-9s ", scope ? scope : "");
	text_pad(&line, of ? of : "", 24, draw_is_ascii());
	if (most)
		buf_printf(&line, " %s %" PRId64 "/%" PRId64 " a %s",
		           spark_bar((double)(most - left), (double)most, BAR_WIDTH, bar),
		           most - left, most, print_span(json_int(limit, "seconds", 0), span));
	if (blocked || until > now)
		buf_printf(&line, " %s%s", blocked ? "BLOCKED " : "room ",
		           until ? print_relative(until, now, when) : "until somebody acts");
	if (buf_str(&line))
		sheet_add(sheet, blocked ? TONE_WARN : TONE_PLAIN, "%s", buf_str(&line));
	buf_done(&line);
	sheet_field(sheet, TONE_WARN, "  said", json_text(limit, "reason"), width);
}

/* The next 24 hours as a picture, and when most comes. */
static void
add_hours(struct sheet *sheet, const char *whose, const cJSON *due, int width)
{
	double hours[HOURS] = {0};
	size_t count = 0, peak = 0;
	int64_t waiting = json_int(due, "waiting", 0);
	char line[LINE_BYTES], rest[LINE_BYTES], picture[SPARK_ROOM(HOURS)], most[TEXT_NUMBER_MAX],
		renewals[TEXT_NUMBER_MAX], now[TEXT_NUMBER_MAX];
	const cJSON *one;

	cJSON_ArrayForEach(one, json_array(due, "hours"))
	{
		if (count < HOURS)
			hours[count++] = one->valuedouble;
		peak = hours[count - 1] > hours[peak] ? count - 1 : peak;
	}
	spark_line(hours, count, HOURS, draw_has_blocks(), picture);
	snprintf(line, sizeof(line), "at most %s an hour, in %zuh",
	         text_count((int64_t)hours[peak], most), peak);
	snprintf(rest, sizeof(rest), "%s renewals, %s are waiting%s",
	         text_count(json_int(due, "renewals", 0), renewals), text_count(waiting, now),
	         json_bool(due, "complete", true) ? "" : ", not all is counted yet");
	if (width >= WIDE) {
		sheet_add(sheet, TONE_PLAIN, "  %-12.12s %s  %s; %s", whose, picture, line, rest);
		return;
	}
	sheet_add(sheet, TONE_PLAIN, "  %-12.12s %s", whose, picture);
	sheet_add(sheet, TONE_PLAIN, "  %-12s %s", "", line);
	sheet_add(sheet, TONE_PLAIN, "  %-12s %s", "", rest);
}

static void
add_due(struct sheet *sheet, const cJSON *due, int width)
{
	const cJSON *cas = json_array(due, "cas"), *one;

	if (!due)
		return;
	sheet_add(sheet, TONE_PLAIN, "%s", "");
	sheet_add(sheet, TONE_TITLE, "  DUE          the next 24 hours");
	add_hours(sheet, "all", due, width);
	cJSON_ArrayForEach(one, cas)
	{
		const char *name = json_text(one, "name");

		if (cJSON_GetArraySize(cas) > 1)
			add_hours(sheet, name ? name : "", one, width);
	}
}

static void
fill(struct view_state *s, int width)
{
	int64_t now = clock_wall();
	const cJSON *one;

	sheet_clear(&s->sheet);
	sheet_add(&s->sheet, TONE_TITLE, "  CA           STATE");
	cJSON_ArrayForEach(one, s->cas.list) add_ca(&s->sheet, one, now, width);
	sheet_add(&s->sheet, TONE_PLAIN, "%s", "");
	sheet_add(&s->sheet, TONE_TITLE,
	          "  LIMIT OF       WHAT      OF WHAT                  USED");
	cJSON_ArrayForEach(one, s->limits.list) add_limit(&s->sheet, one, now, width);
	if (s->limits.list && !s->limits.list->child)
		sheet_add(&s->sheet, TONE_DIM, "  none is counted, none has been hit");
	add_due(&s->sheet, gather_one(&s->due), width);
	sheet_settle(&s->sheet);
}

static void
ca_draw(struct view *v, struct area area)
{
	struct view_state *s = v->state;

	if (v->is_old || v->width != area.width)
		fill(s, area.width);
	v->is_old = false;
	v->width = area.width;
	sheet_draw(&s->sheet, area);
}

static bool
ca_request(struct view *v, enum request request)
{
	struct view_state *s = v->state;
	const char *name = sheet_key(&s->sheet), *verb;
	char line[LINE_BYTES];

	if (sheet_request(&s->sheet, request))
		return true;
	verb = request == REQUEST_OPEN       ? "show"
	       : request == REQUEST_TEST_CA  ? "test"
	       : request == REQUEST_ROLLOVER ? "rollover"
	                                     : NULL;
	if (!name || !verb)
		return false;
	snprintf(line, sizeof(line), "ca %s %.300s", verb, name);
	console_run(v->console, line);
	return true;
}

static void
ca_done(struct view *v)
{
	struct view_state *s = v->state;

	gather_done(&s->cas);
	gather_done(&s->limits);
	gather_done(&s->due);
	sheet_done(&s->sheet);
}

const struct view_ops view_ca = {VIEW_CA,    "CA/limits", sizeof(struct view_state),
                                 ca_open,    ca_load,     ca_draw,
                                 ca_request, NULL,        ca_done,
                                 NULL,       NULL};
