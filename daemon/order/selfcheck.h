/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/selfcheck.h - looks at a challenge as a CA would, at our own listener
 *
 * So a CA is only asked to look when there is something to be seen: a failed look of the CA's
 * counts against the name. Blocks, SELFCHECK_MS at most: for threads that may wait.
 */
#ifndef DAEMON_ORDER_SELFCHECK_H
#define DAEMON_ORDER_SELFCHECK_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"
#include "daemon/conf/conf_listen.h"

struct challenge;
struct conf;
struct problem;

enum { SELFCHECK_MS = 3000 };

/* A plain value. */
struct selfcheck_target {
	struct sockaddr_storage address; /* ours, as it is reached from this machine */
	socklen_t len;
	bool proxy;    /* a PROXY header comes first */
	char text[64]; /* "127.0.0.1:80", for people */
};

/* The first of our listeners of KIND, better one that takes no PROXY header; NULL: there is none.
 */
const struct conf_listen *selfcheck_listener(const struct conf *conf, enum conf_listen_kind kind);
/* ERR_NOTFOUND: there is no such listener. */
MUST_CHECK enum err selfcheck_target(const struct conf *conf, enum conf_listen_kind kind,
                                     struct selfcheck_target *ret_target);

/* GET of the token under the name (RFC 8555 8.3) is answered with the key authorization; a
 * handshake with acme-tls/1 shows its certificate (RFC 8737 3). Else ERR_PROTO, ERR_UNREACHABLE or
 * ERR_TIMEOUT, and PROBLEM_CHALLENGE_NOT_SERVED in words. */
MUST_CHECK enum err selfcheck_http(const struct selfcheck_target *target,
                                   const struct challenge *challenge, struct problem *ret_why);
MUST_CHECK enum err selfcheck_alpn(const struct selfcheck_target *target,
                                   const struct challenge *challenge, struct problem *ret_why);

#endif
