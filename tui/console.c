/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/console.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "tui/console_inside.h"
#include "tui/sheet.h"
#include "tui/term.h"

enum {
	ASK_PATIENCE_MS = 10000,
	ACT_PATIENCE_MS = 120000,
	WATCH_PATIENCE_MS = INT32_MAX, /* as long as nothing changes */
	LOAD_TICKS = 5,                /* without news, too: times go on */
	WHEEL_ROWS = 3
};

const struct view_ops *const console_screens[VIEW_SCREENS] = {
	&view_names, &view_events, &view_ca, &view_front, &view_store,
};

static void
on_status(void *owner, bool is_new)
{
	struct console *c = owner;
	struct view *v = console_view(c);

	if (!c->model.may_change)
		c->read_only = true;
	if (is_new && v && !c->is_frozen)
		v->ops->load(v);
	c->is_dirty = true;
}

void
console_init(struct console *c, const char *socket, bool read_only)
{
	*c = (struct console){.socket = socket, .read_only = read_only};
	if (gethostname(c->host, sizeof(c->host) - 1) != 0)
		c->host[0] = '\0';
	c->host[strcspn(c->host, ".")] = '\0';
	link_init(&c->ask, socket, ASK_PATIENCE_MS);
	link_init(&c->act, socket, ACT_PATIENCE_MS);
	link_init(&c->watch, socket, WATCH_PATIENCE_MS);
	model_init(&c->model, &c->ask, &c->watch);
	c->model.on_change = on_status;
	c->model.owner = c;
}

void
console_done(struct console *c)
{
	while (c->depth > 1)
		console_pop(c);
	for (size_t i = 0; i < VIEW_SCREENS; i++)
		view_free(c->screens[i]);
	model_done(&c->model);
	link_done(&c->ask);
	link_done(&c->act);
	link_done(&c->watch);
	cJSON_Delete(c->pending);
}

void
console_start(struct console *c, const char *name)
{
	model_tick(&c->model);
	console_screen(c, REQUEST_NAMES);
	if (name)
		console_push(c, &view_name, name);
	link_step(&c->ask);
}

/* ---- the stack ------------------------------------------------------------------------------ */

struct view *
console_view(const struct console *c)
{
	return c->depth ? c->stack[c->depth - 1] : NULL;
}

struct view *
console_push(struct console *c, const struct view_ops *ops, const char *about)
{
	struct view *v;

	if (c->depth == CONSOLE_DEPTH)
		console_pop(c);
	v = view_new(c, ops, about);
	if (v) {
		c->stack[c->depth++] = v;
		v->ops->load(v);
	}
	return v;
}

void
console_pop(struct console *c)
{
	if (c->depth < 2)
		return;
	view_free(c->stack[--c->depth]);
	console_view(c)->ops->load(console_view(c));
}

struct view *
console_screen(struct console *c, enum request screen)
{
	size_t at = (size_t)(screen - REQUEST_NAMES);

	while (c->depth > 1)
		view_free(c->stack[--c->depth]);
	if (!c->screens[at])
		c->screens[at] = view_new(c, console_screens[at], "");
	c->has_origin = false;
	if (c->screens[at]) {
		c->stack[0] = c->screens[at];
		c->depth = 1;
		c->stack[0]->ops->load(c->stack[0]);
	}
	return c->screens[at];
}

void
console_events_of(struct console *c, const char *name)
{
	bool was_open = console_view(c)->ops == &view_name;
	char line[CONSOLE_MESSAGE_MAX + 8];
	struct view *events;

	snprintf(c->origin, sizeof(c->origin), "%s", name);
	events = console_screen(c, REQUEST_EVENTS);
	if (!events)
		return;
	c->has_origin = true;
	c->was_open = was_open;
	snprintf(line, sizeof(line), "name:%s", c->origin);
	view_events.filter(events, line);
}

/* ---- keys ----------------------------------------------------------------------------------- */

void
console_say(struct console *c, enum tone tone, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(c->message, sizeof(c->message), format, ap);
	va_end(ap);
	c->message_tone = tone;
	c->is_dirty = true;
}

static void
go_back(struct console *c, enum request request)
{
	bool was_open = c->has_origin && c->was_open;

	if (c->depth > 1) {
		console_pop(c);
	} else if (c->has_origin) {
		console_screen(c, REQUEST_NAMES);
		if (was_open)
			console_push(c, &view_name, c->origin);
	} else if (request == REQUEST_QUIT) {
		c->wants_quit = true;
	}
}

static void
own_request(struct console *c, enum request request)
{
	struct view *help;

	switch (request) {
	case REQUEST_HELP:
		help = console_view(c)->ops == &view_pager ? NULL
		                                           : console_push(c, &view_pager, "help");
		if (help)
			view_pager_help(help, c->stack[c->depth - 2]->ops->kind);
		break;
	case REQUEST_COMMAND:
		prompt_begin(&c->prompt, PROMPT_COMMAND, ":", "");
		break;
	case REQUEST_FREEZE:
		c->is_frozen = !c->is_frozen;
		break;
	case REQUEST_REDRAW:
		term_redraw();
		break;
	case REQUEST_FAULTS:
		console_run(c, "faults");
		break;
	case REQUEST_BACK:
	case REQUEST_QUIT:
		go_back(c, request);
		break;
	default:
		console_screen(c, request);
	}
}

void
console_search(struct console *c, const char *text, bool backwards)
{
	struct sheet *sheet = console_view(c)->sheet;

	if (!sheet)
		return;
	if (*text)
		sheet_look_for(sheet, text);
	if (!sheet_is_looking(sheet))
		console_say(c, TONE_WARN, "nothing is looked for yet: / does");
	else if (!sheet_next(sheet, backwards))
		console_say(c, TONE_WARN, "\"%.200s\" is nowhere here", sheet->wanted);
}

/* What all views of lines have, where "/" is no filter. */
static void
search_request(struct console *c, enum request request)
{
	if (request == REQUEST_FILTER)
		prompt_begin(&c->prompt, PROMPT_SEARCH, "look for:", "");
	else if (request == REQUEST_NEXT || request == REQUEST_PREVIOUS)
		console_search(c, "", request == REQUEST_PREVIOUS);
}

static void
take_request(struct console *c, enum request request)
{
	struct view *v = console_view(c);

	if (request == REQUEST_NONE)
		return;
	c->message[0] = '\0';
	if (keys_changes(request) && c->read_only) {
		console_say(c, TONE_WARN, "read-only: nothing can be changed or tried from here");
		return;
	}
	if (request == REQUEST_BACK && v->ops->request(v, request))
		return;
	if (request < REQUEST_UP)
		own_request(c, request);
	else if (!v->ops->request(v, request) && v->sheet)
		search_request(c, request);
}

static bool
click_view(struct view *v, int row)
{
	return v->ops->click ? v->ops->click(v, row) : v->sheet && sheet_click(v->sheet, row);
}

/* A tab, or a row: the first click goes to it, one more opens it. */
static void
take_click(struct console *c)
{
	struct view *v = console_view(c);
	int row, column;
	bool is_double = term_click(&row, &column);

	for (size_t i = 0; row == 0 && i < VIEW_SCREENS; i++)
		if (column < c->tab_ends[i]) {
			take_request(c, (enum request)(REQUEST_NAMES + i));
			return;
		}
	if (row > 0 && (click_view(v, row) || (is_double && click_view(v, row))))
		take_request(c, REQUEST_OPEN);
}

static void
take_mouse(struct console *c, int key)
{
	enum request step = key == TERM_WHEEL_UP ? REQUEST_UP : REQUEST_DOWN;

	if (c->prompt.use != PROMPT_OFF) /* a question is answered by keys */
		return;
	if (key == TERM_CLICK)
		take_click(c);
	for (int i = 0; key != TERM_CLICK && i < WHEEL_ROWS; i++)
		take_request(c, step);
}

void
console_key(struct console *c, int key)
{
	c->is_dirty = true;
	if (key == TERM_RESIZE || console_refuses_paste(c, key))
		return;
	if (key == TERM_CLICK || key == TERM_WHEEL_UP || key == TERM_WHEEL_DOWN) {
		take_mouse(c, key);
		return;
	}
	if (c->prompt.use != PROMPT_OFF)
		console_prompt_key(c, key);
	else
		take_request(c, keys_request(console_view(c)->ops->kind, key));
}

/* ---- what comes ----------------------------------------------------------------------------- */

void
console_step(struct console *c)
{
	struct view *v = console_view(c);

	link_step(&c->ask);
	link_step(&c->act);
	link_step(&c->watch);
	if (v->ops == &view_pager)
		view_pager_step(v);
	c->is_dirty = true;
}

void
console_tick(struct console *c)
{
	struct view *v = console_view(c);

	model_tick(&c->model);
	c->ticks++;
	if (!c->is_frozen && (model_take_news(&c->model) || c->ticks % LOAD_TICKS == 0))
		v->ops->load(v);
	c->is_dirty = true;
}
