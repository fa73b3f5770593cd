/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/term.h - the terminal: taken over, and given back as it was whatever ends us
 *
 * Given back by term_close(), at exit(), and on signals that kill, crashes too; ^Z and fg are
 * ncurses' own work.
 */
#ifndef TUI_TERM_H
#define TUI_TERM_H

#include <signal.h>
#include <stdbool.h>

enum term_key {
	TERM_NONE = -1,     /* no key is waiting */
	TERM_UP = 0x110000, /* behind the last character */
	TERM_DOWN,
	TERM_LEFT,
	TERM_RIGHT,
	TERM_PAGE_UP,
	TERM_PAGE_DOWN,
	TERM_HOME,
	TERM_END,
	TERM_DELETE,
	TERM_RESIZE,
	TERM_PASTE,     /* what follows was not typed, */
	TERM_PASTE_END, /* up to here */
	TERM_OTHER
};

/* False, with a sentence on stderr: no terminal, or one that cannot move its cursor. */
bool term_open(bool ascii);
void term_close(void);
/* A signal that asks us to end, 0: none yet. */
int term_signal(void);
/* The signals that term_wait() lets in: for ppoll(). */
const sigset_t *term_mask(void);
/* The next key: a character (return is \r, backspace 0x7f) or one of TERM_... */
int term_key(void);
/* Sends out what was drawn, with the cursor at ROW, COLUMN, or hidden when ROW is negative. */
void term_show(int row, int column);
/* Draws everything anew: another program has written over it. */
void term_redraw(void);
/* False: it was closed, or we were cut off from it. */
bool term_is_there(void);
int term_rows(void);
int term_columns(void);

#endif
