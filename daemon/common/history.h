/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/history.h - one event in a transaction of its own, for what no other commit carries
 *
 * Threads: any of the keeper's.
 */
#ifndef DAEMON_COMMON_HISTORY_H
#define DAEMON_COMMON_HISTORY_H

#include <stddef.h>

#include "base/err.h"

struct event;
struct notice_queue;
struct store;

/* An event of somebody who cannot write it: the parent's, for the next keeper. */
struct news {
	char type[32]; /* "": none */
	char detail[480];
};

/* Writes EVENT, its time set when it has none, and wakes those who follow. */
MUST_CHECK enum err history_put(struct store *store, struct notice_queue *notices,
                                struct event *event);
/* COUNT of them in one transaction: all or none. */
MUST_CHECK enum err history_put_all(struct store *store, struct notice_queue *notices,
                                    struct event *events, size_t count);
/* The same as a tally (store/event.h). */
MUST_CHECK enum err history_tally(struct store *store, struct notice_queue *notices,
                                  struct event *event);
/* history_put() from words, NAME "" when no name is concerned; complains in the log when it fails.
 */
void history_add(struct store *store, struct notice_queue *notices, const char *type,
                 const char *name, const char *format, ...) PRINTF_LIKE(5, 6);

#endif
