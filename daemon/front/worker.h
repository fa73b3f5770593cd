/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/worker.h - one front worker: accepts, shakes hands, relays, until told to stop
 *
 * A worker owns its loop, its connections and its credential cache, and shares nothing but the
 * immutable conf, the store it reads and its slot of the status page. It runs as a process of its
 * own or, with --single, as a thread.
 *
 * The channel is a SOCK_SEQPACKET pair with the parent, one message a byte (enum role_message in
 * daemon/role.h): the worker says ROLE_READY once it accepts, or, when it is to hold, once it
 * could, and accepts at ROLE_SERVE; ROLE_DRAIN makes it take what is queued, close its listening
 * sockets (its successor has them too) and return when the last connection has ended or
 * WORKER_DRAIN_MS are over; the channel's end, that of the parent, does the same for
 * WORKER_ORPHAN_MS; ROLE_QUIT makes it close everything and return.
 */
#ifndef DAEMON_FRONT_WORKER_H
#define DAEMON_FRONT_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct conf;
struct demand;
struct servers;
struct status_slot;
struct store;

enum { WORKER_DRAIN_MS = 300 * 1000, WORKER_ORPHAN_MS = 500 };

/* All borrowed for the length of worker_run(), but the listening descriptors: it closes them. */
struct worker_config {
	const struct conf *conf;
	struct store *store; /* read-only use */
	struct status_slot *status;
	struct demand *demand;   /* NULL: nothing comes on demand */
	struct servers *servers; /* has been given slots for CONF */
	size_t role;             /* whose connections they count */
	const int *listen_fds;   /* bound, listening, non-blocking; -1: none */
	size_t listen_count;     /* the i-th is for conf->listens[i % conf->listen_count] */
	bool hold;               /* until ROLE_SERVE */
	bool confined;           /* gives up what it does not need: daemon/confine.h */
	int channel;
};

MUST_CHECK enum err worker_run(const struct worker_config *config);

#endif
