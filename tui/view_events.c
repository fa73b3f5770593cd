/* SPDX-License-Identifier: Apache-2.0 */
/* The screen Events: the log, newest first, older ones as one goes down. Repeats are one row. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/print.h"
#include "tui/console.h"
#include "tui/event_file.h"
#include "tui/event_list.h"
#include "tui/filter.h"
#include "tui/sheet.h"
#include "tui/text.h"

enum { PAGE = EVENT_LIST_FRESH, FILTER_MAX = 256 };

struct view_state {
	struct sheet sheet;
	struct event_list list;
	bool is_started, is_asked, asks_older, is_changed;
	char filter[FILTER_MAX];
	unsigned actions; /* that were done when the rows were read */
};

/* ---- what is asked -------------------------------------------------------------------------- */

static void
on_event(void *owner, const cJSON *line)
{
	struct view_state *s = ((struct view *)owner)->state;
	const cJSON *event = json_object(line, "event");
	struct event_row r;

	if (!event || !event_row_take(&r, event))
		return;
	if (!s->asks_older && r.id > s->list.newest)
		event_list_add(&s->list, &r);
	else if (s->asks_older && r.id < s->list.oldest && s->list.fresh_count < PAGE)
		s->list.fresh[s->list.fresh_count++] = r;
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
		event_list_forget(&s->list);
		return;
	}
	if (s->asks_older) {
		event_list_take(&s->list);
		s->list.oldest = s->list.oldest > PAGE ? s->list.oldest - PAGE : 0;
	} else if (after > s->list.newest) {
		s->list.newest = after;
		if (!v->console->is_frozen)
			ask(v, false); /* until nothing is new */
		return;
	}
	if (s->list.count < s->sheet.rows && s->list.oldest > 0 && s->list.count < EVENT_LIST_MAX)
		ask(v, true);
}

static void
ask(struct view *v, bool older)
{
	static const struct link_asker asker = {on_event, on_end};
	struct view_state *s = v->state;
	cJSON *request = console_request("events");
	int64_t after =
		older ? (s->list.oldest > PAGE ? s->list.oldest - PAGE : 0) : s->list.newest;
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

	if (!s->list.rows || !s->list.fresh || !v->console->model.status)
		return;
	if (s->actions != v->console->action.ended)
		s->is_started = false; /* a row may be acknowledged now */
	s->actions = v->console->action.ended;
	if (!s->is_started || last < s->list.newest) { /* the first time, or another store */
		event_list_clear(&s->list);
		s->list.newest = s->list.oldest = last > PAGE ? last - PAGE : 0;
		s->list.oldest += s->list.oldest > 0; /* what is newer than NEWEST comes first */
		s->is_started = true;
	}
	ask(v, false);
}

static void
events_open(struct view *v)
{
	struct view_state *s = v->state;

	event_list_init(&s->list);
	v->sheet = &s->sheet;
}

static void
events_filter(struct view *v, const char *text)
{
	struct view_state *s = v->state;
	cJSON *unused = cJSON_CreateObject();
	char why[FILTER_MAX];
	bool ok = filter_events(text, clock_wall(), unused, why, sizeof(why));

	cJSON_Delete(unused);
	if (!ok) { /* what is seen stays */
		console_say(v->console, TONE_BAD, "%s", why);
		return;
	}
	snprintf(s->filter, sizeof(s->filter), "%s", text);
	link_forget(&v->console->ask, v);
	event_list_forget(&s->list);
	s->is_asked = s->is_started = false;
	s->is_changed = true;
	event_list_clear(&s->list);
	events_load(v);
}

/* ---- drawing -------------------------------------------------------------------------------- */

static void
add_line(struct view_state *s, const struct event_row *r, int64_t now, int width)
{
	struct buf line = {0};
	char key[TEXT_NUMBER_MAX];

	snprintf(key, sizeof(key), "%" PRId64, r->id);
	event_row_line(r, now, width, &line);
	if (buf_str(&line))
		sheet_add_key(&s->sheet, event_row_tone(r), key, buf_str(&line));
	buf_done(&line);
}

static void
fill(struct view_state *s, int width)
{
	int64_t now = clock_wall();
	bool at_top = s->sheet.cursor == 0;

	s->is_changed = false;
	sheet_clear(&s->sheet);
	for (size_t i = s->list.count; i-- > 0;)
		add_line(s, &s->list.rows[i], now, width);
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
	            text_count((int64_t)s->list.count, number),
	            s->list.oldest ? ", older ones below" : "");
	draw_text(row++, 0, area.width, TONE_TITLE, event_row_titles(area.width, titles));
	sheet_draw(&s->sheet, (struct area){row, area.rows - 2, area.width});
	if (s->sheet.count == 0)
		draw_text(row, 2, area.width, TONE_DIM, s->is_asked ? "looking ..." : "nothing");
}

/* ---- requests ------------------------------------------------------------------------------- */

static const struct event_row *
row_here(const struct view_state *s)
{
	const char *key = sheet_key(&s->sheet);
	int64_t id = key ? strtoll(key, NULL, 10) : 0;

	for (size_t i = 0; i < s->list.count; i++)
		if (s->list.rows[i].id == id)
			return &s->list.rows[i];
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

/* The next one that somebody should see to, in the order of the screen. */
static void
go_on(struct view *v, bool backwards)
{
	struct view_state *s = v->state;
	const struct event_row *here = row_here(s);

	size_t at = here ? (size_t)(here - s->list.rows) : s->list.count;

	do /* the newest is the last one, and the first line */
		at += backwards ? 1 : (size_t)-1;
	while (at < s->list.count && event_row_tone(&s->list.rows[at]) == TONE_PLAIN);
	if (at < s->list.count)
		sheet_go(&s->sheet, s->list.count - 1 - at);
	else
		console_say(v->console, TONE_PLAIN, "none %s it needs somebody",
		            backwards ? "before" : "behind");
}

/* The word of the filter with PREFIX gets the value behind the one it has; behind the last, none.
 */
static void
cycle(char text[FILTER_MAX], const char *prefix, const char *const *values)
{
	char now[FILTER_MAX] = "";
	size_t next = 0;

	filter_set(text, FILTER_MAX, prefix, NULL, now);
	while (now[0] && values[next] && strcmp(values[next++], now) != 0)
		;
	filter_set(text, FILTER_MAX, prefix, values[next], now);
}

/* Only of this type, or so bad, or of the last hour, day, week; or all again. */
static void
narrow(struct view *v, enum request request)
{
	static const char *const spans[] = {"1h", "24h", "7d", NULL};
	static const char *const severities[] = {"warn", "err", "crit", NULL};
	struct view_state *s = v->state;
	const struct event_row *here = row_here(s);
	const char *types[] = {here ? here->type : NULL, NULL};
	char text[FILTER_MAX];

	snprintf(text, sizeof(text), "%s", s->filter);
	if (request == REQUEST_TYPE)
		cycle(text, "type:", types);
	else if (request == REQUEST_TIME)
		cycle(text, "since:", spans);
	else
		cycle(text, "severity:", severities);
	events_filter(v, text);
}

static bool
row_request(struct view *v, enum request request)
{
	const struct event_row *here = row_here(v->state);

	if (request == REQUEST_COPY)
		console_copy(v->console, here ? here->name : "");
	else if (request == REQUEST_OPEN && here)
		open_event(v, here);
	else if (request == REQUEST_ACKNOWLEDGE && here)
		acknowledge(v, here);
	else
		return false;
	return true;
}

static bool
events_request(struct view *v, enum request request)
{
	struct view_state *s = v->state;

	if (sheet_request(&s->sheet, request)) {
		if (s->list.oldest > 0 && s->sheet.cursor + s->sheet.rows >= s->sheet.count &&
		    s->list.count < EVENT_LIST_MAX)
			ask(v, true);
		return true;
	}
	if (request == REQUEST_FILTER)
		console_ask_filter(v->console, s->filter);
	else if (request == REQUEST_NEXT || request == REQUEST_PREVIOUS)
		go_on(v, request == REQUEST_PREVIOUS);
	else if (request == REQUEST_TYPE || request == REQUEST_TIME || request == REQUEST_SEVERITY)
		narrow(v, request);
	else if (request == REQUEST_WRITE)
		console_ask_path(v->console);
	else if (request == REQUEST_BACK && s->filter[0])
		events_filter(v, "");
	else
		return row_request(v, request);
	return true;
}

static void
events_write(struct view *v, const char *path, bool replaced)
{
	struct view_state *s = v->state;

	if (event_file_write(path, replaced, s->list.rows, s->list.count))
		console_say(v->console, TONE_GOOD, "%zu events are in %s", s->list.count, path);
	else if (errno == EEXIST && !replaced)
		console_ask_overwrite(v->console, path);
	else
		console_say(v->console, TONE_BAD, "%s: %s", path, strerror(errno));
}

static void
events_done(struct view *v)
{
	struct view_state *s = v->state;

	event_list_done(&s->list);
	sheet_done(&s->sheet);
}

const struct view_ops view_events = {VIEW_EVENTS,    "Events",      sizeof(struct view_state),
                                     events_open,    events_load,   events_draw,
                                     events_request, events_filter, events_done,
                                     NULL,           events_write};
