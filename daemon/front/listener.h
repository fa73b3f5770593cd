/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/listener.h - listening sockets: opened by the parent, emptied by a worker
 *
 * Each worker has a socket of its own per address (SO_REUSEPORT), so the kernel spreads connections
 * and a worker never wakes for another's. Without room, descriptors or memory, a listener stops
 * accepting for LISTENER_PAUSE_MS: connections wait in the kernel's queue and nothing spins.
 */
#ifndef DAEMON_FRONT_LISTENER_H
#define DAEMON_FRONT_LISTENER_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"

struct conf_address;
struct conf_listen;
struct listener;
struct loop;
struct peer;
struct status_slot;

enum { LISTENER_PAUSE_MS = 100 };

/* Whether nobody listens on ADDRESS: SO_REUSEPORT would let a second certd of the same user share
 * the port unnoticed. ERR_EXISTS when somebody does; errno as below. */
MUST_CHECK enum err listener_is_free(const struct conf_address *address);
/* Bound, listening, non-blocking, close-on-exec; IPv6 sockets take IPv6 only. Called by the parent.
 * On failure errno says more; ERR_EXISTS: the address is in use. */
MUST_CHECK enum err listener_open(const struct conf_address *address, int *ret_fd);

/* Takes FD. May refuse it by closing it. */
typedef void listener_fn(void *arg, struct listener *listener, int fd,
                         const struct sockaddr_storage *peer);
/* Whether one more connection may be accepted there; asked before each. */
typedef bool listener_room_fn(void *arg, const struct conf_listen *listen);

struct listener_config {
	struct loop *loop;
	const struct conf_listen *conf; /* borrowed until listener_free() */
	struct status_slot *status;
	struct listening *listening; /* its counters; NULL: they are not kept */
	int fd; /* taken over on success: closed by listener_stop() or listener_free() */
	listener_fn *fn;
	listener_room_fn *has_room;
	void *arg; /* of both */
};

MUST_CHECK enum err listener_new(const struct listener_config *config,
                                 struct listener **ret_listener);
void listener_free(struct listener *listener); /* accepts NULL */
/* Takes what is queued already, as nobody else may have this socket, and closes it: the kernel
 * gives new connections to sockets that are accepted from. */
void listener_stop(struct listener *listener);
const struct conf_listen *listener_conf(const struct listener *listener);
/* Counts a connection with its client's address. ERR_FULL: that has its share already; RET_PEER is
 * NULL where nothing is counted. */
MUST_CHECK enum err listener_admit(struct listener *listener, const struct sockaddr *client,
                                   struct peer **ret_peer);
/* One of its connections was turned away after it was accepted. */
void listener_reject(struct listener *listener);
/* One of its connections is through with hello and handshake, or has ended before. */
void listener_settle(struct listener *listener);
/* One of its connections has ended; PEER is what listener_admit() gave, or NULL. */
void listener_release(struct listener *listener, struct peer *peer);

#endif
