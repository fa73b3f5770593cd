/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/keeper.h - the keeper: the only writer of the store
 *
 * Threads that meet in the store, the notice queue and the mailboxes of the others: control (this
 * one: the control socket, on a loop), issuer (plan, orders, curl), renewer (renewal information),
 * upkeep (damage, keys, room), health (the backends' servers), stapler (OCSP), demander (names that
 * come on demand), diagnoser (why names fail), warner (expiry, the clock), auditor (all names,
 * again and again), teller (events to hooks) and metrics.
 */
#ifndef DAEMON_KEEPER_H
#define DAEMON_KEEPER_H

#include <stdbool.h>

#include "base/err.h"

struct conf;
struct news;
struct servers;
struct status;
struct store;

/* Borrowed for the length of keeper_run(); the conf is replaced inside at a reload. */
struct keeper_config {
	const struct conf *conf;
	struct store *store;
	struct status *status;
	bool careful; /* STORE is STORE_CAREFUL: serve and answer, order and repair nothing */
	struct servers *servers;
	const struct news *news; /* an event that the parent has; may be NULL */
	int control_fd;          /* the control socket to go on with, taken over; -1: none */
	int channel;             /* to the parent: enum role_message */
};

/* Returns at ROLE_QUIT or when the channel ends. */
MUST_CHECK enum err keeper_run(const struct keeper_config *config);

#endif
