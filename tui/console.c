/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/console.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/print.h"
#include "tui/console_inside.h"
#include "tui/term.h"
#include "tui/text.h"

enum {
	ASK_PATIENCE_MS = 10000,
	ACT_PATIENCE_MS = 120000,
	WATCH_PATIENCE_MS = INT32_MAX, /* as long as nothing changes */
	LOAD_TICKS = 5,                /* without news, too: times go on */
	LEAST_ROWS = 10,
	LEAST_COLUMNS = 40,
	UP_COLUMNS = 60, /* below these, only the time; only the number of a screen */
	TABS_COLUMNS = 80
};

static const struct view_ops *const screen_ops[VIEW_SCREENS] = {
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
		c->screens[at] = view_new(c, screen_ops[at], "");
	if (c->screens[at]) {
		c->stack[0] = c->screens[at];
		c->depth = 1;
		c->stack[0]->ops->load(c->stack[0]);
	}
	return c->screens[at];
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
	if (c->depth > 1)
		console_pop(c);
	else if (request == REQUEST_QUIT)
		c->wants_quit = true;
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
	else
		v->ops->request(v, request);
}

void
console_key(struct console *c, int key)
{
	c->is_dirty = true;
	if (key == TERM_RESIZE || console_refuses_paste(c, key))
		return;
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

/* ---- drawing -------------------------------------------------------------------------------- */

static void
draw_tabs(const struct console *c, int column, int width, bool is_short)
{
	for (size_t i = 0; i < VIEW_SCREENS && column < width; i++) {
		bool here = c->stack[0] == c->screens[i];
		char text[64];

		snprintf(text, sizeof(text), here ? "[%zu]%s" : "%zu %s", i + 1,
		         is_short && !here ? "" : screen_ops[i]->title);
		draw_text(0, column, draw_width(text), here ? TONE_TITLE : TONE_BAR, text);
		column += draw_width(text) + (is_short && !here ? 0 : 1);
	}
}

/* Right side of the first line: what is special, how long certd is up, the time. */
static void
head_text(const struct console *c, int64_t now, int width, char text[128])
{
	char up[TEXT_NUMBER_MAX], clock[CLOCK_TEXT_MAX];
	int64_t started = width >= UP_COLUMNS ? print_time_of(c->model.status, "started_at") : 0;

	snprintf(text, 128, "%s%s%s%s%s %.9s", c->is_frozen ? "FROZEN " : "",
	         c->read_only ? "READ-ONLY " : "", model_is_stale(&c->model) ? "OLD " : "",
	         started ? "up " : "", started ? text_left(now, started, up) : "",
	         clock_format(now, clock) + sizeof("2026-11-22T") - 1);
}

static void
draw_head(const struct console *c, int width)
{
	const struct view *v = console_view(c);
	enum tone tone = model_is_stale(&c->model) ? TONE_ALARM : TONE_BAR;
	char right[128], left[CONSOLE_MESSAGE_MAX];
	int size, column = 1;

	head_text(c, clock_wall(), width, right);
	size = (int)strlen(right);
	draw_text(0, 0, width, TONE_BAR, "");
	if (c->depth > 1 && width < UP_COLUMNS) {
		draw_text(0, 1, width - size - 3, TONE_BAR, v->about);
	} else if (c->depth > 1) {
		snprintf(left, sizeof(left), "%s > %s%s%s", c->stack[0]->ops->title, v->ops->title,
		         *v->ops->title && *v->about ? " " : "", v->about);
		draw_text(0, 1, width - size - 3, TONE_BAR, left);
	} else {
		if (width >= TABS_COLUMNS) {
			snprintf(left, sizeof(left), "certd %.10s", c->host);
			draw_text(0, 1, draw_width(left), TONE_BAR, left);
			column += draw_width(left) + 1;
		}
		draw_tabs(c, column, width - size - 2, width < TABS_COLUMNS);
	}
	draw_text(0, width - size - 1, size + 1, tone, right);
}

static void
draw_hints(const struct console *c, int row, int width)
{
	static const char always[] = "  ? help";
	struct key_help help;
	char line[CONSOLE_MESSAGE_MAX] = "";
	size_t len = 0;

	for (size_t i = 0; keys_help(console_view(c)->ops->kind, i, &help); i++) {
		size_t more = help.hint ? strlen(help.hint) + 2 : 0;

		if (more && len + more + sizeof(always) < (size_t)width &&
		    len + more + sizeof(always) < sizeof(line))
			len += (size_t)snprintf(line + len, sizeof(line) - len, "  %s", help.hint);
	}
	snprintf(line + len, sizeof(line) - len, "%s", always);
	draw_text(row, 0, width, TONE_BAR, line + 1);
}

/* Where the cursor is to stand, or -1. */
static int
draw_prompt(const struct console *c, int row, int width)
{
	static const char yes_or_no[] = " (y/n)";
	const struct prompt *p = &c->prompt;
	enum tone tone = p->use == PROMPT_CONFIRM ? TONE_WARN : TONE_PLAIN;
	char line[2 * PROMPT_MAX + 4], before[2 * PROMPT_MAX + 4], *safe;
	int at, size = sizeof(yes_or_no) - 1;

	snprintf(line, sizeof(line), "%s%s%s", p->label, *p->label == ':' ? "" : " ", p->text);
	snprintf(before, sizeof(before), "%s%s%.*s", p->label, *p->label == ':' ? "" : " ",
	         (int)p->at, p->text);
	at = draw_width(before);
	if (at < width) {
		draw_text(row, 0, width, tone, line);
		return at;
	}
	if (p->use == PROMPT_CONFIRM) { /* what is asked, and how to answer */
		draw_text(row, 0, width - size, tone, line);
		draw_text(row, width - size, size, tone, yes_or_no);
		return width - 1;
	}
	safe = text_safe(line, draw_is_ascii());
	draw_text(row, 0, width, tone, text_skip(safe ? safe : "", (size_t)(at - width + 1)));
	free(safe);
	return width - 1;
}

static int
draw_foot(const struct console *c, int row, int width)
{
	if (c->prompt.use != PROMPT_OFF)
		return draw_prompt(c, row, width);
	if (!c->model.is_here && (c->model.trouble[0] || c->model.status))
		draw_printf(row, 0, width, TONE_ALARM, " certd is not there (%s): trying again",
		            c->model.trouble);
	else if (c->message[0])
		draw_text(row, 0, width, c->message_tone, c->message);
	else
		draw_hints(c, row, width);
	return -1;
}

void
console_draw(struct console *c)
{
	struct view *v = console_view(c);
	int rows = term_rows(), columns = term_columns(), cursor;

	c->is_dirty = false;
	draw_clear();
	if (rows < LEAST_ROWS || columns < LEAST_COLUMNS) {
		draw_text(0, 0, columns, TONE_PLAIN, "too small: 40x10 is the least");
		term_show(-1, 0);
		return;
	}
	draw_head(c, columns);
	v->ops->draw(v, (struct area){1, rows - 2, columns});
	cursor = draw_foot(c, rows - 1, columns);
	term_show(cursor < 0 ? -1 : rows - 1, cursor);
}
