/* SPDX-License-Identifier: Apache-2.0 */
/* tui/console_inside.h - for console*.c alone */
#ifndef TUI_CONSOLE_INSIDE_H
#define TUI_CONSOLE_INSIDE_H

struct console;

/* tui/console_act.c: a key while something is typed. */
void console_prompt_key(struct console *c, int key);
/* What is pasted is text for a line that is typed: it answers no question, ends no line, and is no
 * key. Should its end be lost, the keyboard is heard again all the same. */
bool console_refuses_paste(struct console *c, int key);

#endif
