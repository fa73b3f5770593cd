/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/term.h - the terminal: taken over, and given back as it was whatever ends us
 *
 * Given back by term_close(), at exit(), on signals that kill, crashes too, and for as long as ^Z
 * has us stopped.
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
	TERM_CLICK,     /* term_click() says where */
	TERM_WHEEL_UP,
	TERM_WHEEL_DOWN,
	TERM_OTHER
};

/* False, with a sentence on stderr: no terminal, or one that cannot move its cursor. MOUSE: clicks
 * and the wheel are ours, and the terminal selects no text any more. */
bool term_open(bool ascii, bool mouse);
void term_close(void);
/* When ^Z was pressed: gives the terminal back, stops, and takes it over once more. */
void term_rest(void);
/* A signal that asks us to end, 0: none yet. */
int term_signal(void);
/* The signals that term_wait() lets in: for ppoll(). */
const sigset_t *term_mask(void);
/* The next key: a character (return is \r, backspace 0x7f) or one of TERM_... */
int term_key(void);
/* Where the last click was, from 0; true: there were more than one. */
bool term_click(int *ret_row, int *ret_column);
/* Sends TEXT, ASCII without controls, to the clipboard (OSC 52). False: this terminal has no such
 * thing; whether one that has it allows it is not known. */
bool term_copy(const char *text);
/* Sends out what was drawn, with the cursor at ROW, COLUMN, or hidden when ROW is negative. */
void term_show(int row, int column);
/* Draws everything anew: another program has written over it. */
void term_redraw(void);
/* False: it was closed, or we were cut off from it. */
bool term_is_there(void);
int term_rows(void);
int term_columns(void);

#endif
