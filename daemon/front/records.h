/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/records.h - TLS records that bring little or nothing: how many a peer may send
 *
 * A record costs us the same work whether it carries 16 KiB or nothing. Those without data
 * (KeyUpdate, which is dear, empty records, requests for a renegotiation, alerts) are rare in any
 * honest connection: more than RECORDS_BARREN_MAX of them within RECORDS_BARREN_MS, and the
 * connection is cut. Small ones with data may just come from a program that writes byte by byte:
 * beyond RECORDS_SMALL_MAX a second a client is not read until the second is over. (A server that
 * does so costs what its own operator lets it.)
 * In the usual case this costs a call and two additions a record, and no look at the clock.
 */
#ifndef DAEMON_FRONT_RECORDS_H
#define DAEMON_FRONT_RECORDS_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RECORDS_BARREN_MAX = 64,
	RECORDS_BARREN_MS = 10 * 1000,
	RECORDS_SMALL_LEN = 64, /* less than this is small */
	RECORDS_SMALL_MAX = 16384,
	RECORDS_SMALL_MS = 1000,
};

/* Zeroed: nobody watches, no limit. */
struct records {
	uint32_t barren;
	uint32_t small;
	int64_t barren_since_ms;
	int64_t small_since_ms;
	int64_t rest_until_ms; /* 0: reads go on */
	bool slows;            /* small ones count */
	bool too_many;         /* to be cut */
};

/* Before the handshake: R is to hear of what SSL receives, and must outlive it. */
void records_attach(struct records *r, SSL *ssl);
/* After it: from now on that is counted, small records only when SLOWS. */
void records_watch(struct records *r, bool slows);
/* SSL gave LEN bytes of data. */
void records_took(struct records *r, size_t len);
/* Whether nothing is to be read now; ends by itself. */
bool records_resting(struct records *r);
/* Milliseconds until then, at least 1; 0: it reads. */
uint32_t records_rest_ms(const struct records *r);

#endif
