/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/role.h - the parent: starts roles, restarts what dies, swaps workers at a reload
 *
 *   parent    binds the sockets and keeps them open, so nothing queued on them is lost when a
 * worker dies; maps the status page; starts one keeper and N workers and waits. keeper    the only
 * writer of the store: control socket and issuer (daemon/keeper.h). worker    one of the front's
 * (daemon/front/worker.h), on the sockets of its slot.
 *
 * A role is a process, or a thread with --single. Each has a channel, a SOCK_SEQPACKET pair whose
 * end tells the parent that the role is gone; messages start with one byte of enum role_message. A
 * reload makes new workers on the same sockets, waits until they are ready, then lets the old ones
 * drain, so no connection is refused or cut.
 *
 * An upgrade does the same with a whole certd: the parent starts the new program, which makes its
 * workers and says that it is ready over a channel like a role's; then the old keeper lets the
 * store go and the new one takes it. docs/architecture.md has who holds what when, and what a kill
 * does.
 */
#ifndef DAEMON_ROLE_H
#define DAEMON_ROLE_H

#include <stdbool.h>

#include "base/err.h"

enum role_message {
	ROLE_READY = 'r',    /* role to parent: I do my work now */
	ROLE_RELOAD = 'l',   /* keeper to parent: take the file anew */
	ROLE_RELOADED = 'L', /* parent to keeper: done; a text behind it is why it was refused;
	                      * keeper to parent: refused already, and why */
	ROLE_MASTER = 'm',   /* keeper to parent: the master key has changed;
	                        worker to parent: mine does not open what the store has */
	ROLE_SERVE = 's',    /* parent to worker that was held; old certd to new: it is yours */
	ROLE_DRAIN = 'd',    /* parent to worker */
	ROLE_QUIT = 'q',     /* parent to role; new certd to old: we are told to stop */
	ROLE_UPGRADE = 'u',  /* keeper to parent: start the program anew and hand over to it */
	ROLE_UPGRADED = 'U', /* parent to keeper: it is ready, go; "PID VERSION" behind it */
	ROLE_REFUSED = 'x',  /* parent to keeper, new certd to old: not upgraded, and why */
	ROLE_CONTROL =
		'c', /* keeper to parent, old certd to new: the control socket goes with it */
	ROLE_RELEASED = 'R', /* old certd to new: nobody has the store any more */
	ROLE_WHOLE = 'w',    /* new certd to old: the keeper runs too, you are not needed */
	ROLE_COUNTS = 'n',   /* old certd to new: its counters, as "WORD=NUMBER ..." */
};

enum { ROLE_MESSAGE_MAX = 1024 };

struct conf;
struct inherited;
struct secret;

struct role_config {
	const struct conf *conf;     /* a reference is taken */
	const struct secret *master; /* copied */
	bool single;
	struct inherited *inherited;
	char *const *argv; /* of the program; [0] finds it again, in PATH when it has no slash */
};

/* Runs the whole daemon until SIGTERM or SIGINT; the exit code of the program. */
int role_parent(const struct role_config *config);

#endif
