/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/columns.h - columns of a table in the width there is
 *
 * What does not fit is left out, the least important column first; what is left over goes to the
 * columns that grow. Pure.
 */
#ifndef TUI_COLUMNS_H
#define TUI_COLUMNS_H

#include <stddef.h>

enum { COLUMNS_MAX = 10, COLUMNS_GAP = 1 };

struct column {
	const char *title;
	size_t least;  /* cells */
	size_t most;   /* never wider, 0: grows with the window, in equal parts */
	unsigned rank; /* 0 stays, the highest goes first */
};

/* WIDTH cells for COUNT columns with a gap between them; *RET_WIDTHS 0: left out. */
void columns_fit(const struct column *columns, size_t count, size_t width, size_t *ret_widths);

#endif
