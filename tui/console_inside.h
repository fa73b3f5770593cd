/* SPDX-License-Identifier: Apache-2.0 */
/* tui/console_inside.h - for console*.c alone */
#ifndef TUI_CONSOLE_INSIDE_H
#define TUI_CONSOLE_INSIDE_H

#include <stdbool.h>

#include "tui/keys.h"

struct console;
struct view_ops;

extern const struct view_ops *const console_screens[VIEW_SCREENS];

/* tui/console_act.c: a key while something is typed. */
void console_prompt_key(struct console *c, int key);
/* What is pasted is text for a line that is typed: it answers no question, ends no line, and is no
 * key. Should its end be lost, the keyboard is heard again all the same. */
bool console_refuses_paste(struct console *c, int key);
/* Goes to the next line of the view that has TEXT, "" = what was looked for last. */
void console_search(struct console *c, const char *text, bool backwards);

#endif
