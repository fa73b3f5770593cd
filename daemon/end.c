/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/end.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/loop.h"

enum { DISCARD_ROUNDS = 8 };

void
end_init(struct end *end)
{
	*end = (struct end){.fd = -1};
}

static void
drop_held(struct end *end)
{
	free(end->held);
	end->held = NULL;
	end->held_at = end->held_len = 0;
}

void
end_done(struct end *end, bool reset)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	loop_unwatch(end->watch);
	end->watch = NULL;
	SSL_free(end->tls);
	end->tls = NULL;
	drop_held(end);
	if (end->fd < 0)
		return;
	if (reset)
		setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(end->fd);
	end->fd = -1;
}

/* What OpenSSL waits for; ERR_IO when it waits for nothing. */
static enum err
tls_wait(struct end *end)
{
	switch (SSL_get_error(end->tls, 0)) {
	case SSL_ERROR_WANT_READ:
		end->want |= LOOP_READ;
		return ERR_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		end->want |= LOOP_WRITE;
		return ERR_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return ERR_CLOSED;
	default:
		return ERR_IO;
	}
}

static enum err
plain_read(struct end *end, void *dst, size_t size, size_t *ret_len)
{
	ssize_t n = recv(end->fd, dst, size, 0);

	if (n > 0) {
		*ret_len = (size_t)n;
		return ERR_OK;
	}
	/* After a write was refused, an end of file is the rest of a reset, not a clean end. */
	if (n == 0)
		return end->deaf ? ERR_IO : ERR_CLOSED;
	if (errno != EAGAIN && errno != EINTR)
		return ERR_IO;
	end->want |= LOOP_READ;
	return ERR_AGAIN;
}

enum err
end_read(struct end *end, void *dst, size_t size, size_t *ret_len)
{
	enum err err;

	if (end->tls) {
		ERR_clear_error();
		err = SSL_read_ex(end->tls, dst, size, ret_len) == 1 ? ERR_OK : tls_wait(end);
	} else {
		err = plain_read(end, dst, size, ret_len);
	}
	if (err == ERR_OK)
		end->received += *ret_len;
	else if (err == ERR_CLOSED)
		end->ended = true;
	else if (err != ERR_AGAIN)
		end->failed = true;
	return err;
}

static enum err
plain_write(struct end *end, const void *data, size_t len, size_t *ret_len)
{
	ssize_t n = send(end->fd, data, len, MSG_NOSIGNAL);

	if (n >= 0) {
		*ret_len = (size_t)n;
		return ERR_OK;
	}
	if (errno != EAGAIN && errno != EINTR)
		return ERR_CLOSED;
	end->want |= LOOP_WRITE;
	return ERR_AGAIN;
}

enum err
end_write(struct end *end, const void *data, size_t len, size_t *ret_len)
{
	enum err err;

	if (end->tls) {
		ERR_clear_error();
		if (end->owes_ticket)
			(void)SSL_new_session_ticket(end->tls);
		end->owes_ticket = false;
		err = SSL_write_ex(end->tls, data, len, ret_len) == 1 ? ERR_OK : tls_wait(end);
		if (err && err != ERR_AGAIN) /* a broken TLS connection is broken both ways */
			end->failed = true;
	} else {
		err = plain_write(end, data, len, ret_len);
	}
	if (err == ERR_OK) {
		end->sent += *ret_len;
		return ERR_OK;
	}
	if (err == ERR_AGAIN)
		return ERR_AGAIN;
	end->deaf = true;
	return ERR_CLOSED;
}

enum err
end_shut(struct end *end)
{
	if (end->shut)
		return ERR_OK;
	if (end->tls && SSL_is_init_finished(end->tls)) {
		ERR_clear_error();
		if (SSL_shutdown(end->tls) < 0 && tls_wait(end) == ERR_AGAIN)
			return ERR_AGAIN;
	}
	shutdown(end->fd, SHUT_WR);
	end->shut = true;
	return ERR_OK;
}

enum err
end_hold(struct end *end, const void *data, size_t len)
{
	if (!(end->held = malloc(len)))
		return ERR_NOMEM;
	memcpy(end->held, data, len);
	end->held_at = 0;
	end->held_len = len;
	return ERR_OK;
}

enum err
end_flush(struct end *from, struct end *to)
{
	while (from->held_at < from->held_len) {
		size_t n;
		enum err err = end_write(to, from->held + from->held_at,
		                         from->held_len - from->held_at, &n);

		if (err == ERR_AGAIN)
			return ERR_AGAIN;
		if (err) {
			drop_held(from);
			return err;
		}
		from->held_at += n;
	}
	drop_held(from);
	return ERR_OK;
}

enum err
end_discard(struct end *end, unsigned char scratch[END_CHUNK])
{
	for (int i = 0; i < DISCARD_ROUNDS; i++) {
		ssize_t n = recv(end->fd, scratch, END_CHUNK, 0);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return ERR_OK;
		if (n < 0)
			break;
	}
	end->want |= LOOP_READ;
	return ERR_AGAIN;
}
