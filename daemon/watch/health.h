/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/watch/health.h - the keeper's thread that looks after the backends' servers
 *
 * - Checks them as their backend says: `fall` failures in a row make a server down, `rise` checks
 *   that go well bring it back. Without a check only servers that are down are looked at, by
 *   connecting.
 * - Looks names up, every HEALTH_LOOKUP_MS and soon after a failure; a lookup that fails leaves the
 *   addresses that are known.
 * - Tells: events backend.down and backend.up.
 * - Takes the operator's states from the store, and forgets those of servers that are gone.
 * What it finds out is in the page of servers (daemon/common/servers.h), where workers and `backend
 * list` read it. Threads: its own; the functions here are called from the control thread.
 */
#ifndef DAEMON_WATCH_HEALTH_H
#define DAEMON_WATCH_HEALTH_H

#include "base/err.h"

struct conf;
struct health;
struct notice_queue;
struct servers;
struct store;

enum {
	HEALTH_LOOKUP_MS = 30 * 1000,
	HEALTH_RETRY_MS = 2 * 1000, /* the least between two lookups of a name */
	HEALTH_CHECKS_MAX = 256     /* under way at a time */
};

/* Borrowed until health_stop(), but for the conf, of which a reference is taken. */
struct health_config {
	const struct conf *conf;
	struct store *store;
	struct servers *servers;
	struct notice_queue *notices;
};

/* Returns when the operator's states are in the page. */
MUST_CHECK enum err health_start(const struct health_config *config, struct health **ret_health);
void health_stop(struct health *health); /* accepts NULL; waits for the thread */
/* A reload: takes a reference. */
void health_set_conf(struct health *health, const struct conf *conf);

#endif
