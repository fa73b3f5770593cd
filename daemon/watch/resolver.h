/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/watch/resolver.h - names become addresses, on threads of their own
 *
 * getaddrinfo() may take a minute, so RESOLVER_THREADS of them wait beside everything else. A
 * question is a name and the caller's number; answers come in any order. Stopping does not wait for
 * a server that does not answer: such a thread ends by itself, later.
 * Threads: asks and answers from one; DONE is called from the resolver's.
 */
#ifndef DAEMON_WATCH_RESOLVER_H
#define DAEMON_WATCH_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "daemon/common/servers.h"
#include "daemon/conf/conf.h"

enum { RESOLVER_THREADS = 4, RESOLVER_STOP_MS = 2000 };

struct resolver;

struct resolver_answer {
	uint64_t number;
	int error; /* EAI_..., 0: there is at least one address */
	size_t count;
	struct conf_address addresses[SERVERS_ADDRESSES]; /* without port and text */
};

/* DONE is called, with ARG, when there is an answer to fetch. */
MUST_CHECK enum err resolver_new(void (*done)(void *arg), void *arg,
                                 struct resolver **ret_resolver);
/* DONE is not called any more. Accepts NULL. */
void resolver_free(struct resolver *resolver);

/* HOST is copied. */
MUST_CHECK enum err resolver_ask(struct resolver *resolver, const char *host, uint64_t number);
/* False: there is none now. */
bool resolver_next(struct resolver *resolver, struct resolver_answer *ret_answer);

#endif
