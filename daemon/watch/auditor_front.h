/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/watch/auditor_front.h - a worker in small: which certificate a client gets, without a
 * network
 *
 * A pair of sockets, OpenSSL's client at one end, at the other one what a worker has: hello,
 * choice, credential cache, TLS context and its callbacks, of each TLS listener. Like a
 * worker's, the cache stays between handshakes. Threads: one.
 */
#ifndef DAEMON_WATCH_AUDITOR_FRONT_H
#define DAEMON_WATCH_AUDITOR_FRONT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cursor.h"
#include "base/err.h"

struct audit_front;
struct conf;
struct hostname;
struct store;

enum { AUDIT_WHY_MAX = 256 };

/* CONF and STORE are borrowed. ERR_NOTFOUND: there is no TLS listener. */
MUST_CHECK enum err audit_front_new(const struct conf *conf, struct store *store,
                                    struct audit_front **ret_front);
/* How many listeners there are for TLS, at least 1; the address of one. */
size_t audit_front_listeners(const struct audit_front *front);
const char *audit_front_listener(const struct audit_front *front, size_t at);
void audit_front_free(struct audit_front *front); /* accepts NULL */

/* What is to arrive under NAME: LEAF, and ISSUERS behind it (DER each behind a u32 length). */
struct audit_wanted {
	const struct hostname *name;
	struct span leaf;
	struct span issuers;
	bool rsa;        /* the leaf's type of key: the client takes no other */
	size_t listener; /* which one it comes to, below audit_front_listeners() */
};

enum audit_answer {
	AUDIT_SAME,
	AUDIT_OTHER,   /* WHY: what differs */
	AUDIT_NONE,    /* WHY: no handshake came about */
	AUDIT_NOBODYS, /* under this name TLS is not ours, or nobody comes to us */
};

/* ERR_IO, ERR_NOMEM: the look could not be made. */
MUST_CHECK enum err audit_front_ask(struct audit_front *front, const struct audit_wanted *wanted,
                                    enum audit_answer *ret_answer, char why[AUDIT_WHY_MAX]);

#endif
