/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/text.h - text as cells of a terminal
 *
 * Whatever a CA, a client or a name's owner wrote is made safe here before it is drawn: control and
 * bidirectional characters as log_escape() has them, what takes no cell as <U+301>, and without
 * UTF-8 (ASCII) everything beyond it so, too. Pure functions; widths are cells.
 */
#ifndef TUI_TEXT_H
#define TUI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

#include "base/buf.h"

/* A safe copy for the caller to free(), in UTF-8; NULL: no memory. */
char *text_safe(const char *source, bool ascii);
/* What text_safe() makes of SOURCE, at most WIDTH cells of it, to DST (room for WIDTH + 1), with a
 * mark at the end when that is not all. Returns the cells used. */
size_t text_cut(const char *source, size_t width, bool ascii, wchar_t *dst);
/* The bytes of SAFE, from text_safe(), that fill a line of WIDTH cells: to its last space if there
 * is one. All of it when it fits; at least one character. */
size_t text_line(const char *safe, size_t width);
/* What is behind the first CELLS of SAFE, from text_safe(). */
const char *text_skip(const char *safe, size_t cells);

/* What text_safe() makes of SOURCE, and spaces up to CELLS; text_fit() cuts it there, too, as
 * text_cut() does. For columns of text, whose width in bytes says nothing. */
void text_pad(struct buf *out, const char *source, size_t cells, bool ascii);
void text_fit(struct buf *out, const char *source, size_t cells, bool ascii);

enum { TEXT_NUMBER_MAX = 32 };
/* "1,204"; "6.1 GiB"; both return DST. */
char *text_count(int64_t n, char dst[TEXT_NUMBER_MAX]);
char *text_bytes(int64_t n, char dst[TEXT_NUMBER_MAX]);
/* "1.8 ms", "12 s"; returns DST. */
char *text_seconds(double seconds, char dst[TEXT_NUMBER_MAX]);
/* "in" or "ago" left out: "5d 7h", "-14h", "now", "-" for AT 0. */
char *text_left(int64_t at, int64_t now, char dst[TEXT_NUMBER_MAX]);
/* "11-27 09:31" in UTC, of another year than NOW's "2027-01-06"
 * "-" for 0. */
char *text_day(int64_t at, int64_t now, char dst[TEXT_NUMBER_MAX]);

#endif
