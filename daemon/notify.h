/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/notify.h - what the service manager is told: sd_notify(3), written by hand
 *
 * Nothing happens when NOTIFY_SOCKET is not set. A manager that does not listen is no error.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

struct sockets;

/* Lines like "READY=1\nMAINPID=812". */
void notify_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Why a reload was refused, for `systemctl status`: `systemctl reload` can only say that it failed.
 * NULL: nothing is wrong any more. */
void notify_refused(const char *why);
/* Gives the manager's store copies of NOW's sockets, so that what clients have begun waits in the
 * kernel while we are restarted, and takes back those of BEFORE (may be NULL) whose address is not
 * in NOW. What is there already is not stored twice. */
void notify_store(const struct sockets *now, const int *before, unsigned long before_count);

#endif
