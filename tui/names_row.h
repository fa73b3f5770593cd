/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/names_row.h - the columns of the list of names, and a row of it
 */
#ifndef TUI_NAMES_ROW_H
#define TUI_NAMES_ROW_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/draw.h"

enum { NAMES_COLUMNS = 7, NAMES_SIGNS = 3 };

struct names_row {
	const cJSON *item; /* of "list" */
	bool is_here;      /* under the cursor */
	bool is_marked;
	int64_t now;
};

/* Cells of each column in a line of WIDTH, 0: left out. */
void names_row_fit(int width, size_t widths[NAMES_COLUMNS]);
void names_row_titles(int row, int width, const size_t *widths);
void names_row_draw(const struct names_row *r, int row, int width, const size_t *widths);

#endif
