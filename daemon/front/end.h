/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/end.h - one end of a connection: a TCP socket, or TLS on one
 *
 * The same struct for the client and for the backend. Nothing waits: a call that cannot go on
 * answers ERR_AGAIN and has noted in `want` what the descriptor must become. Bytes that the other
 * end cannot take yet are held here, END_CHUNK of them at most (a ClientHello that is passed on:
 * its records, which may be 96 KiB), in memory that exists only meanwhile; an end whose bytes are
 * held is not read, and that is all the back-pressure there is. A socket is read only when the loop
 * has said that it is readable, and END_TURNS times at most: no call is spent to learn that there
 * is nothing, and none starves the others.
 */
#ifndef DAEMON_FRONT_END_H
#define DAEMON_FRONT_END_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "daemon/front/records.h"

struct bio_room;
struct loop_watch;

enum {
	END_CHUNK = 16 * 1024, /* the most a TLS record carries, so one read empties it */
	END_TURNS = 4,         /* recv() calls for one readiness */
};

/* Bytes that outlast a step: daemon/front/bio.c's. NULL while there are none. */
struct bio_bytes {
	unsigned char *data;
	uint32_t at, len, cap;
};

struct end {
	int fd;   /* -1: not there; owned */
	SSL *tls; /* NULL: plain; owned */
	struct loop_watch *watch;
	struct bio_room *room;   /* the worker's */
	struct bio_bytes kept;   /* came and was not read: TLS records, or a hello's beginning */
	struct bio_bytes unsent; /* TLS records that the socket does not take yet */
	size_t next;             /* with `only_next`: bytes that OpenSSL may read */
	unsigned turns;          /* recv() calls that may find something */
	struct records records;  /* of TLS, that came */
	int want;                /* LOOP_READ | LOOP_WRITE, gathered by one step */
	uint64_t received;       /* bytes that came from it */
	uint64_t sent;           /* bytes that it took */
	unsigned char *held;     /* came from it, not taken by the other end yet; owned */
	size_t held_at;
	size_t held_len;
	bool owes_ticket; /* TLS 1.3: goes out in front of the first bytes for it */
	bool ended;       /* it said that no more bytes come: FIN, close_notify */
	bool failed;      /* it broke off: reset, TLS truncated or wrong */
	bool shut;        /* we told it that no more bytes come */
	bool deaf;        /* it takes no more bytes */
	bool fin;         /* TLS on a socket that has ended */
	bool only_next;   /* see bio_hold_back() */
	bool farewell;    /* close_notify is written */
};

void end_init(struct end *end, struct bio_room *room);
/* Closes. With RESET the other side learns that this was no clean end. */
void end_done(struct end *end, bool reset);
/* The loop's word about the socket: LOOP_READ gives new turns. */
void end_ready(struct end *end, int events);
/* Raw bytes, for daemon/front/bio.c. ERR_CLOSED: a FIN. ERR_IO. ERR_AGAIN: no turn, or nothing
 * there. */
MUST_CHECK enum err end_recv(struct end *end, void *dst, size_t size, size_t *ret_len);

/* ERR_OK: at least one byte. ERR_CLOSED: clean end, `ended` is set. ERR_IO: `failed` is set. */
MUST_CHECK enum err end_read(struct end *end, void *dst, size_t size, size_t *ret_len);
/* ERR_OK: RET_LEN bytes were taken, maybe not all. ERR_CLOSED: it takes none any more (`deaf`). */
MUST_CHECK enum err end_write(struct end *end, const void *data, size_t len, size_t *ret_len);
/* Says that no more bytes come, with close_notify where there is TLS. */
MUST_CHECK enum err end_farewell(struct end *end);
/* The same, and a FIN. */
MUST_CHECK enum err end_shut(struct end *end);
/* Keeps a copy of bytes that came from END; nothing may be held already. */
MUST_CHECK enum err end_hold(struct end *end, const void *data, size_t len);
/* The same with the raw bytes of bio_input(), which are none then. */
MUST_CHECK enum err end_hold_input(struct end *end);
/* Gives TO what FROM holds. ERR_OK: nothing is held any more. */
MUST_CHECK enum err end_flush(struct end *from, struct end *to);
/* Reads and forgets what is there. ERR_OK: the other side has ended. */
MUST_CHECK enum err end_discard(struct end *end, unsigned char scratch[END_CHUNK]);

#endif
