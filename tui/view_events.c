/* SPDX-License-Identifier: Apache-2.0 */
/* The screen Events: the log, newest first, older ones as one goes down. Repeats are one row. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/print.h"
#include "tui/console.h"
#include "tui/event_row.h"
#include "tui/filter.h"
#include "tui/sheet.h"
#include "tui/text.h"

enum { PAGE = 1000, ROWS_MAX = 5000, FILTER_MAX = 256 };

struct view_state {
	struct sheet sheet;
	struct event_row *rows; /* oldest first */
	size_t count;
	int64_t newest, oldest; /* ids, of what was looked at: all between them is here */
	bool is_started, is_asked, asks_older, is_changed;
	struct event_row *fresh; /* older ones that are just coming */
	size_t fresh_count;
	char filter[FILTER_MAX];
	unsigned actions; /* that were done when the rows were read */
};

/* ---- rows ----------------------------------------------------------------------------------- */

static void
drop_rows(struct event_row *rows, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		event_row_done(&rows[i]);
	*count = 0;
}

static void
remove_row(struct view_state *s, size_t at)
{
	event_row_done(&s->rows[at]);
	memmove(&s->rows[at], &s->rows[at + 1], (s->count - at - 1) * sizeof(s->rows[0]));
	s->count--;
}

/* A repeat comes with a new id, in place of the row that had its first time. */
static void
add_newer(struct view_state *s, const struct event_row *r)
{
	for (size_t i = s->count; i-- > 0 && r->count > 1;)
		if (s->rows[i].first_at == r->first_at && strcmp(s->rows[i].type, r->type) == 0 &&
		    strcmp(s->rows[i].name, r->name) == 0) {
			remove_row(s, i);
			break;
		}
	if (s->count == ROWS_MAX) {
		s->oldest = s->rows[1].id;
		remove_row(s, 0);
	}
	s->rows[s->count++] = *r;
}

static void
add_older(struct view_state *s)
{
	size_t more = s->fresh_count;

	if (s->count + more > ROWS_MAX) {
		drop_rows(s->fresh, &s->fresh_count);
		return;
	}
	memmove(s->rows + more, s->rows, s->count * sizeof(s->rows[0]));
	memcpy(s->rows, s->fresh, more * sizeof(s->rows[0]));
	s->count += more;
	s->fresh_count = 0;
}

/* ---- what is asked -------------------------------------------------------------------------- */

static void
on_event(void *owner, const cJSON *line)
{
	struct view_state *s = ((struct view *)owner)->state;
	const cJSON *event = json_object(line, "event");
	struct event_row r;

	if (!event || !event_row_take(&r, event))
		return;
	if (!s->asks_older && r.id > s->newest)
		add_newer(s, &r);
	else if (s->asks_older && r.id < s->oldest && s->fresh_count < PAGE)
		s->fresh[s->fresh_count++] = r;
	else
		event_row_done(&r);
	s->is_changed = true;
}

static void ask(struct view *v, bool older);

static void
on_end(void *owner, const cJSON *end, enum err err)
{
	struct view *v = owner;
	struct view_state *s = v->state;
	int64_t after = json_int(end, "after", 0);

	s->is_asked = false;
	console_on_end(owner, end, err);
	if (err || json_object(end, "error")) {
		drop_rows(s->fresh, &s->fresh_count);
		return;
	}
	if (s->asks_older) {
		add_older(s);
		s->oldest = s->oldest > PAGE ? s->oldest - PAGE : 0;
	} else if (after > s->newest) {
		s->newest = after;
		ask(v, false); /* until nothing is new */
		return;
	}
	if (s->count < s->sheet.rows && s->oldest > 0 && s->count < ROWS_MAX)
		ask(v, true);
}

static void
ask(struct view *v, bool older)
{
	static const struct link_asker asker = {on_event, on_end};
	struct view_state *s = v->state;
	cJSON *request = console_request("events");
	int64_t after = older ? (s->oldest > PAGE ? s->oldest - PAGE : 0) : s->newest;
	char why[FILTER_MAX];

	if (s->is_asked || !filter_events(s->filter, clock_wall(), request, why, sizeof(why))) {
		if (!s->is_asked)
			console_say(v->console, TONE_BAD, "%s", why);
		cJSON_Delete(request);
		return;
	}
	cJSON_AddNumberToObject(request, "limit", PAGE);
	cJSON_AddNumberToObject(request, "after", (double)after);
	s->asks_older = older;
	s->is_asked = link_ask(&v->console->ask, request, &asker, v);
}

static void
events_load(struct view *v)
{
	struct view_state *s = v->state;
	int64_t last = v->console->model.events_last;

	if (!s->rows || !s->fresh || !v->console->model.status)
		return;
	if (s->actions != v->console->action.ended)
		s->is_started = false; /* a row may be acknowledged now */
	s->actions = v->console->action.ended;
	if (!s->is_started || last < s->newest) { /* the first time, or another store */
		drop_rows(s->rows, &s->count);
		s->newest = s->oldest = last > PAGE ? last - PAGE : 0;
		s->oldest += s->oldest > 0; /* what is newer than NEWEST comes first */
		s->is_started = true;
	}
	ask(v, false);
}

static void
events_open(struct view *v)
{
	struct view_state *s = v->state;

	s->rows = calloc(ROWS_MAX, sizeof(*s->rows));
	s->fresh = calloc(PAGE, sizeof(*s->fresh));
}

static void
events_filter(struct view *v, const char *text)
{
	struct view_state *s = v->state;

	snprintf(s->filter, sizeof(s->filter), "%s", text);
	link_forget(&v->console->ask, v);
	drop_rows(s->fresh, &s->fresh_count);
	s->is_asked = s->is_started = false;
	s->is_changed = true;
	drop_rows(s->rows, &s->count);
	events_load(v);
}

/* ---- drawing -------------------------------------------------------------------------------- */

static void
add_line(struct view_state *s, const struct event_row *r, int64_t now, int width)
{
	char line[EVENT_ROW_MAX], key[TEXT_NUMBER_MAX];

	snprintf(key, sizeof(key), "%" PRId64, r->id);
	sheet_add_key(&s->sheet, event_row_tone(r), key, event_row_line(r, now, width, line));
}

static void
fill(struct view_state *s, int width)
{
	int64_t now = clock_wall();
	bool at_top = s->sheet.cursor == 0;

	s->is_changed = false;
	sheet_clear(&s->sheet);
	for (size_t i = s->count; i-- > 0;)
		add_line(s, &s->rows[i], now, width);
	sheet_settle(&s->sheet);
	if (at_top)
		s->sheet.cursor = 0; /* what is new is seen */
}

static void
events_draw(struct view *v, struct area area)
{
	struct view_state *s = v->state;
	char number[TEXT_NUMBER_MAX], titles[EVENT_ROW_MAX];
	int row = area.top;

	if (s->is_changed || v->width != area.width)
		fill(s, area.width);
	v->width = area.width;
	draw_printf(row++, 0, area.width, TONE_DIM, " %s%s  %s rows%s",
	            s->filter[0] ? "filter: " : "all events, newest first", s->filter,
	            text_count((int64_t)s->count, number), s->oldest ? ", older ones below" : "");
	draw_text(row++, 0, area.width, TONE_TITLE, event_row_titles(area.width, titles));
	sheet_draw(&s->sheet, (struct area){row, area.rows - 2, area.width});
	if (s->count == 0)
		draw_text(row, 2, area.width, TONE_DIM, s->is_asked ? "looking ..." : "nothing");
}

/* ---- requests ------------------------------------------------------------------------------- */

static const struct event_row *
row_here(const struct view_state *s)
{
	const char *key = sheet_key(&s->sheet);
	int64_t id = key ? strtoll(key, NULL, 10) : 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->rows[i].id == id)
			return &s->rows[i];
	return NULL;
}

static void
open_event(struct view *v, const struct event_row *r)
{
	struct view *pager;
	char text[EVENT_ROW_MAX];

	if (r->name[0]) {
		console_push(v->console, &view_name, r->name);
		return;
	}
	snprintf(text, sizeof(text), "%s: %s", r->type, r->detail);
	pager = console_push(v->console, &view_pager, r->type);
	if (pager)
		view_pager_text(pager, text);
}

static void
acknowledge(struct view *v, const struct event_row *r)
{
	cJSON *request = console_request("ack");
	char question[CONSOLE_MESSAGE_MAX];

	cJSON_AddNumberToObject(request, "id", (double)r->id);
	snprintf(question, sizeof(question), "acknowledge %s %.200s? (y/n)", r->type, r->name);
	console_do(v->console, request, question);
}

static bool
events_request(struct view *v, enum request request)
{
	struct view_state *s = v->state;
	const struct event_row *here = row_here(s);

	if (sheet_request(&s->sheet, request)) {
		if (s->oldest > 0 && s->sheet.cursor + s->sheet.rows >= s->count &&
		    s->count < ROWS_MAX)
			ask(v, true);
		return true;
	}
	if (request == REQUEST_FILTER)
		console_ask_filter(v->console, s->filter);
	else if (request == REQUEST_BACK && s->filter[0])
		events_filter(v, "");
	else if (request == REQUEST_OPEN && here)
		open_event(v, here);
	else if (request == REQUEST_ACKNOWLEDGE && here)
		acknowledge(v, here);
	else
		return false;
	return true;
}

static void
events_done(struct view *v)
{
	struct view_state *s = v->state;

	drop_rows(s->rows, &s->count);
	drop_rows(s->fresh, &s->fresh_count);
	free(s->rows);
	free(s->fresh);
	sheet_done(&s->sheet);
}

const struct view_ops view_events = {VIEW_EVENTS,    "Events",      sizeof(struct view_state),
                                     events_open,    events_load,   events_draw,
                                     events_request, events_filter, events_done};
