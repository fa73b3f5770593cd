/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/tmpserver.h - a backend on loopback, a thread for each connection */
#ifndef TESTS_SUPPORT_TMPSERVER_H
#define TESTS_SUPPORT_TMPSERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Talks on FD, which is closed behind it. */
typedef void tmpserver_fn(int fd);

struct tmpserver {
	int fd;
	uint16_t port;
	tmpserver_fn *fn;
	pthread_t thread;
	atomic_int accepted;
	atomic_int open;
};

void tmpserver_start(struct tmpserver *s, tmpserver_fn *fn);
void tmpserver_stop(struct tmpserver *s); /* waits for its connections to end */
/* A port where nobody listens. */
uint16_t tmpserver_closed_port(void);
/* A socket connected to PORT on loopback, with time limits, so that no test waits for ever. */
int tmpserver_connect(uint16_t port);
void tmpserver_reach(int fd, uint16_t port); /* the same with a socket that is there */

/* Behaviours. */
void tmpserver_echo(int fd);  /* until the end of file, which it passes back */
void tmpserver_reset(int fd); /* reads something, answers "partial", resets */

#endif
