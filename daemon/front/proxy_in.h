/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/proxy_in.h - PROXY protocol headers, version 1 and 2, as a load balancer sends them
 * to us
 *
 * By HAProxy's doc/proxy-protocol.txt, strictly: an odd header is refused, never guessed at, since
 * who is believed about addresses must be understood. Nothing is allocated or kept.
 */
#ifndef DAEMON_FRONT_PROXY_IN_H
#define DAEMON_FRONT_PROXY_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/err.h"

/* A version 2 header may announce up to 64 KiB; what is known to be sent (addresses, names, a
 * client certificate's facts) stays far below this. Version 1 has 107 bytes at most. */
enum { PROXY_IN_MAX = 4096 };

struct proxy_in {
	size_t len;         /* of the header; what follows is the client's */
	bool has_addresses; /* false (LOCAL, UNKNOWN, a family other than TCP over IP): the
	                     * connection's own count */
	struct sockaddr_storage client;
	struct sockaddr_storage local; /* where the client had connected to */
};

/* ERR_AGAIN: so far DATA is the beginning of a header, all of it. ERR_PROTO: it is none, or one
 * with an error; ERR_TOOBIG: longer than PROXY_IN_MAX. */
MUST_CHECK enum err proxy_in_parse(const void *data, size_t len, struct proxy_in *ret_header);

#endif
