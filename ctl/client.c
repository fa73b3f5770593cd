/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/msg.h"

enum { READ_CHUNK = 64 * 1024, BUSY_PAUSE_MS = 20, POLL_MAX_MS = 60000 };

void
client_init(struct client *c)
{
	*c = (struct client){.fd = -1};
}

void
client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	buf_done(&c->in);
	c->fd = -1;
	c->at = 0;
}

bool
client_is_open(const struct client *c)
{
	return c->fd >= 0;
}

static enum err
wait_for(struct client *c, short events, int64_t deadline)
{
	struct pollfd fd = {.fd = c->fd, .events = events};

	for (;;) {
		int64_t left = deadline - clock_mono_ms();
		int n = poll(&fd, 1, left <= 0 ? 0 : left > POLL_MAX_MS ? POLL_MAX_MS : (int)left);

		if (n > 0)
			return ERR_OK;
		if (n < 0 && errno != EINTR) {
			c->error = errno;
			return ERR_IO;
		}
		if (n == 0 && left <= 0)
			return ERR_TIMEOUT;
	}
}

/* EAGAIN of a unix socket means that certd's queue is full: it is there, so we come again. */
static enum err
connect_to(struct client *c, const struct sockaddr_un *sa, int64_t deadline)
{
	const struct timespec pause = {.tv_nsec = BUSY_PAUSE_MS * 1000000L};

	while (connect(c->fd, (const struct sockaddr *)sa, sizeof(*sa)) != 0) {
		if (errno != EAGAIN && errno != EINTR) {
			c->error = errno;
			return errno == EACCES || errno == EPERM ? ERR_PERM : ERR_UNREACHABLE;
		}
		if (clock_mono_ms() >= deadline)
			return ERR_TIMEOUT;
		nanosleep(&pause, NULL);
	}
	return ERR_OK;
}

enum err
client_open(struct client *c, const char *path, int64_t deadline)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	enum err err;

	client_close(c);
	c->error = 0;
	if (strlen(path) >= sizeof(sa.sun_path)) {
		c->error = ENAMETOOLONG;
		return ERR_UNREACHABLE;
	}
	strcpy(sa.sun_path, path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0) {
		c->error = errno;
		return ERR_UNREACHABLE;
	}
	err = connect_to(c, &sa, deadline);
	if (err)
		client_close(c);
	return err;
}

static enum err
send_all(struct client *c, const struct buf *line, int64_t deadline)
{
	for (size_t at = 0; at < line->len;) {
		ssize_t n = send(c->fd, line->data + at, line->len - at, MSG_NOSIGNAL);
		enum err err = ERR_OK;

		if (n >= 0) {
			at += (size_t)n;
		} else if (errno == EAGAIN) {
			err = wait_for(c, POLLOUT, deadline);
		} else if (errno != EINTR) {
			c->error = errno;
			err = ERR_CLOSED;
		}
		if (err)
			return err;
	}
	return ERR_OK;
}

enum err
client_send_line(struct client *c, const struct buf *line, int64_t deadline)
{
	return line->len > MSG_LINE_MAX ? ERR_TOOBIG : send_all(c, line, deadline);
}

enum err
client_send(struct client *c, const cJSON *request, int64_t deadline)
{
	struct buf line = {0};
	enum err err = request ? json_print(request, &line) : ERR_NOMEM;

	buf_add(&line, "\n", 1);
	if (!err && !buf_ok(&line))
		err = ERR_NOMEM;
	if (!err)
		err = client_send_line(c, &line, deadline);
	buf_done(&line);
	return err;
}

static enum err
parse_line(const unsigned char *line, size_t len, cJSON **ret_line)
{
	cJSON *json;

	if (json_parse(line, len, &json))
		return ERR_PROTO;
	if (!cJSON_IsObject(json)) {
		cJSON_Delete(json);
		return ERR_PROTO;
	}
	*ret_line = json;
	return ERR_OK;
}

static enum err
receive(struct client *c, int64_t deadline)
{
	ssize_t n;
	enum err err = wait_for(c, POLLIN, deadline);

	if (err)
		return err;
	buf_eat(&c->in, c->at);
	c->at = 0;
	if (!buf_reserve(&c->in, READ_CHUNK))
		return ERR_NOMEM;
	n = recv(c->fd, c->in.data + c->in.len, READ_CHUNK, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		c->error = n < 0 ? errno : 0;
		return ERR_CLOSED;
	}
	c->in.len += n > 0 ? (size_t)n : 0;
	return ERR_OK;
}

enum err
client_read(struct client *c, int64_t deadline, cJSON **ret_line)
{
	size_t seen = c->at; /* no newline before this */

	for (;;) {
		const unsigned char *end = NULL;
		enum err err;

		if (c->in.len > seen)
			end = memchr(c->in.data + seen, '\n', c->in.len - seen);
		if (end) {
			const unsigned char *from = c->in.data + c->at;

			c->at = (size_t)(end - c->in.data) + 1;
			return parse_line(from, (size_t)(end - from), ret_line);
		}
		if (c->in.len - c->at >= MSG_LINE_MAX)
			return ERR_PROTO;
		seen = c->in.len - c->at; /* receive() moves the rest to the front */
		err = receive(c, deadline);
		if (err)
			return err;
	}
}
