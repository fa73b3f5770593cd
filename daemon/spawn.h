/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/spawn.h - a role comes to life: as a process of its own, or as a thread
 *
 * A process keeps only its channel, its sockets and stderr of what the parent has open, outlives
 * the parent by a second at most, leaves no core, opens its own store and wipes the master key.
 */
#ifndef DAEMON_SPAWN_H
#define DAEMON_SPAWN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "daemon/conf/conf.h"

struct news;
struct secret;
struct servers;
struct status;
struct store;

enum spawn_kind { SPAWN_KEEPER, SPAWN_WORKER };

struct spawn {
	/* filled in by the caller, borrowed until the role has ended */
	enum spawn_kind kind;
	unsigned slot; /* a worker's number, for its log lines */
	const struct conf *conf;
	const struct secret *master;
	struct store *store; /* single: the one of the process; else NULL */
	struct status *status;
	struct servers *servers;
	size_t status_slot;
	const int *listen_fds; /* of a worker, as in struct worker_config */
	size_t listen_count;
	bool hold;               /* a worker: until ROLE_SERVE */
	int lock_fd;             /* the store's lock: the keeper keeps it */
	int control_fd;          /* the control socket that the keeper is to go on with; -1: none */
	const struct news *news; /* for the keeper to write down; may be NULL */
	bool single;
	bool careful; /* the keeper: STORE_CAREFUL */
	/* set by spawn_start() */
	pid_t pid;
	pthread_t thread;
	int channel; /* the parent's end; to be closed by the caller when the role is gone */
	/* internal */
	int theirs;   /* the role's end of the channel */
	int *own_fds; /* single: the thread's copies of listen_fds */
};

MUST_CHECK enum err spawn_start(struct spawn *spawn);
/* Single only: waits for the thread, after its channel has ended. */
void spawn_join(struct spawn *spawn);

#endif
