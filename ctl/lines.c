/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/lines.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/msg.h"

enum { READ_CHUNK = 256 * 1024 };

void
lines_init(struct lines *lines, int fd)
{
	*lines = (struct lines){.fd = fd, .in.secret = true};
}

void
lines_done(struct lines *lines)
{
	buf_wipe(&lines->in);
}

static enum err
read_more(struct lines *l, int timeout_ms)
{
	struct pollfd fd = {.fd = l->fd, .events = POLLIN};
	ssize_t n;

	buf_eat(&l->in, l->at);
	l->at = 0;
	if (poll(&fd, 1, timeout_ms) == 0)
		return ERR_TIMEOUT;
	if (!buf_reserve(&l->in, READ_CHUNK))
		return ERR_NOMEM;
	n = read(l->fd, l->in.data + l->in.len, READ_CHUNK);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? ERR_OK : ERR_IO;
	l->in.len += (size_t)n;
	l->ended = n == 0;
	return ERR_OK;
}

/* A whole line of IN from AT on; its length without the newline. */
static bool
find_line(const struct lines *l, size_t seen, size_t *ret_len)
{
	const unsigned char *from = l->in.data + l->at, *end = NULL;

	if (l->in.len > l->at + seen)
		end = memchr(from + seen, '\n', l->in.len - l->at - seen);
	if (!end && (!l->ended || l->in.len == l->at))
		return false;
	*ret_len = end ? (size_t)(end - from) : l->in.len - l->at;
	return true;
}

/* One line, blank or not. */
static enum err
take_line(struct lines *l, int timeout_ms, const char **ret_line, size_t *ret_len)
{
	size_t seen = 0, len;
	enum err err;

	while (!find_line(l, seen, &len)) {
		if (l->ended && l->skipping) {
			l->skipping = false;
			l->number++;
			return ERR_TOOBIG;
		}
		if (l->ended)
			return ERR_NOTFOUND;
		seen = l->in.len - l->at;
		if (seen >= MSG_LINE_MAX) {
			l->skipping = true;
			l->at = l->in.len;
			seen = 0;
		}
		err = read_more(l, timeout_ms);
		if (err)
			return err;
	}
	*ret_line = (const char *)l->in.data + l->at;
	*ret_len = len;
	l->at += len < l->in.len - l->at ? len + 1 : len;
	l->number++;
	if (!l->skipping && len < MSG_LINE_MAX)
		return ERR_OK;
	l->skipping = false;
	return ERR_TOOBIG;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

enum err
lines_next(struct lines *lines, int timeout_ms, const char **ret_line, size_t *ret_len)
{
	const char *line;
	size_t len;
	enum err err;

	do {
		err = take_line(lines, timeout_ms, &line, &len);
		if (err)
			return err;
		for (; len && is_blank(line[len - 1]); len--)
			;
		for (; len && is_blank(*line); len--)
			line++;
	} while (!len);
	*ret_line = line;
	*ret_len = len;
	return ERR_OK;
}
