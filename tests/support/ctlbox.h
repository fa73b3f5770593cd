/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/ctlbox.h - certctl in a child process, its control socket in our hands
 *
 * The script is what certd would do: expected requests and the lines to answer. It runs in the
 * test's own process, so its assertions are the test's.
 */
#ifndef TESTS_SUPPORT_CTLBOX_H
#define TESTS_SUPPORT_CTLBOX_H

#include <stddef.h>
#include <sys/types.h>

enum { CTLBOX_TEXT_MAX = 65536, CTLBOX_ARGS_MAX = 64 };

struct ctlbox {
	char dir[32];
	char socket[64];
	int listen_fd; /* -1: nobody listens */
	int fd;        /* the connection, -1 = none */
	pid_t pid;
	int out_fd;
	int err_fd;
	char in[CTLBOX_TEXT_MAX]; /* read from the connection, not used yet */
	size_t in_len;
	int code; /* exit code, when it has ended */
	char out[CTLBOX_TEXT_MAX];
	char err[CTLBOX_TEXT_MAX];
};

void ctlbox_init(struct ctlbox *box);
void ctlbox_done(struct ctlbox *box);
void ctlbox_listen(struct ctlbox *box);
void ctlbox_unlisten(struct ctlbox *box);
/* Starts certctl with WORDS, separated by blanks ('' is the empty word); STDIN_TEXT may be NULL. */
void ctlbox_start(struct ctlbox *box, const char *words, const char *stdin_text);
/* Waits for its end; code, out and err are set. Out and err have the socket's path as "SOCKET". */
void ctlbox_end(struct ctlbox *box);

void ctlbox_accept(struct ctlbox *box);
/* The next line of the client must be this one. */
void ctlbox_expect(struct ctlbox *box, const char *line);
/* The next line of the client, for the caller to look at. */
void ctlbox_read(struct ctlbox *box, char *line, size_t size);
void ctlbox_reply(struct ctlbox *box, const char *line);
void ctlbox_hang_up(struct ctlbox *box);

#endif
