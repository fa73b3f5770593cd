/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/complete.h - the end of a command's last word, from certctl's own tables
 */
#ifndef TUI_COMPLETE_H
#define TUI_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

enum { COMPLETE_MAX = 512 };

struct completion {
	char common[COMPLETE_MAX]; /* what all words go on with behind what is typed */
	char words[COMPLETE_MAX];  /* the words, for a person; "" when there is one or none */
	size_t count;
	char name[256];  /* the beginning of a host name, when certd is to be asked for more */
	bool wants_name; /* it is */
};

/* Of LINE, a command without "certctl", up to its end. */
void complete(const char *line, struct completion *ret_completion);
/* One more word, which begins as TYPED does. */
void complete_add(struct completion *c, const char *typed, const char *word);

#endif
