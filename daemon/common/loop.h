/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/loop.h - the event loop of a worker and of the control thread, on epoll
 *
 * Level-triggered readiness of descriptors, one-shot timers, and a wake-up from other threads. The
 * loop owns watches and timers; loop_unwatch() may be called from any callback, also the own one of
 * the watch, and after it no callback of that watch comes. Unwatch before closing the descriptor.
 * Threads: one per loop; loop_wake() from any.
 */
#ifndef DAEMON_COMMON_LOOP_H
#define DAEMON_COMMON_LOOP_H

#include <stdint.h>

#include "base/err.h"

struct loop;
struct loop_watch;
struct loop_timer;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

typedef void loop_watch_fn(void *arg, int events); /* LOOP_READ also on hang-up and error */
typedef void loop_fn(void *arg);

MUST_CHECK enum err loop_new(struct loop **ret_loop);
void loop_free(struct loop *loop); /* every watch and timer must be gone */
/* Runs until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

MUST_CHECK enum err loop_watch(struct loop *loop, int fd, loop_watch_fn *fn, void *arg,
                               struct loop_watch **ret_watch); /* waits for nothing yet */
/* EVENTS: what to wait for from now on; 0 = nothing. Cheap when unchanged. */
void loop_want(struct loop_watch *watch, int events);
void loop_unwatch(struct loop_watch *watch); /* accepts NULL */

MUST_CHECK enum err loop_timer(struct loop *loop, loop_fn *fn, void *arg,
                               struct loop_timer **ret_timer);
void loop_timer_start(struct loop_timer *timer, uint32_t after_ms); /* restarts a running one */
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* accepts NULL */

/* FN runs on the loop's thread soon after each loop_wake(); several wakes may become one call. */
MUST_CHECK enum err loop_on_wake(struct loop *loop, loop_fn *fn, void *arg);
void loop_wake(struct loop *loop);

#endif
