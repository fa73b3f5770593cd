/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/draw.h - text in the terminal's window, and what this terminal can show
 *
 * The only file beside term.c that knows ncurses. A tone is never the only sign of anything: each
 * has a letter or word beside it, so that mono shows as much. Text is made safe here (tui/text.h).
 */
#ifndef TUI_DRAW_H
#define TUI_DRAW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum tone {
	TONE_PLAIN,
	TONE_TITLE, /* bold */
	TONE_DIM,
	TONE_GOOD,
	TONE_WORK,   /* cyan: something is under way */
	TONE_WARN,   /* yellow */
	TONE_BAD,    /* red */
	TONE_ALARM,  /* red, reversed */
	TONE_BAR,    /* reversed: head and foot */
	TONE_CURSOR, /* added to any of them */
	TONE_COUNT
};

struct area {
	int top;
	int rows;
	int width;
};

/* After initscr(). ASCII: nothing beyond it, whatever the locale says. */
void draw_init(bool ascii);
bool draw_is_ascii(void);
bool draw_has_blocks(void);

void draw_clear(void);
/* Cut or padded to WIDTH cells at ROW, COLUMN; CURSOR: under the cursor. */
void draw_text(int row, int column, int width, enum tone tone, const char *text);
void draw_row_text(int row, int column, int width, enum tone tone, bool cursor, const char *text);
void draw_printf(int row, int column, int width, enum tone tone, const char *format, ...)
	PRINTF_LIKE(5, 6);
/* Cells that TEXT takes. */
int draw_width(const char *text);

#endif
