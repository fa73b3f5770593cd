/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/control/control.h - the control socket: one JSON object per line (docs/control.md)
 *
 * Serves certctl and the console on the keeper's control thread. Rights come from the peer's
 * credentials (daemon/control/control_rights.h). Bounds: 64 clients, 8 of them without any right;
 * lines of 1 MiB, 8 MiB of unread replies, 10 s for half a request. Threads: the caller of
 * control_run(), except control_wake().
 */
#ifndef DAEMON_CONTROL_CONTROL_H
#define DAEMON_CONTROL_CONTROL_H

#include "base/err.h"

struct auditor;
struct clockwatch;
struct conf;
struct control;
struct demander;
struct diagnoser;
struct health;
struct issuer;
struct metrics;
struct notice_queue;
struct servers;
struct status;
struct store;
struct renewer;
struct stapler;
struct teller;
struct upkeep;
struct warner;

/* Borrowed until control_free(); of the conf a reference is taken. */
struct control_config {
	const struct conf *conf;
	struct store *store;
	struct status *status;
	int listen_fd; /* the socket to go on with, taken over; -1: one is opened */
	struct servers *servers;
	int channel; /* to the parent */
};

/* The keeper's other threads. */
struct control_peers {
	struct issuer *issuer;
	struct upkeep *upkeep;
	struct health *health;
	struct renewer *renewer;
	struct stapler *stapler;
	struct metrics *metrics;
	struct teller *teller;
	struct warner *warner;
	struct diagnoser *diagnoser;
	struct demander *demander;
	struct auditor *auditor;
	struct clockwatch *clock;
};

/* Opens the socket. */
MUST_CHECK enum err control_new(const struct control_config *config, struct control **ret_control);
void control_free(struct control *control);
/* What the issuer's thread tells; to be handed to the issuer. */
struct notice_queue *control_notices(struct control *control);
/* Serves until the parent says so or is gone. */
void control_run(struct control *control, const struct control_peers *peers);

#endif
