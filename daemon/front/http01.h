/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/http01.h - port 80: http-01 answers (RFC 8555, 8.3), and the way to https for all
 * else
 *
 * One request a connection, its head HTTP01_HEAD_MAX bytes at most, read strictly (RFC 9112): what
 * two readers could understand differently is refused. A token is looked up in the store and in
 * nothing else: no path of a client ever names a file. Answers hold bytes of the client only as far
 * as they are a host name or a URL's printable characters.
 */
#ifndef DAEMON_FRONT_HTTP01_H
#define DAEMON_FRONT_HTTP01_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct end;
struct store;

enum { HTTP01_HEAD_MAX = 8 * 1024 };

/* Length of the request head with its empty line, or 0 when it has not ended yet. */
size_t http01_head_len(const void *data, size_t len);
/* Writes the whole reply to HEAD (LEN as above; 0: too long). The status is returned. */
int http01_reply(const void *head, size_t len, struct store *store, struct buf *reply);

/* One connection's request and reply. */
struct http01 {
	struct buf head;
	struct buf reply; /* empty until the head is there */
	int status;
};

void http01_done(struct http01 *http);
/* Reads and answers without waiting. ERR_OK: all is sent. ERR_AGAIN: CLIENT->want says for what. */
MUST_CHECK enum err http01_run(struct http01 *http, struct end *client, struct store *store);

#endif
