/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/mailbox.h - what others say to a thread of the keeper: a new configuration, "look
 * now", "end"
 *
 * Such a thread sleeps in one place: here, in its transport, or in its loop, and is woken there.
 * One rule holds for all of them: it ends when it is told to, and for nothing else. What fails in a
 * turn is tried again in the next one; when sleeping itself fails, it sleeps here for a second and
 * the log says so once a minute. Threads: any, but for what is said to be the owner's.
 */
#ifndef DAEMON_COMMON_MAILBOX_H
#define DAEMON_COMMON_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct conf;
struct loop;
struct transport;

struct mailbox {
	const char *who;             /* as the log calls the thread */
	struct transport *transport; /* where it sleeps, set by the owner before it starts; */
	struct loop *loop;           /* both NULL: in mailbox_wait() */
	int64_t told_at;             /* the thread's; mono ms: that it cannot sleep, 0: it can */

	pthread_mutex_t mutex; /* guards the rest, and what its owner wants to be guarded */
	pthread_cond_t cond;
	bool stop, woken;
	const struct conf *conf; /* the next one, a reference; NULL: none */
};

void mailbox_init(struct mailbox *box, const char *who); /* WHO is borrowed */
void mailbox_done(struct mailbox *box);

/* CONF is the configuration from now on; a reference is taken. */
void mailbox_set_conf(struct mailbox *box, const struct conf *conf);
void mailbox_wake(struct mailbox *box);
/* Tells the thread to end, and waits for that. */
void mailbox_stop(struct mailbox *box, pthread_t thread);

/* For the thread. False: it is to end. RET_CONF: a new configuration, whose reference is the
 * caller's, NULL: none; ignored configurations stay. */
bool mailbox_read(struct mailbox *box, const struct conf **ret_conf);
/* Sleeps for MS at most, until one of these things is said. */
bool mailbox_wait(struct mailbox *box, int64_t ms, const struct conf **ret_conf);
/* Sleeps in the transport, which calls back what is done there. */
void mailbox_run(struct mailbox *box, int ms);
bool mailbox_stops(struct mailbox *box);

#endif
