/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/notice.h - the steps of orders, from the issuer's thread to the control thread
 *
 * A bounded queue: what does not fit is dropped and counted as an overflow, after which the reader
 * looks at the store instead (a notice only ever follows the commit that made it true).
 * Threads: notice_push() and notice_pop() from any; the mutex is inside.
 */
#ifndef DAEMON_COMMON_NOTICE_H
#define DAEMON_COMMON_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"
#include "base/msg.h"
#include "base/problem.h"

struct notice_queue;

enum { NOTICE_DETAIL_MAX = 255 };

struct notice {
	struct hostname name;
	enum msg_step step;
	int64_t at;                         /* unix seconds */
	int64_t next_at;                    /* FAILED: the next try, 0 = none */
	char detail[NOTICE_DETAIL_MAX + 1]; /* may be "" */
	struct problem problem;             /* FAILED only */
	const char *refusal; /* static; instead of the problem's word: "not-found"; NULL: that */
};

/* WAKE is called after each push, from the pushing thread. */
MUST_CHECK enum err notice_new(void (*wake)(void *arg), void *arg, struct notice_queue **ret_queue);
void notice_free(struct notice_queue *queue);
void notice_push(struct notice_queue *queue, const struct notice *notice);
/* Wakes the reader without a notice: there are new events in the store. */
void notice_nudge(struct notice_queue *queue);
/* False when empty. RET_OVERFLOW is set when notices were lost since the last call. */
bool notice_pop(struct notice_queue *queue, struct notice *ret_notice, bool *ret_overflow);

#endif
