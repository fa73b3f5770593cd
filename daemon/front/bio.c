/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/bio.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/common/loop.h"
#include "daemon/front/end.h"

enum { KEPT_LEAST = 512 };

static void
drop(struct bio_bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bio_bytes){0};
}

/* BYTES, which are empty, become a copy. */
static enum err
copy(struct bio_bytes *bytes, const unsigned char *data, size_t len)
{
	if (!(bytes->data = malloc(len)))
		return ERR_NOMEM;
	memcpy(bytes->data, data, len);
	bytes->at = 0;
	bytes->len = bytes->cap = (uint32_t)len;
	return ERR_OK;
}

static enum err
broken(struct end *end)
{
	drop(&end->unsent);
	end->failed = end->deaf = true;
	return ERR_CLOSED;
}

/* Reading */

static bool
has_room_input(const struct end *end)
{
	return end->room->reader == end && end->room->at < end->room->len;
}

/* What the room has of its reader goes to the reader's own memory; without any, it is broken. */
static enum err
vacate(struct bio_room *room)
{
	struct end *reader = room->reader;
	enum err err = ERR_OK;

	if (reader && room->at < room->len)
		err = copy(&reader->kept, room->in + room->at, room->len - room->at);
	room->reader = NULL;
	room->at = room->len = 0;
	if (err)
		(void)!broken(reader);
	return err;
}

static enum err
fill_room(struct end *end)
{
	struct bio_room *room = end->room;
	size_t len;
	enum err err;

	err = room->reader != end ? vacate(room) : ERR_OK;
	if (!err)
		err = end_recv(end, room->in, sizeof(room->in), &len);
	if (err)
		return err;
	room->reader = end;
	room->at = 0;
	room->len = len;
	return ERR_OK;
}

/* The next bytes of what has come, at most LEN; 0: nothing is left. */
static size_t
take_input(struct end *end, void *dst, size_t len)
{
	struct span s = bio_input(end);
	size_t n = s.len < len ? s.len : len;

	if (end->only_next)
		end->next -= n = n < end->next ? n : end->next;
	memcpy(dst, s.data, n);
	if (!end->kept.data)
		end->room->at += n;
	else if ((end->kept.at += (uint32_t)n) == end->kept.len)
		drop(&end->kept);
	return n;
}

static int
on_read(BIO *bio, char *dst, size_t len, size_t *ret_len)
{
	struct end *end = BIO_get_data(bio);
	enum err err = ERR_OK;

	BIO_clear_retry_flags(bio);
	if (end->records.too_many)
		err = ERR_PROTO;
	else if (records_resting(&end->records) || (end->only_next && end->next == 0))
		err = ERR_AGAIN;
	else if (!end->kept.data && !has_room_input(end))
		err = fill_room(end);
	if (err == ERR_AGAIN)
		BIO_set_retry_read(bio);
	end->fin |= err == ERR_CLOSED;
	if (err)
		return 0;
	*ret_len = take_input(end, dst, len);
	return 1;
}

/* Room for more behind what is kept, which may grow to MAX. */
static enum err
grow_kept(struct bio_bytes *kept, size_t max)
{
	size_t cap = kept->len < KEPT_LEAST ? KEPT_LEAST : 2 * (size_t)kept->len;
	unsigned char *data;

	if (kept->len >= max)
		return ERR_TOOBIG;
	if (kept->len < kept->cap)
		return ERR_OK;
	cap = cap < max ? cap : max;
	if (!(data = realloc(kept->data, cap)))
		return ERR_NOMEM;
	kept->data = data;
	kept->cap = (uint32_t)cap;
	return ERR_OK;
}

enum err
bio_fill(struct end *end, size_t max)
{
	struct bio_bytes *kept = &end->kept;
	size_t len;
	enum err err;

	if (!kept->data && !has_room_input(end))
		return fill_room(end);
	if (end->turns == 0) {
		end->want |= LOOP_READ;
		return ERR_AGAIN;
	}
	err = has_room_input(end) ? vacate(end->room) : ERR_OK;
	if (!err)
		err = grow_kept(kept, max);
	if (!err)
		err = end_recv(end, kept->data + kept->len, kept->cap - kept->len, &len);
	if (!err)
		kept->len += (uint32_t)len;
	return err;
}

struct span
bio_input(const struct end *end)
{
	const struct bio_room *room = end->room;

	if (end->kept.data)
		return (struct span){end->kept.data + end->kept.at, end->kept.len - end->kept.at};
	if (room->reader == end)
		return (struct span){room->in + room->at, room->len - room->at};
	return (struct span){room->in, 0};
}

void
bio_drop_input(struct end *end)
{
	drop(&end->kept);
	if (end->room->reader == end)
		end->room->reader = NULL;
}

void
bio_replace_input(struct end *end, unsigned char *bytes, size_t len)
{
	bio_drop_input(end);
	end->kept = (struct bio_bytes){.data = bytes, .len = (uint32_t)len, .cap = (uint32_t)len};
}

void
bio_hold_back(struct end *end, size_t len)
{
	end->next = len;
	end->only_next = true;
}

bool
bio_let_all(struct end *end)
{
	bool more = end->only_next && bio_input(end).len > 0;

	end->only_next = false;
	return more;
}

enum err
bio_trim_input(struct end *end)
{
	struct span raw = bio_input(end);
	unsigned char *bytes;

	if (!end->kept.data || end->kept.at == 0)
		return ERR_OK;
	if (!(bytes = malloc(raw.len)))
		return ERR_NOMEM;
	memcpy(bytes, raw.data, raw.len);
	bio_replace_input(end, bytes, raw.len);
	return ERR_OK;
}

/* Writing */

/* ERR_AGAIN: RET_LEN bytes were taken, and no more for now. */
static enum err
send_some(struct end *end, const void *data, size_t len, size_t *ret_len)
{
	ssize_t n = send(end->fd, data, len, MSG_NOSIGNAL);

	*ret_len = n < 0 ? 0 : (size_t)n;
	if (n == (ssize_t)len)
		return ERR_OK;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return broken(end);
	end->want |= LOOP_WRITE;
	return ERR_AGAIN;
}

static enum err
send_unsent(struct end *end)
{
	struct bio_bytes *u = &end->unsent;
	size_t n;
	enum err err = send_some(end, u->data + u->at, u->len - u->at, &n);

	if (err == ERR_AGAIN)
		u->at += (uint32_t)n;
	else
		drop(u);
	return err;
}

static enum err
send_gathered(struct end *end)
{
	struct bio_room *room = end->room;
	size_t len = room->gathered, n;
	enum err err;

	room->writer = NULL;
	room->gathered = 0;
	err = len ? send_some(end, room->out, len, &n) : ERR_OK;
	if (err == ERR_AGAIN && copy(&end->unsent, room->out + n, len - n) != ERR_OK)
		return broken(end);
	return err;
}

struct span
bio_output(const struct end *end)
{
	const struct bio_room *room = end->room;

	return (struct span){room->out, room->writer == end ? room->gathered : 0};
}

enum err
bio_flush(struct end *end)
{
	if (end->deaf)
		return ERR_OK; /* known; nobody waits for these bytes any more */
	if (end->unsent.data)
		return send_unsent(end);
	return end->room->writer == end ? send_gathered(end) : ERR_OK;
}

/* All of it is taken, or what the socket takes of a large piece. */
static enum err
write_some(struct end *end, const char *data, size_t len, size_t *ret_len)
{
	struct bio_room *room = end->room;
	enum err err = ERR_OK;

	if (room->writer && room->writer != end)
		(void)!bio_flush(room->writer); /* noted there */
	if (end->unsent.data || room->gathered + len > sizeof(room->out))
		err = bio_flush(end);
	if (err || end->deaf)
		return err ? err : ERR_CLOSED;
	if (room->gathered == 0 && len >= BIO_GATHER) {
		err = send_some(end, data, len, ret_len);
		return err == ERR_AGAIN && *ret_len ? ERR_OK : err;
	}
	memcpy(room->out + room->gathered, data, len);
	room->writer = end;
	room->gathered += len;
	*ret_len = len;
	return ERR_OK;
}

static int
on_write(BIO *bio, const char *data, size_t len, size_t *ret_len)
{
	struct end *end = BIO_get_data(bio);
	enum err err;

	BIO_clear_retry_flags(bio);
	err = write_some(end, data, len, ret_len);
	if (err == ERR_AGAIN)
		BIO_set_retry_write(bio);
	return err == ERR_OK ? 1 : -1; /* for OpenSSL 3.2 and later 0 is no failure */
}

/* The BIO */

static long
on_ctrl(BIO *bio, int command, long number, void *pointer)
{
	const struct end *end = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1; /* bio_settle() does */
	case BIO_CTRL_EOF:
		return end->fin;
	default:
		return 0;
	}
}

enum err
bio_room_init(struct bio_room *room)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "end");

	if (!method)
		return ERR_NOMEM;
	BIO_meth_set_read_ex(method, on_read);
	BIO_meth_set_write_ex(method, on_write);
	BIO_meth_set_ctrl(method, on_ctrl);
	room->method = method;
	return ERR_OK;
}

void
bio_room_done(struct bio_room *room)
{
	BIO_meth_free(room->method);
	room->method = NULL;
}

enum err
bio_attach(struct end *end, SSL *ssl)
{
	BIO *bio = BIO_new(end->room->method);

	if (!bio)
		return ERR_NOMEM;
	BIO_set_data(bio, end);
	SSL_set_bio(ssl, bio, bio);
	records_attach(&end->records, ssl);
	end->tls = ssl;
	return ERR_OK;
}

enum err
bio_settle(struct end *end)
{
	struct bio_room *room = end->room;
	enum err err = bio_flush(end);

	return room->reader == end && vacate(room) != ERR_OK ? ERR_NOMEM : err;
}

void
bio_done(struct end *end)
{
	if (end->room->writer == end)
		end->room->writer = NULL, end->room->gathered = 0;
	bio_drop_input(end);
	drop(&end->unsent);
}
