/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/command.h - what a line behind ":" would do, by certctl's own tables
 *
 * Options are read as certctl reads them, wherever they stand: "-o json remove a.test" is a remove.
 * Pure.
 */
#ifndef TUI_COMMAND_H
#define TUI_COMMAND_H

#include <stdbool.h>

enum { COMMAND_MAX = 512 };

enum command_kind {
	COMMAND_UNKNOWN, /* there is no such verb */
	COMMAND_LOOKS,   /* done at once, with --read-only too */
	COMMAND_TRIES,   /* goes to a CA, a name's servers or all of the disk: done at once */
	COMMAND_CHANGES, /* after yes or no */
	COMMAND_ENDS     /* cannot be undone: after `about` was typed */
};

struct command {
	enum command_kind kind;
	const char *near;        /* of UNKNOWN: the verb that may be meant, static; NULL: none */
	char about[COMMAND_MAX]; /* of ENDS: the name it is done to, of several how many */
	bool is_count;
};

/* Of LINE, without "certctl". False: a quote has no end, or these are too many words. */
bool command_read(const char *line, struct command *ret_command);

#endif
