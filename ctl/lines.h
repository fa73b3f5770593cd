/* SPDX-License-Identifier: Apache-2.0 */
/* ctl/lines.h - lines of a file or of stdin, however many, in the room of one */
#ifndef CTL_LINES_H
#define CTL_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct lines {
	int fd; /* the caller's */
	struct buf in;
	size_t at;     /* of IN: what is taken already */
	size_t number; /* of the line given last, from 1 */
	bool ended;
	bool skipping; /* the rest of a line that was too long */
};

void lines_init(struct lines *lines, int fd);
void lines_done(struct lines *lines);
/* The next line that is not blank, without its end and blanks; it lives until the next call.
 * ERR_NOTFOUND: no more; ERR_TIMEOUT: none within TIMEOUT_MS (-1: wait); ERR_TOOBIG: one of 1 MiB
 * or more, left out; ERR_IO: see errno. */
MUST_CHECK enum err lines_next(struct lines *lines, int timeout_ms, const char **ret_line,
                               size_t *ret_len);

#endif
