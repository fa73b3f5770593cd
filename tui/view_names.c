/* SPDX-License-Identifier: Apache-2.0 */
/* The screen Names: a window over certd's lists. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/msg.h"
#include "tui/console.h"
#include "tui/filter.h"
#include "tui/histogram.h"
#include "tui/names_row.h"
#include "tui/seek.h"
#include "tui/text.h"
#include "tui/window.h"

enum { FILTER_MAX = 256, HISTOGRAM_ROWS = 12, ROWS_ABOVE = 3 };

struct view_state {
	struct window window;
	struct seek seek;
	struct names marks;
	struct histogram histogram;
	char filter[FILTER_MAX];
	enum window_order order; /* that is wanted */
	bool is_open;
};

/* ---- what is asked -------------------------------------------------------------------------- */

static bool
reopen(struct view *v)
{
	struct view_state *s = v->state;
	cJSON *query = console_request("list");
	struct filter filter;
	char why[FILTER_MAX];

	if (!filter_names(s->filter, query, &filter, why, sizeof(why))) {
		console_say(v->console, TONE_BAD, "%s", why);
		cJSON_Delete(query);
		return false;
	}
	if (filter.from[0] || filter.by_name) /* a place among names */
		s->order = WINDOW_BY_NAME;
	else if (filter.by_expiry)
		s->order = WINDOW_BY_EXPIRY;
	if (s->order != WINDOW_BY_NAME && !filter.by_expiry)
		cJSON_AddStringToObject(query, "sort",
		                        s->order == WINDOW_BY_NEXT ? "next" : "expiry");
	window_open(&s->window, query, s->order, filter.from[0] ? filter.from : NULL);
	if (filter.near)
		console_say(v->console, TONE_WARN,
		            "these are names from \"%.64s\" on; did you mean the state \"%s\"?",
		            filter.from, filter.near);
	return true;
}

static void
names_open(struct view *v)
{
	struct view_state *s = v->state;

	window_init(&s->window, &v->console->ask);
	s->window.screen = 24; /* until it is drawn */
}

static void
on_expiry(void *owner, const cJSON *line)
{
	struct view_state *s = ((struct view *)owner)->state;

	if (json_object(line, "expiry"))
		histogram_take(&s->histogram, json_object(line, "expiry"));
}

static void
names_load(struct view *v)
{
	static const struct link_asker expiry = {on_expiry, NULL};
	struct view_state *s = v->state;

	if (s->is_open)
		window_refresh(&s->window);
	else
		reopen(v);
	s->is_open = true;
	link_ask(&v->console->ask, console_request("expiry"), &expiry, v);
}

static void
names_filter(struct view *v, const char *text)
{
	struct view_state *s = v->state;
	char before[FILTER_MAX];

	snprintf(before, sizeof(before), "%s", s->filter);
	snprintf(s->filter, sizeof(s->filter), "%s", text);
	if (!reopen(v))
		snprintf(s->filter, sizeof(s->filter), "%s", before);
}

/* ---- drawing -------------------------------------------------------------------------------- */

static void
draw_counts(struct view *v, int row, int width)
{
	static const struct {
		const char *object, *member, *label;
	} counts[] = {
		/* what needs somebody first: the line may be too narrow for all */
		{"names", "valid", "valid"},        {"names", "failing", "failing"},
		{"expiring", "expired", "expired"}, {NULL, "late", "late"},
		{NULL, "faults", "faults"},         {"names", "pending", "pending"},
		{"names", "paused", "paused"},      {"names", "external", "external"},
		{"names", "moved", "moved"},
	};
	const struct model *m = &v->console->model;
	char line[CONSOLE_MESSAGE_MAX], number[TEXT_NUMBER_MAX];
	int len = snprintf(line, sizeof(line), " %s names",
	                   text_count(model_number(m, "names", "total"), number));

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int64_t n = model_number(m, counts[i].object, counts[i].member);

		if (n || i == 0)
			len += snprintf(line + len, sizeof(line) - (size_t)len, "  %s %s",
			                counts[i].label, text_count(n, number));
	}
	draw_text(row, 0, width, TONE_PLAIN, line);
}

static void
draw_filter(struct view *v, int row, int width)
{
	static const char *const orders[WINDOW_ORDERS] = {"by name", "the soonest to expire first",
	                                                  "the soonest to be due first"};
	const struct view_state *s = v->state;
	char line[CONSOLE_MESSAGE_MAX], number[TEXT_NUMBER_MAX];
	int len;

	if (s->window.error[0]) {
		draw_printf(row, 0, width, TONE_BAD, " %s", s->window.error);
		return;
	}
	len = snprintf(line, sizeof(line), " %s%s, %s", s->filter[0] ? "filter: " : "all",
	               s->filter, orders[s->window.order]);
	if (s->filter[0] && s->window.matches >= 0)
		len += snprintf(line + len, sizeof(line) - (size_t)len, "  %s of them",
		                text_count(s->window.matches, number));
	if (s->marks.count)
		snprintf(line + len, sizeof(line) - (size_t)len, "  %zu marked", s->marks.count);
	draw_text(row, 0, width, s->marks.count ? TONE_TITLE : TONE_DIM, line);
}

static bool
is_marked(const struct view_state *s, const char *name)
{
	for (size_t i = 0; i < s->marks.count; i++)
		if (strcmp(s->marks.list[i], name) == 0)
			return true;
	return false;
}

static void
draw_item(const struct view_state *s, const cJSON *item, struct area at, const size_t *widths)
{
	const char *name = json_text(item, "name");
	struct names_row row = {
		.item = item,
		.is_here = item == window_row(&s->window),
		.is_marked = name && is_marked(s, name),
		.now = clock_wall(),
	};

	names_row_draw(&row, at.top, at.width, widths);
}

static void
draw_nothing(const struct view_state *s, int row, int width)
{
	if (window_is_busy(&s->window) || !s->window.at_last)
		draw_text(row, NAMES_SIGNS, width - NAMES_SIGNS, TONE_DIM, "looking ...");
	else if (s->filter[0])
		draw_text(row, NAMES_SIGNS, width - NAMES_SIGNS, TONE_DIM,
		          "no such name; Esc shows all");
	else
		draw_text(row, NAMES_SIGNS, width - NAMES_SIGNS, TONE_DIM,
		          "no names yet; :add shop.example.com takes one in");
}

static void
names_draw(struct view *v, struct area area)
{
	struct view_state *s = v->state;
	bool has_histogram = area.rows >= HISTOGRAM_ROWS;
	int row = area.top + ROWS_ABOVE, rows = area.rows - ROWS_ABOVE - has_histogram;
	size_t widths[NAMES_COLUMNS];
	char histogram[HISTOGRAM_TEXT_MAX];

	window_fit(&s->window, (size_t)rows);
	names_row_fit(area.width, widths);
	draw_counts(v, area.top, area.width);
	draw_filter(v, area.top + 1, area.width);
	names_row_titles(area.top + 2, area.width, widths);
	for (size_t i = 0; i < (size_t)rows && s->window.top + i < s->window.count; i++)
		draw_item(s, s->window.rows[s->window.top + i],
		          (struct area){row + (int)i, 1, area.width}, widths);
	if (s->window.count == 0)
		draw_nothing(s, row, area.width);
	if (has_histogram) {
		histogram_text(&s->histogram, (size_t)area.width, histogram);
		draw_text(area.top + area.rows - 1, 0, area.width, TONE_PLAIN, histogram);
	}
}

/* ---- requests ------------------------------------------------------------------------------- */

static void
toggle_mark(struct view *v, const char *name)
{
	struct view_state *s = v->state;

	for (size_t i = 0; i < s->marks.count; i++)
		if (strcmp(s->marks.list[i], name) == 0) {
			free(s->marks.list[i]);
			s->marks.list[i] = s->marks.list[--s->marks.count];
			return;
		}
	if (s->marks.count == MSG_NAMES_MAX)
		console_say(v->console, TONE_WARN, "no more than %d can be marked", MSG_NAMES_MAX);
	else
		names_add(&s->marks, name);
}

/* Out of what is inside the view: marks, then the filter. */
static bool
leave(struct view *v)
{
	struct view_state *s = v->state;

	if (s->marks.count)
		names_done(&s->marks);
	else if (s->filter[0])
		names_filter(v, "");
	else
		return false;
	return true;
}

/* To the next one that is marked, or that fails. */
static void
go_on(struct view *v, const char *name, bool backwards)
{
	struct view_state *s = v->state;
	const char *best = NULL;

	if (s->marks.count == 0 ||
	    s->window.order != WINDOW_BY_NAME) { /* a mark has no place among dates */
		seek_failing(&s->seek, v, &s->window, backwards);
		return;
	}
	for (size_t i = 0; i < s->marks.count; i++) {
		const char *mark = s->marks.list[i];
		int side = backwards ? -1 : 1;

		if (strcmp(mark, name) * side > 0 && (!best || strcmp(mark, best) * side < 0))
			best = mark;
	}
	if (best)
		window_go(&s->window, best);
	else
		console_say(v->console, TONE_PLAIN, "no marked name is %s it",
		            backwards ? "before" : "behind");
}

static void
do_action(struct view *v, enum request request, const char *name)
{
	static const struct {
		enum request request;
		const char *verb;
	} verbs[] = {{REQUEST_RENEW, "renew"},
	             {REQUEST_RETRY, "retry"},
	             {REQUEST_PAUSE, "pause"},
	             {REQUEST_RESUME, "resume"}};
	struct view_state *s = v->state;
	char line[CONSOLE_MESSAGE_MAX];

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (verbs[i].request == request)
			console_do_names(v->console, verbs[i].verb, &s->marks, name);
	if (request == REQUEST_DIAGNOSE) {
		snprintf(line, sizeof(line), "diagnose %.300s", name);
		console_run(v->console, line);
	} else if (request == REQUEST_OPEN) {
		console_push(v->console, &view_name, name);
	} else if (request == REQUEST_EVENTS_OF) {
		console_events_of(v->console, name);
	} else if (request == REQUEST_MARK) {
		toggle_mark(v, name);
		window_request(&s->window, REQUEST_DOWN);
	} else if (request == REQUEST_COPY) {
		console_copy(v->console, name);
	} else if (request == REQUEST_NEXT || request == REQUEST_PREVIOUS) {
		go_on(v, name, request == REQUEST_PREVIOUS);
	}
}

static bool
names_request(struct view *v, enum request request)
{
	struct view_state *s = v->state;
	const char *name = json_text(window_row(&s->window), "name");
	char about[256];

	if (window_request(&s->window, request))
		return true;
	switch (request) {
	case REQUEST_BACK:
		return leave(v);
	case REQUEST_FILTER:
		console_ask_filter(v->console, s->filter);
		return true;
	case REQUEST_SORT:
		s->order = (s->order + 1) % WINDOW_ORDERS;
		reopen(v);
		return true;
	default:
		if (!name)
			return false;
		snprintf(about, sizeof(about), "%s", name); /* the row may go with the request */
		do_action(v, request, about);
		return true;
	}
}

static void
names_close(struct view *v)
{
	struct view_state *s = v->state;

	seek_done(&s->seek);
	window_done(&s->window);
	names_done(&s->marks);
}

static bool
names_click(struct view *v, int row)
{
	struct view_state *s = v->state;

	row -= ROWS_ABOVE + 1; /* the console's own first line, too */
	return row >= 0 && window_click(&s->window, (size_t)row);
}

const struct view_ops view_names = {VIEW_NAMES,    "Names",      sizeof(struct view_state),
                                    names_open,    names_load,   names_draw,
                                    names_request, names_filter, names_close,
                                    names_click,   NULL};
