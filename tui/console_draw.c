/* SPDX-License-Identifier: Apache-2.0 */
/* The console's first line and last line, and the view between them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/print.h"
#include "tui/console.h"
#include "tui/console_inside.h"
#include "tui/term.h"
#include "tui/text.h"

enum {
	LEAST_ROWS = 10,
	LEAST_COLUMNS = 40,
	UP_COLUMNS = 60, /* below these, only the time; only the number of a screen */
	TABS_COLUMNS = 80
};

static void
draw_tabs(struct console *c, int column, int width, bool is_short)
{
	for (size_t i = 0; i < VIEW_SCREENS && column < width; i++) {
		bool here = c->stack[0] == c->screens[i];
		char text[64];

		snprintf(text, sizeof(text), here ? "[%zu]%s" : "%zu %s", i + 1,
		         is_short && !here ? "" : console_screens[i]->title);
		draw_text(0, column, draw_width(text), here ? TONE_TITLE : TONE_BAR, text);
		column += draw_width(text) + (is_short && !here ? 0 : 1);
		c->tab_ends[i] = column;
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
draw_head(struct console *c, int width)
{
	const struct view *v = console_view(c);
	enum tone tone = model_is_stale(&c->model) ? TONE_ALARM : TONE_BAR;
	char right[128], left[CONSOLE_MESSAGE_MAX];
	int size, column = 1;

	head_text(c, clock_wall(), width, right);
	size = (int)strlen(right);
	draw_text(0, 0, width, TONE_BAR, "");
	memset(c->tab_ends, 0, sizeof(c->tab_ends));
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
