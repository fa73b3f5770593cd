/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/peers.h - how many connections each client address has open
 *
 * An IPv4 address counts by itself, an IPv6 address with its /64, which one client has whole. An
 * address is in the table while it has a connection, so the table is never larger than the number
 * of connections. The hash is keyed: clients choose their addresses. Threads: one, the worker's.
 */
#ifndef DAEMON_FRONT_PEERS_H
#define DAEMON_FRONT_PEERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct peer;
struct peers;
struct sockaddr;

/* MAX: connections of one address. */
MUST_CHECK enum err peers_new(uint32_t max, struct peers **ret_peers);
void peers_free(struct peers *peers); /* accepts NULL */
/* Counts one more for CLIENT. ERR_FULL: it has MAX. */
MUST_CHECK enum err peers_take(struct peers *peers, const struct sockaddr *client,
                               struct peer **ret_peer);
void peers_release(struct peers *peers, struct peer *peer); /* one less */
size_t peers_count(const struct peers *peers);              /* addresses in the table */

#endif
