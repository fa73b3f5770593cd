/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/draw.h"

#include <langinfo.h>
#include <ncurses.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/text.h"

enum { LINE_MAX_CELLS = 512, PRINTF_MAX = 4096, BRIGHT_BLACK = 8, MIDDLE_GREY = 245 };

static bool only_ascii;
static attr_t tones[TONE_COUNT] = {
	[TONE_PLAIN] = A_NORMAL,   [TONE_TITLE] = A_BOLD,    [TONE_DIM] = A_NORMAL,
	[TONE_GOOD] = A_NORMAL,    [TONE_WORK] = A_NORMAL,   [TONE_WARN] = A_BOLD,
	[TONE_BAD] = A_BOLD,       [TONE_ALARM] = A_REVERSE, [TONE_BAR] = A_REVERSE,
	[TONE_CURSOR] = A_REVERSE,
};

static bool
wants_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return has_colors() && !(no && *no);
}

void
draw_init(bool ascii)
{
	static const struct {
		enum tone tone;
		short colour;
		attr_t more;
	} colours[] = {{TONE_GOOD, COLOR_GREEN, 0},
	               {TONE_WORK, COLOR_CYAN, 0},
	               {TONE_WARN, COLOR_YELLOW, 0},
	               {TONE_BAD, COLOR_RED, 0},
	               {TONE_ALARM, COLOR_RED, A_REVERSE}};

	only_ascii = ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	if (!wants_colour())
		return;
	start_color();
	use_default_colors();
	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
		init_pair((short)(i + 1), colours[i].colour, -1);
		tones[colours[i].tone] = COLOR_PAIR((short)(i + 1)) | colours[i].more;
	}
	if (COLORS >= BRIGHT_BLACK * 2) { /* some palettes have no "bright black" that is seen */
		init_pair(sizeof(colours) / sizeof(colours[0]) + 1,
		          COLORS >= 256 ? MIDDLE_GREY : BRIGHT_BLACK, -1);
		tones[TONE_DIM] = COLOR_PAIR(sizeof(colours) / sizeof(colours[0]) + 1);
	}
}

bool
draw_is_ascii(void)
{
	return only_ascii;
}

/* The fonts of these have no lower blocks. */
bool
draw_has_blocks(void)
{
	const char *term = getenv("TERM");

	return !only_ascii && term && strcmp(term, "linux") != 0 && strncmp(term, "vt", 2) != 0;
}

void
draw_clear(void)
{
	erase();
}

void
draw_row_text(int row, int column, int width, enum tone tone, bool cursor, const char *text)
{
	wchar_t cells[LINE_MAX_CELLS + 1];
	int room = COLS - column < width ? COLS - column : width, used;

	if (room <= 0 || row < 0 || row >= LINES)
		return;
	if (room > LINE_MAX_CELLS)
		room = LINE_MAX_CELLS;
	used = (int)text_cut(text, (size_t)room, only_ascii, cells);
	attrset(tones[tone] | (cursor ? tones[TONE_CURSOR] : 0));
	mvaddnwstr(row, column, cells, -1);
	for (; used < room; used++)
		mvaddch(row, column + used, ' ');
	attrset(A_NORMAL);
}

void
draw_text(int row, int column, int width, enum tone tone, const char *text)
{
	draw_row_text(row, column, width, tone, false, text);
}

void
draw_printf(int row, int column, int width, enum tone tone, const char *format, ...)
{
	char text[PRINTF_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	draw_text(row, column, width, tone, text);
}

int
draw_width(const char *text)
{
	wchar_t cells[LINE_MAX_CELLS + 1];

	return (int)text_cut(text, LINE_MAX_CELLS, only_ascii, cells);
}
