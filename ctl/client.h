/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/client.h - one connection to certd's control socket: a line out, lines in (base/msg.h)
 *
 * Deadlines are monotonic milliseconds (base/clock.h), CLIENT_FOREVER for none. Nothing here
 * prints.
 */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CLIENT_FOREVER INT64_MAX

struct client {
	int fd;    /* -1: not connected */
	int error; /* errno of the last failure, 0 = none */
	struct buf in;
	size_t at; /* of IN: what is read already */
};

void client_init(struct client *c);
void client_close(struct client *c);
bool client_is_open(const struct client *c);

/* ERR_PERM, or ERR_UNREACHABLE when nobody listens there. */
MUST_CHECK enum err client_open(struct client *c, const char *path, int64_t deadline);
MUST_CHECK enum err client_send(struct client *c, const cJSON *request, int64_t deadline);
/* The same of a line that is written already, with its newline. */
MUST_CHECK enum err client_send_line(struct client *c, const struct buf *line, int64_t deadline);
/* The next line, which the caller releases. ERR_TIMEOUT; ERR_CLOSED; ERR_PROTO for what is no JSON
 * object or too long. */
MUST_CHECK enum err client_read(struct client *c, int64_t deadline, cJSON **ret_line);

#endif
