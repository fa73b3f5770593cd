/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/role.h - the parent: starts roles, restarts what dies, swaps workers at a reload
 *
 *   parent    binds the sockets and keeps them open, so nothing queued on them is lost when a
 * worker dies; maps the status page; starts one keeper and N workers and waits. keeper    the only
 * writer of the store: control socket and issuer (daemon/keeper.h). worker    one of the front's
 * (daemon/worker.h), on the sockets of its slot.
 *
 * A role is a process, or a thread with --single. Each has a channel, a SOCK_SEQPACKET pair whose
 * end tells the parent that the role is gone; messages start with one byte of enum role_message. A
 * reload makes new workers on the same sockets, waits until they are ready, then lets the old ones
 * drain, so no connection is refused or cut.
 */
#ifndef DAEMON_ROLE_H
#define DAEMON_ROLE_H

#include <stdbool.h>

#include "base/err.h"

enum role_message {
	ROLE_READY = 'r',    /* role to parent: I do my work now */
	ROLE_RELOAD = 'l',   /* keeper to parent: take the file anew */
	ROLE_RELOADED = 'L', /* parent to keeper: done; a text behind it is why it was refused */
	ROLE_MASTER = 'm',   /* keeper to parent: the master key has changed;
	                        worker to parent: mine does not open what the store has */
	ROLE_DRAIN = 'd',    /* parent to worker */
	ROLE_QUIT = 'q',     /* parent to role */
};

enum { ROLE_MESSAGE_MAX = 1024 };

struct conf;
struct secret;

struct role_config {
	const struct conf *conf;     /* a reference is taken */
	const struct secret *master; /* copied */
	bool single;
};

/* Runs the whole daemon until SIGTERM or SIGINT; the exit code of the program. */
int role_parent(const struct role_config *config);

#endif
