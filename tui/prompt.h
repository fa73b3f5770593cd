/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/prompt.h - the line that is typed at the bottom: commands, filters, yes or no
 */
#ifndef TUI_PROMPT_H
#define TUI_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

enum { PROMPT_MAX = 512, PROMPT_HISTORY = 32 };

enum prompt_use {
	PROMPT_OFF,
	PROMPT_COMMAND,
	PROMPT_FILTER,
	PROMPT_SEARCH,
	PROMPT_PATH,
	PROMPT_CONFIRM, /* one key: y, or anything else for no */
	PROMPT_TYPE,    /* the word in `expected`, or no */
};

enum prompt_step { PROMPT_MORE, PROMPT_DONE, PROMPT_GIVEN_UP, PROMPT_COMPLETE };

struct prompt {
	enum prompt_use use;
	char label[PROMPT_MAX];
	char expected[PROMPT_MAX];
	char text[PROMPT_MAX];                    /* UTF-8 */
	size_t len, at;                           /* bytes; the cursor */
	char history[PROMPT_HISTORY][PROMPT_MAX]; /* commands, the newest last */
	size_t history_count, history_at;
};

void prompt_begin(struct prompt *p, enum prompt_use use, const char *label, const char *text);
/* Takes KEY (tui/term.h). DONE: `text` is complete; a CONFIRM or TYPE that is not what was asked
 * for is GIVEN_UP. The prompt is off after both. */
enum prompt_step prompt_key(struct prompt *p, int key);
/* Puts TEXT in at the cursor, as far as it fits. */
void prompt_insert(struct prompt *p, const char *text);

#endif
