/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/usage.h - the grammar of a verb's arguments, as its usage line has it
 *
 * "NAME..." is one or more, "[FILE]" one or none, "NAME" exactly one; "list [NAME] | show NAME" are
 * alternatives, each beginning with a word; "ready|drain" is one of these words. What people read
 * is what is checked and completed.
 */
#ifndef CTL_USAGE_H
#define CTL_USAGE_H

#include <stdbool.h>
#include <stddef.h>

enum { USAGE_WORD_MAX = 32, USAGE_WORDS_MAX = 8 };

/* Whether the COUNT arguments are what ARGS says. */
bool usage_matches(const char *args, char *const *argv, size_t count);
/* The first word of alternative AT, from 0; NULL behind the last, and when they begin with none.
 * Returns WORD. */
char *usage_word(const char *args, size_t at, char word[USAGE_WORD_MAX]);
/* The word that WORD was meant to be, NULL when none is near. Static, until the next call. */
const char *usage_nearest(const char *args, const char *word);

#endif
