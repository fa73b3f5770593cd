/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/sheet.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/text.h"

enum { LINE_MAX_BYTES = 4096, LABEL_CELLS = 11, SIDE_STEP = 20, WRAP_LEAST = 10 };

static void
drop_lines(struct sheet *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->lines[i].text);
		free(s->lines[i].key);
	}
	s->count = 0;
}

void
sheet_done(struct sheet *s)
{
	drop_lines(s);
	free(s->lines);
	free(s->cursor_key);
	*s = (struct sheet){0};
}

void
sheet_clear(struct sheet *s)
{
	const char *key = sheet_key(s);

	if (key) {
		free(s->cursor_key);
		s->cursor_key = strdup(key);
	}
	drop_lines(s);
}

static bool
has_key(const struct sheet *s, size_t at)
{
	return at < s->count && s->lines[at].key;
}

/* The line with a key that is next to AT, in the direction STEP first; COUNT: none. */
static size_t
near_key(const struct sheet *s, size_t at, int step)
{
	for (size_t i = at; i < s->count; i += (size_t)step)
		if (has_key(s, i))
			return i;
	for (size_t i = at; i < s->count; i -= (size_t)step)
		if (has_key(s, i))
			return i;
	return s->count;
}

static bool
has_wanted(const struct sheet *s, size_t at)
{
	return at < s->count && *s->wanted && strcasestr(s->lines[at].text, s->wanted);
}

/* What was found may be some lines further up or down by now: the screen goes with it. */
static void
follow_found(struct sheet *s)
{
	size_t was = s->found - 1;

	s->found = 0;
	for (size_t away = 0; away < s->count; away++) {
		size_t down = was + away, up = was - away; /* beyond the end when there is none */

		if (has_wanted(s, down)) {
			s->found = down + 1;
			s->top += away;
			return;
		}
		if (has_wanted(s, up)) {
			s->found = up + 1;
			s->top -= away < s->top ? away : s->top;
			return;
		}
	}
}

void
sheet_settle(struct sheet *s)
{
	size_t at = s->cursor < s->count ? s->cursor : s->count ? s->count - 1 : 0;

	for (size_t i = 0; s->cursor_key && i < s->count; i++)
		if (has_key(s, i) && strcmp(s->lines[i].key, s->cursor_key) == 0)
			at = i;
	s->cursor = near_key(s, at, 1);
	if (s->found)
		follow_found(s);
}

void
sheet_add_key(struct sheet *s, enum tone tone, const char *key, const char *text)
{
	struct sheet_line *more;

	if (s->count == SHEET_LINES_MAX)
		return;
	if (s->count == s->room) {
		more = realloc(s->lines, (s->room + 64) * sizeof(*more));
		if (!more)
			return;
		s->lines = more;
		s->room += 64;
	}
	s->lines[s->count] = (struct sheet_line){strdup(text), tone, key ? strdup(key) : NULL};
	s->count += s->lines[s->count].text != NULL;
}

void
sheet_add(struct sheet *s, enum tone tone, const char *format, ...)
{
	char text[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	sheet_add_key(s, tone, NULL, text);
}

void
sheet_field(struct sheet *s, enum tone tone, const char *label, const char *text, int width)
{
	char *safe = text && *text ? text_safe(text, draw_is_ascii()) : NULL;
	int room = width - LABEL_CELLS - 1 > WRAP_LEAST ? width - LABEL_CELLS - 1 : WRAP_LEAST;

	for (const char *at = safe; at && *at;) {
		size_t bytes = text_line(at, (size_t)room);

		sheet_add(s, tone, " %-*s%.*s", LABEL_CELLS - 1, at == safe ? label : "",
		          (int)bytes, at);
		at += bytes;
	}
	free(safe);
}

const char *
sheet_key(const struct sheet *s)
{
	return has_key(s, s->cursor) ? s->lines[s->cursor].key : NULL;
}

/* What is left of LINE when LEFT cells of it are out of sight. */
static const char *
shifted(const char *line, size_t left)
{
	return text_skip(line, left);
}

static bool
is_seen(const struct sheet *s, size_t line)
{
	return line >= s->top && line < s->top + s->rows;
}

/* No more empty lines at the end than there must be. */
static void
limit_top(struct sheet *s)
{
	if (s->top + s->rows > s->count)
		s->top = s->count > s->rows ? s->count - s->rows : 0;
}

void
sheet_draw(struct sheet *s, struct area area)
{
	s->rows = area.rows > 0 ? (size_t)area.rows : 0;
	s->first_row = area.top;
	s->width = area.width;
	limit_top(s);
	for (size_t i = 0; i < s->rows && s->top + i < s->count; i++) {
		const struct sheet_line *line = &s->lines[s->top + i];
		bool here = (line->key && s->top + i == s->cursor) || s->top + i + 1 == s->found;

		draw_row_text(area.top + (int)i, 0, area.width, line->tone, here,
		              shifted(line->text, s->left));
	}
}

/* AT and so many LINES on, inside. */
static size_t
moved(const struct sheet *s, size_t at, long lines)
{
	size_t last = s->count ? s->count - 1 : 0, step = (size_t)(lines < 0 ? -lines : lines);

	if (lines < 0)
		return at > step ? at - step : 0;
	return at + step > last ? last : at + step;
}

/* The cursor when it is seen and has somewhere to go, else the lines, until it is seen. */
static void
move_by(struct sheet *s, long lines)
{
	size_t to = s->cursor;

	if (sheet_key(s) && is_seen(s, s->cursor))
		to = near_key(s, moved(s, s->cursor, lines), lines < 0 ? -1 : 1);
	if (to != s->cursor) {
		s->cursor = to;
		if (to < s->top)
			s->top = to;
		else if (!is_seen(s, to))
			s->top = to - s->rows + 1;
		return;
	}
	s->top = moved(s, s->top, lines);
	limit_top(s);
	to = near_key(s, s->top, 1);
	if (to < s->count && is_seen(s, to) && !is_seen(s, s->cursor))
		s->cursor = to;
}

bool
sheet_request(struct sheet *s, enum request request)
{
	long page = s->rows > 1 ? (long)s->rows - 1 : 1;

	switch (request) {
	case REQUEST_UP:
		move_by(s, -1);
		return true;
	case REQUEST_DOWN:
		move_by(s, 1);
		return true;
	case REQUEST_PAGE_UP:
		move_by(s, -page);
		return true;
	case REQUEST_PAGE_DOWN:
		move_by(s, page);
		return true;
	case REQUEST_FIRST:
		move_by(s, -SHEET_LINES_MAX);
		return true;
	case REQUEST_LAST:
		move_by(s, SHEET_LINES_MAX);
		return true;
	case REQUEST_LEFT:
		s->left -= s->left < SIDE_STEP ? s->left : SIDE_STEP;
		return true;
	case REQUEST_RIGHT:
		s->left += SIDE_STEP;
		return true;
	default:
		return false;
	}
}

/* ---- looking for something ------------------------------------------------------------------ */

void
sheet_look_for(struct sheet *s, const char *text)
{
	snprintf(s->wanted, sizeof(s->wanted), "%s", text);
	s->found = 0;
}

bool
sheet_is_looking(const struct sheet *s)
{
	return s->wanted[0];
}

/* Shifts the lines until what is looked for in the line AT is seen. */
static void
show_found(struct sheet *s, size_t at)
{
	const char *text = s->lines[at].text, *found = strcasestr(text, s->wanted);
	char before[LINE_MAX_BYTES];
	int cells;

	snprintf(before, sizeof(before), "%.*s", (int)(found - text), text);
	cells = draw_width(before);
	s->left = cells + draw_width(s->wanted) > s->width ? (size_t)(cells - s->width / 2) : 0;
}

/* What is found first is on the screen or below it. */
bool
sheet_next(struct sheet *s, bool backwards)
{
	size_t from = s->found ? s->found - 1 + (backwards ? s->count - 1 : 1) : s->top;

	for (size_t i = 0; i < s->count; i++) {
		size_t at = (from + (backwards ? s->count - i : i)) % s->count;

		if (!has_wanted(s, at))
			continue;
		s->found = at + 1;
		if (has_key(s, at))
			s->cursor = at;
		if (!is_seen(s, at))
			s->top = at;
		limit_top(s);
		if (s->is_shifted)
			show_found(s, at);
		return true;
	}
	s->found = 0;
	return false;
}

void
sheet_go(struct sheet *s, size_t line)
{
	if (!has_key(s, line))
		return;
	s->cursor = line;
	if (line < s->top)
		s->top = line;
	else if (!is_seen(s, line))
		s->top = line - s->rows + 1;
}

bool
sheet_click(struct sheet *s, int row)
{
	size_t at = s->top + (size_t)(row - s->first_row);

	if (row < s->first_row || !is_seen(s, at) || !has_key(s, at))
		return false;
	if (at == s->cursor)
		return true;
	s->cursor = at;
	return false;
}
