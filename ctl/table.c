/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/table.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "ctl/terminal.h"

enum { ROWS_HELD = 1000, CELL_MAX = 2048, FIRST_MIN = 20, LAST_MIN = 10, GAP = 2 };

struct table {
	const char *const *titles;
	size_t count;
	size_t width;
	size_t widths[TABLE_COLUMNS_MAX]; /* only ever grow */
	bool titled;
	size_t rows;
	struct buf cells; /* texts with their NUL, row by row */
};

/* Characters, not bytes; wide ones count as one. */
static size_t
width_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

struct table *
table_new(const char *const *titles, size_t count, size_t width)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->titles = titles;
	t->count = count;
	t->width = width;
	for (size_t i = 0; i < count; i++)
		t->widths[i] = strlen(titles[i]);
	return t;
}

void
table_row(struct table *t, const char *const *cells)
{
	char shown[CELL_MAX];

	for (size_t i = 0; i < t->count; i++) {
		size_t w;

		log_escape(cells[i] && *cells[i] ? cells[i] : "-", shown, sizeof(shown));
		w = width_of(shown);
		t->widths[i] = w > t->widths[i] ? w : t->widths[i];
		buf_add(&t->cells, shown, strlen(shown) + 1);
	}
	if (++t->rows == ROWS_HELD)
		table_flush(t);
}

/* TEXT in at most WIDTH columns, padded to it unless it is the LAST cell. */
static void
put_cell(const char *text, size_t width, bool last)
{
	const char *color = terminal_color(text);
	size_t w = width_of(text), bytes = 0;

	fputs(color, stdout);
	if (w <= width) {
		fputs(text, stdout);
	} else {
		for (w = 0; w < width - 3; w++)
			do
				bytes++;
			while (((unsigned char)text[bytes] & 0xc0) == 0x80);
		printf("%.*s...", (int)bytes, text);
		w = width;
	}
	fputs(*color ? terminal_color_end() : "", stdout);
	if (!last)
		printf("%*s", (int)(width - w + GAP), "");
}

/* Takes what the row is too wide from column I, down to LEAST. */
static void
shrink(const struct table *t, size_t *widths, size_t i, size_t least)
{
	size_t total = GAP * (t->count - 1);

	for (size_t k = 0; k < t->count; k++)
		total += widths[k];
	if (!t->width || total <= t->width || widths[i] <= least)
		return;
	if (widths[i] - least > total - t->width)
		widths[i] -= total - t->width;
	else
		widths[i] = least;
}

void
table_flush(struct table *t)
{
	size_t widths[TABLE_COLUMNS_MAX];
	const char *cell = buf_ok(&t->cells) ? (const char *)t->cells.data : NULL;

	terminal_clear();
	memcpy(widths, t->widths, sizeof(widths));
	shrink(t, widths, t->count - 1, LAST_MIN);
	shrink(t, widths, 0, FIRST_MIN);
	for (size_t i = 0; i < t->count && t->rows && !t->titled; i++)
		put_cell(t->titles[i], widths[i], i + 1 == t->count);
	if (t->rows && !t->titled)
		putchar('\n');
	t->titled = t->titled || t->rows;
	for (size_t row = 0; cell && row < t->rows; row++) {
		for (size_t i = 0; i < t->count; i++) {
			put_cell(cell, widths[i], i + 1 == t->count);
			cell += strlen(cell) + 1;
		}
		putchar('\n');
	}
	t->rows = 0;
	buf_reset(&t->cells);
}

void
table_free(struct table *t)
{
	if (!t)
		return;
	buf_done(&t->cells);
	free(t);
}
