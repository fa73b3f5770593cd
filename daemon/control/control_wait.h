/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/control_wait.h - clients that wait for names (control_wait.c) or watch
 * (control_watch.c). Control thread only. */
#ifndef DAEMON_CONTROL_CONTROL_WAIT_H
#define DAEMON_CONTROL_CONTROL_WAIT_H

#include <stdint.h>

struct control;
struct control_client;
struct hostname;

/* The reply goes on with the steps of the names added, and ends when all are through. SEEN:
 * outcomes so far, as for msg_exit_combine(). */
void wait_add(struct control_client *cl, const struct hostname *name);
void wait_begin(struct control_client *cl, unsigned seen);
void wait_on_notices(struct control *c);
void wait_on_timer(struct control *c);
void wait_done(struct control_client *cl);

struct watched {         /* what a watcher was told of */
	uint64_t names;  /* the newest revision of served/ */
	uint64_t events; /* the newest event */
	uint64_t front;  /* differs when a counter does */
};
void watch_on_timer(struct control *c);

#endif
