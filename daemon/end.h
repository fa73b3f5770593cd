/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/end.h - one end of a connection: a TCP socket, or TLS on one
 *
 * The same struct for the client and for the backend. Nothing waits: a call that cannot go on
 * answers ERR_AGAIN and has noted in `want` what the descriptor must become. Bytes that the other
 * end cannot take yet are held here, END_CHUNK of them at most, in memory that exists only
 * meanwhile; an end whose bytes are held is not read, and that is all the back-pressure there is.
 * SIGPIPE is ignored in a worker (worker_run() sees to it), since OpenSSL writes with write(2).
 */
#ifndef DAEMON_END_H
#define DAEMON_END_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct loop_watch;

enum { END_CHUNK = 16 * 1024 }; /* the most a TLS record carries, so one read empties it */

struct end {
	int fd;   /* -1: not there; owned */
	SSL *tls; /* NULL: plain; owned */
	struct loop_watch *watch;
	int want;            /* LOOP_READ | LOOP_WRITE, gathered by one step */
	uint64_t received;   /* bytes that came from it */
	uint64_t sent;       /* bytes that it took */
	unsigned char *held; /* came from it, not taken by the other end yet; owned */
	size_t held_at;
	size_t held_len;
	bool owes_ticket; /* TLS 1.3: goes out in front of the first bytes for it */
	bool ended;       /* it said that no more bytes come: FIN, close_notify */
	bool failed;      /* it broke off: reset, TLS truncated or wrong */
	bool shut;        /* we told it that no more bytes come */
	bool deaf;        /* it takes no more bytes */
};

void end_init(struct end *end);
/* Closes. With RESET the other side learns that this was no clean end. */
void end_done(struct end *end, bool reset);

/* ERR_OK: at least one byte. ERR_CLOSED: clean end, `ended` is set. ERR_IO: `failed` is set. */
MUST_CHECK enum err end_read(struct end *end, void *dst, size_t size, size_t *ret_len);
/* ERR_OK: RET_LEN bytes were taken, maybe not all. ERR_CLOSED: it takes none any more (`deaf`). */
MUST_CHECK enum err end_write(struct end *end, const void *data, size_t len, size_t *ret_len);
/* Says that no more bytes come: close_notify and FIN. */
MUST_CHECK enum err end_shut(struct end *end);
/* Keeps a copy of bytes that came from END; nothing may be held already. */
MUST_CHECK enum err end_hold(struct end *end, const void *data, size_t len);
/* Gives TO what FROM holds. ERR_OK: nothing is held any more. */
MUST_CHECK enum err end_flush(struct end *from, struct end *to);
/* Reads and forgets what is there, some 128 KiB at most. ERR_OK: the other side has ended. */
MUST_CHECK enum err end_discard(struct end *end, unsigned char scratch[END_CHUNK]);

#endif
