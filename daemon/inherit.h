/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/inherit.h - what a certd gets from whoever started it: sockets, and a certd to replace
 *
 * At an upgrade the running certd starts the new one with its listening sockets and a channel open,
 * and CERTD_UPGRADE, one JSON object, in the environment:
 *   {"channel":7,"listen":[8,9],"version":"0.1.0","pid":812,"state_directory":"...",
 *    "control_socket":"..."}
 * Members may be added, never taken away: the two are of different versions.
 * From systemd come LISTEN_FDS and LISTEN_PID (sd_listen_fds(3)): a .socket unit, or the store that
 * daemon/notify.h fills.
 * Both are taken out of the environment, and all descriptors become close-on-exec.
 */
#ifndef DAEMON_INHERIT_H
#define DAEMON_INHERIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct conf;
struct sockets;

struct inherited {
	int *fds; /* sockets that listen; -1 where one did not */
	size_t count;
	int channel; /* to the certd that is to be replaced; -1: there is none */
	int pid;     /* the rest is that one's; NULL when it did not say */
	char *version;
	char *state_directory;
	char *control_socket;
};

/* ERR_INVALID: CERTD_UPGRADE is there and is not what it should be. */
MUST_CHECK enum err inherit_take(struct inherited *ret_inherited);
/* Closes the sockets; the channel is the parent's (daemon/role.h) from its start on. */
void inherit_done(struct inherited *inherited);
bool inherit_is_upgrade(const struct inherited *inherited);
/* Tells the certd that was to be replaced WHY it is not. Nothing when there is none. */
void inherit_refuse(const struct inherited *inherited, const char *why);
/* What CONF changes that needs a restart; WHY has the sentence. */
bool inherit_fits(const struct inherited *inherited, const struct conf *conf, char *why,
                  size_t size);

/* The other side, between fork() and exec(): makes SOCKETS and CHANNEL stay open, and sets
 * CERTD_UPGRADE. */
MUST_CHECK enum err inherit_leave(const struct conf *conf, const struct sockets *sockets,
                                  int channel, int pid);

#endif
