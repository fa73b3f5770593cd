/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/end.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/common/loop.h"
#include "daemon/front/bio.h"

void
end_init(struct end *end, struct bio_room *room)
{
	*end = (struct end){.fd = -1, .room = room};
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
	if (!reset && end->tls)
		(void)!bio_flush(end); /* the last alert, as far as the socket takes it */
	bio_done(end);
	/* SSL_free() would spoil the session of one that was not shut down. */
	if (end->tls && !end->failed)
		SSL_set_shutdown(end->tls, SSL_SENT_SHUTDOWN);
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

void
end_ready(struct end *end, int events)
{
	if (events & LOOP_READ)
		end->turns = END_TURNS;
}

enum err
end_recv(struct end *end, void *dst, size_t size, size_t *ret_len)
{
	ssize_t n = -1;

	errno = EAGAIN;
	if (end->turns)
		n = recv(end->fd, dst, size, 0);
	end->turns = n == (ssize_t)size ? end->turns - 1 : 0;
	if (n > 0) {
		*ret_len = (size_t)n;
		return ERR_OK;
	}
	if (n == 0)
		return ERR_CLOSED;
	if (errno != EAGAIN && errno != EINTR)
		return ERR_IO;
	end->want |= LOOP_READ;
	return ERR_AGAIN;
}

/* As many records as there are and DST holds. What ended the reading comes again next time. */
static enum err
tls_read(struct end *end, unsigned char *dst, size_t size, size_t *ret_len)
{
	size_t got = 0, n;

	ERR_clear_error();
	while (got < size && SSL_read_ex(end->tls, dst + got, size - got, &n) == 1) {
		records_took(&end->records, n);
		got += n;
	}
	if (!got)
		return tls_wait(end);
	*ret_len = got;
	return ERR_OK;
}

enum err
end_read(struct end *end, void *dst, size_t size, size_t *ret_len)
{
	enum err err;

	if (end->tls)
		err = tls_read(end, dst, size, ret_len);
	else
		err = end_recv(end, dst, size, ret_len);
	/* After a write was refused, an end of file is the rest of a reset, not a clean end. */
	if (err == ERR_CLOSED && !end->tls && end->deaf)
		err = ERR_IO;
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
		bool ticket = end->owes_ticket;

		ERR_clear_error();
		if (ticket)
			(void)SSL_new_session_ticket(end->tls);
		end->owes_ticket = false;
		err = SSL_write_ex(end->tls, data, len, ret_len) == 1 ? ERR_OK : tls_wait(end);
		/* The ticket took OpenSSL through its handshake code, which makes a buffer for
		 * reading that nobody reads into. */
		if (ticket && !err)
			(void)SSL_free_buffers(end->tls);
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
end_farewell(struct end *end)
{
	if (end->tls && !end->farewell && SSL_is_init_finished(end->tls)) {
		ERR_clear_error();
		if (SSL_shutdown(end->tls) < 0 && tls_wait(end) == ERR_AGAIN)
			return ERR_AGAIN;
		end->farewell = true; /* once more, and SSL_shutdown() would read */
	}
	return end->tls && bio_flush(end) == ERR_AGAIN ? ERR_AGAIN : ERR_OK;
}

enum err
end_shut(struct end *end)
{
	if (end->shut)
		return ERR_OK;
	if (end_farewell(end) == ERR_AGAIN)
		return ERR_AGAIN;
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
end_hold_input(struct end *end)
{
	struct span raw = bio_input(end);
	enum err err = end_hold(end, raw.data, raw.len);

	if (!err)
		end->received += raw.len;
	bio_drop_input(end);
	return err;
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
	size_t n;
	enum err err;

	bio_drop_input(end);
	do {
		err = end_recv(end, scratch, END_CHUNK, &n);
	} while (err == ERR_OK);
	return err == ERR_AGAIN ? ERR_AGAIN : ERR_OK;
}
