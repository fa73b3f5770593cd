/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/table.h - rows with aligned columns, for people
 *
 * Rows are held back a page at a time so that columns fit their content without waiting for the
 * last of a million rows. On a terminal the last column, then the first, are cut to its width;
 * elsewhere nothing is ever cut.
 */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum { TABLE_COLUMNS_MAX = 12 };

struct table;

/* TITLES borrowed, COUNT of them; WIDTH of the terminal, 0: not a terminal. NULL: no memory. States
 * in the cells have colours, where there are any. */
struct table *table_new(const char *const *titles, size_t count, size_t width);
/* As many cells as titles, copied; NULL and "" show as "-"; foreign text is escaped here. */
void table_row(struct table *t, const char *const *cells);
/* Prints what is held back; the titles before the first row. */
void table_flush(struct table *t);
void table_free(struct table *t);

#endif
