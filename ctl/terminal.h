/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/terminal.h - what is different where a person looks on: width, colour, pager, lines in place
 *
 * Nothing of this happens where stdout (for lines in place, stderr too) is no terminal. TEXT is
 * escaped already: this is beneath ctl/print.h.
 */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Looks at stdout, the environment and WHEN, the word of --color, once. */
void terminal_init(const char *when);
/* Columns of the terminal that stdout is, 0 when it is none; as before the pager. */
size_t terminal_width(void);
/* Its rows, 0 when it is none. */
size_t terminal_rows(void);
/* Whether a person reads what stderr gets. */
bool terminal_hears(void);
/* Whether lines can be rewritten in place: both are terminals, and none is a dumb one. */
bool terminal_rewrites(void);
/* "\033[33m" for a word that somebody should look at, "" for any other, or without colours. */
const char *terminal_color(const char *word);
const char *terminal_color_end(void);

/* From here on stdout goes through a pager, where a person looks on: CERTCTL_PAGER, PAGER or less,
 * "" and "cat" for none. Under sudo it is less in its secure mode, which starts no shell. */
void terminal_page(void);
/* Waits until the pager is left. */
void terminal_end(void);

/* Shows TEXT, cut to the width, on the last line, in the place of what is shown there. */
void terminal_show(const char *text);
/* Takes that line away: before anything else is written. */
void terminal_clear(void);
/* Takes everything away, for a screen that is drawn anew. */
void terminal_erase(void);

#endif
