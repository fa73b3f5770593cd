/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/hello.h - a ClientHello out of a connection's first bytes, before there is any
 * OpenSSL
 *
 * hello_walk() steps from record to record (RFC 8446, 5.1) as bytes come, whatever their
 * fragmentation, and looks at no byte twice; hello_message() has the message in one piece;
 * hello_parse() reads from it what our choice hangs on (RFC 8446, 4.1.2; RFC 6066, 3; RFC
 * 7301, 3.1). Nothing here is trusted, nothing is kept: spans point into what was passed in.
 * Whatever else a ClientHello must be is left to OpenSSL, or to the backend it is passed on to.
 * Errors: ERR_PROTO, with the alert to send (TLS_AD_..., RFC 8446, 6); HELLO_NO_ALERT where an
 * alert would mean nothing to the other side, as it does not speak TLS.
 */
#ifndef DAEMON_FRONT_HELLO_H
#define DAEMON_FRONT_HELLO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"

enum {
	HELLO_MAX = 16 * 1024, /* bytes of the message with its header */
	HELLO_HEADER_LEN = 4,
	/* What has room, packed, for the records of any that long, and for a record's beginning. */
	HELLO_KEPT_MAX = 50 * 1024,
	HELLO_KEPT_SECOND_MAX = 17 * 1024, /* the same after a HelloRetryRequest */
	HELLO_ALERT_LEN = 7,
	HELLO_NO_ALERT = 0,
};

/* How far the walk has come; zeroed before. */
struct hello_walk {
	uint32_t at;           /* the next record's header, from the first byte on */
	uint32_t have;         /* bytes of the message before it */
	unsigned char head[4]; /* the message's type and length */
	bool second;           /* it answers a HelloRetryRequest: other records may come first */
	/* hello_pack() */
	uint32_t packed;   /* so many bytes in front are, */
	uint32_t unpacked; /* and stand for so many */
	unsigned char minor;
};

struct hello {
	struct span server_name; /* of type host_name; data is NULL when there is none */
	struct span protocols;   /* the ProtocolNameList without its length; NULL: none */
};

/* RAW is all that has come so far, the front of it as hello_pack() has left it. ERR_OK: the message
 * is whole. ERR_AGAIN: more is needed. */
MUST_CHECK enum err hello_walk(struct hello_walk *walk, struct span raw, uint8_t *ret_alert);
/* RAW in less space, in DST, which has room for RAW; returns its length. Of each record that was
 * walked past three bytes stay at most in place of its header; of a second hello, which nobody
 * passes on, none. */
size_t hello_pack(struct hello_walk *walk, struct span raw, unsigned char *dst);
/* How many bytes LEN packed ones stand for, and they themselves: as they came, but that a second
 * hello is in fewer records. */
size_t hello_unpacked_len(const struct hello_walk *walk, size_t len);
void hello_unpack(struct hello_walk *walk, struct span raw, unsigned char *dst);
/* The whole message: in RAW itself when one record has it, else put together in SPACE. */
struct span hello_message(const struct hello_walk *walk, struct span raw,
                          unsigned char space[HELLO_MAX]);
MUST_CHECK enum err hello_parse(struct span message, struct hello *ret_hello, uint8_t *ret_alert);
/* Whether FLIGHT, which we are about to send, is a HelloRetryRequest (RFC 8446, 4.1.3). */
bool hello_is_retry(struct span flight);
bool hello_offers(const struct hello *hello, const char *protocol);

/* A fatal alert in a record of its own, as it is sent before a version is agreed on. */
void hello_alert(uint8_t alert, unsigned char record[HELLO_ALERT_LEN]);

#endif
