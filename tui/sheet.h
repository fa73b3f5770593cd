/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/sheet.h - lines that are scrolled: a page of text, or a list with a cursor
 *
 * Built anew from what certd answered; the place in it stays, a cursor with the line of its KEY.
 * Threads: none. Without memory lines are missing, nothing else.
 */
#ifndef TUI_SHEET_H
#define TUI_SHEET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "tui/draw.h"
#include "tui/keys.h"

enum { SHEET_LINES_MAX = 20000, SHEET_WANTED_MAX = 128 };

struct sheet_line {
	char *text;
	enum tone tone;
	char *key; /* NULL: the cursor does not stop here */
};

struct sheet {
	struct sheet_line *lines;
	size_t count, room;
	size_t top, left; /* first line and cell shown; LEFT only of text_safe() */
	size_t cursor;    /* a line with a key, if there is one */
	char *cursor_key; /* while it is built anew */
	size_t rows;      /* of the last draw */
	int first_row;    /* of the terminal */
	int width;
	bool is_shifted; /* its lines are as wide as they are, and LEFT brings what is looked for */
	char wanted[SHEET_WANTED_MAX]; /* what is looked for, "" = nothing */
	size_t found;                  /* the line that has it, from 1; 0: none */
};

void sheet_done(struct sheet *sheet);
/* Begins anew; the cursor will go to the line with the key it has now. */
void sheet_clear(struct sheet *sheet);
/* After the last line. */
void sheet_settle(struct sheet *sheet);

void sheet_add(struct sheet *sheet, enum tone tone, const char *format, ...) PRINTF_LIKE(3, 4);
void sheet_add_key(struct sheet *sheet, enum tone tone, const char *key, const char *text);
/* " label     text", wrapped to WIDTH with the text's beginning as margin; nothing for no text. */
void sheet_field(struct sheet *sheet, enum tone tone, const char *label, const char *text,
                 int width);

void sheet_draw(struct sheet *sheet, struct area area);
/* Moves; false: no request of a sheet's. */
bool sheet_request(struct sheet *sheet, enum request request);
/* Text that is looked for from now on, in capitals or not. */
void sheet_look_for(struct sheet *sheet, const char *text);
bool sheet_is_looking(const struct sheet *sheet);
/* Goes to the next line that has it, from the first one again after the last. False: none has. */
bool sheet_next(struct sheet *sheet, bool backwards);
/* Goes to LINE, which has a key. */
void sheet_go(struct sheet *sheet, size_t line);
/* Goes to the line at ROW of the terminal; true: the cursor is there already. */
bool sheet_click(struct sheet *sheet, int row);
/* Of the line under the cursor, NULL: there is none. */
const char *sheet_key(const struct sheet *sheet);

#endif
