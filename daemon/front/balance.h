/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/balance.h - which server of a backend a worker connects to next
 *
 * Servers that take no new connections (drained, disabled) are never chosen. Of the others those go
 * first that are not down: the one with the fewest connections of all workers, in turn when equal,
 * or the first of the file (`balance first`). Those that are down are the last resort, in the same
 * order. Threads: one, its worker's.
 */
#ifndef DAEMON_FRONT_BALANCE_H
#define DAEMON_FRONT_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "daemon/common/servers.h"

struct balance;
struct conf;
struct conf_address;
struct conf_backend;

/* CONF and SERVERS are borrowed, and CONF has been claimed; ROLE is the worker's. */
MUST_CHECK enum err balance_new(const struct conf *conf, struct servers *servers, size_t role,
                                struct balance **ret_balance);
void balance_free(struct balance *balance); /* accepts NULL */

/* Where one connection is with the servers of its backend; zeroed before. */
struct balance_pick {
	struct server_slot *slot; /* it counts there; NULL: none yet, or none is left */
	size_t server;            /* of the backend's */
	uint32_t tried;           /* bits */
	unsigned turn, at;        /* which of the server's addresses is next */
	unsigned given;           /* addresses so far */
	uint32_t failure; /* failure_of(): why the last address did not do; set by the caller */
};

/* The next address to connect to: of the server that PICK is at, else of the best one that it has
 * not tried. False: none is left. */
bool balance_next(struct balance *balance, const struct conf_backend *backend,
                  struct balance_pick *pick, struct conf_address *ret_address);
/* The connection is there, and its server does its work; it was begun at FROM_US, monotonic. */
void balance_connected(struct balance_pick *pick, int64_t from_us);
/* It is over, or will never be: safe in any state of PICK. */
void balance_done(struct balance *balance, struct balance_pick *pick);

#endif
