/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tui/child.h - a certctl that does what was typed, its output read without waiting
 */
#ifndef TUI_CHILD_H
#define TUI_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"

enum { CHILD_WORDS_MAX = 64 };

struct child {
	pid_t pid;      /* 0: none */
	int fd;         /* of its output, -1: none */
	struct buf out; /* what has come and makes no line yet */
	int status;     /* as waitpid() tells it */
};

void child_init(struct child *child);
/* Ends what still runs. */
void child_done(struct child *child);
/* Starts the certctl beside us, else that in PATH, with the words of LINE ('...' and "..." hold
 * blanks) and SOCKET. False: not possible, with errno; EINVAL is a quote without its end. */
bool child_start(struct child *child, const char *line, const char *socket);
/* Reads what is there and hands out whole lines. False: it has ended, and all was read. */
bool child_step(struct child *child, void (*on_line)(void *owner, const char *line), void *owner);
/* Words of LINE into WORDS, which point into COPY (as large as LINE). COUNT, or -1. */
int child_split(const char *line, char *copy, char *words[CHILD_WORDS_MAX]);

#endif
