/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/bio.h - what stands between OpenSSL and the socket of an end
 *
 * Bytes from the socket go into memory that the worker's connections share, one recv() for as many
 * records as there are; what OpenSSL writes is gathered there and leaves in one send() at the end
 * of the step (a large record leaves at once, uncopied). So a handshake costs a recv() and a send()
 * a flight, and an end has memory of its own only for what a step leaves behind: bytes that nobody
 * wants yet, bytes that the socket does not take yet.
 *
 * The room belongs to one step of one connection: each step ends with bio_settle() of its ends.
 * Works for both roles of TLS. All sends carry MSG_NOSIGNAL.
 */
#ifndef DAEMON_FRONT_BIO_H
#define DAEMON_FRONT_BIO_H

#include <openssl/bio.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cursor.h"
#include "base/err.h"

struct end;

enum {
	BIO_ROOM = 32 * 1024,  /* bytes each way */
	BIO_GATHER = 8 * 1024, /* records from this size on are not gathered */
};

struct bio_room {
	BIO_METHOD *method;
	struct end *reader; /* whose bytes are in `in`; NULL: nobody's */
	size_t at, len;     /* those not read yet */
	struct end *writer; /* the same with `out` */
	size_t gathered;
	unsigned char in[BIO_ROOM];
	unsigned char out[BIO_ROOM];
};

MUST_CHECK enum err bio_room_init(struct bio_room *room);
void bio_room_done(struct bio_room *room);

/* From now on SSL reads and writes through END, what has come already first. END->tls owns SSL
 * then. */
MUST_CHECK enum err bio_attach(struct end *end, SSL *ssl);

/* Before there is any TLS: more bytes behind those of bio_input(). ERR_AGAIN: END->want says for
 * what; ERR_TOOBIG: MAX are there already; ERR_CLOSED, ERR_IO. */
MUST_CHECK enum err bio_fill(struct end *end, size_t max);
/* What has come and was not read; until the next bio_fill() or the end of the step. */
struct span bio_input(const struct end *end);
void bio_drop_input(struct end *end);
/* LEN bytes, malloc'ed, take the place of bio_input(), which they may not be; END's from now on. */
void bio_replace_input(struct end *end, unsigned char *bytes, size_t len);

/* SSL reads no more than the next LEN bytes of what has come, until bio_let_all() is called; which
 * answers whether there are more. */
void bio_hold_back(struct end *end, size_t len);
bool bio_let_all(struct end *end);
/* What was read of bio_input() gives its memory back. */
MUST_CHECK enum err bio_trim_input(struct end *end);

/* What OpenSSL has written in this step and is not sent yet. */
struct span bio_output(const struct end *end);
/* Sends what OpenSSL has written. ERR_AGAIN: some is left, END->want has LOOP_WRITE. ERR_CLOSED:
 * END takes no more bytes, `deaf` and `failed` are set. */
MUST_CHECK enum err bio_flush(struct end *end);
/* The end of a step: bio_flush(), and what was not read is kept (ERR_NOMEM: is lost). */
MUST_CHECK enum err bio_settle(struct end *end);
/* Gives back everything, sends nothing. */
void bio_done(struct end *end);

#endif
