/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/loop.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"

enum { EVENTS_MAX = 128 }; /* of one turn */

struct loop_watch {
	struct loop *loop;
	loop_watch_fn *fn;
	void *arg;
	int fd;
	int want;
	int armed; /* what epoll waits for: `want` and maybe more; 0: it does not know the
	              descriptor */
	bool gone;
	struct loop_watch *next; /* of those to be freed */
};

struct loop_timer {
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	bool running;
	int64_t due_ms;
	struct loop_timer *prev, *next; /* of those that run */
};

struct loop {
	int epoll;
	int wake_fd;
	struct loop_watch *wake;
	loop_fn *wake_fn;
	void *wake_arg;
	struct loop_timer *running; /* a handful */
	struct loop_watch *gone;
	bool stopped;
};

static void
on_wake(void *arg, int events)
{
	struct loop *loop = arg;
	eventfd_t times;

	(void)events;
	(void)!eventfd_read(loop->wake_fd, &times);
	if (loop->wake_fn)
		loop->wake_fn(loop->wake_arg);
}

enum err
loop_new(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return ERR_NOMEM;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll < 0 || loop->wake_fd < 0 ||
	    loop_watch(loop, loop->wake_fd, on_wake, loop, &loop->wake) != ERR_OK) {
		loop_free(loop);
		return ERR_IO;
	}
	loop_want(loop->wake, LOOP_READ);
	*ret_loop = loop;
	return ERR_OK;
}

static void
free_gone(struct loop *loop)
{
	while (loop->gone) {
		struct loop_watch *watch = loop->gone;

		LL_DELETE(loop->gone, watch);
		free(watch);
	}
}

void
loop_free(struct loop *loop)
{
	if (!loop)
		return;
	loop_unwatch(loop->wake);
	free_gone(loop);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	if (loop->epoll >= 0)
		close(loop->epoll);
	free(loop);
}

/* Watches */

/* Makes epoll wait for exactly what is wanted. Wanting nothing takes the descriptor out, since
 * epoll tells of errors and hang-ups always. */
static void
arm(struct loop_watch *watch)
{
	struct epoll_event event = {.data.ptr = watch};
	int how = !watch->armed ? EPOLL_CTL_ADD : watch->want ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;

	if (watch->armed == watch->want)
		return;
	event.events |= watch->want & LOOP_READ ? EPOLLIN : 0;
	event.events |= watch->want & LOOP_WRITE ? EPOLLOUT : 0;
	if (epoll_ctl(watch->loop->epoll, how, watch->fd, &event) == 0)
		watch->armed = watch->want;
}

enum err
loop_watch(struct loop *loop, int fd, loop_watch_fn *fn, void *arg, struct loop_watch **ret_watch)
{
	struct loop_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return ERR_NOMEM;
	*watch = (struct loop_watch){.loop = loop, .fn = fn, .arg = arg, .fd = fd};
	*ret_watch = watch;
	return ERR_OK;
}

/* What is no longer wanted stays armed until it happens: mostly it is wanted again before. */
void
loop_want(struct loop_watch *watch, int events)
{
	watch->want = events;
	if (events & ~watch->armed)
		arm(watch);
}

/* It may be among the events of this turn, and goes when they are through. */
void
loop_unwatch(struct loop_watch *watch)
{
	if (!watch)
		return;
	loop_want(watch, 0);
	arm(watch);
	watch->gone = true;
	LL_PREPEND(watch->loop->gone, watch);
}

static void
tell(struct loop_watch *watch, uint32_t events)
{
	int ready = 0;

	if (watch->gone)
		return;
	/* Errors and hang-ups are met by reading or writing, whichever is wanted. */
	ready |= events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? LOOP_READ : 0;
	ready |= events & (EPOLLOUT | EPOLLHUP | EPOLLERR) ? LOOP_WRITE : 0;
	if (ready & watch->want)
		watch->fn(watch->arg, ready & watch->want);
	else
		arm(watch);
}

/* Timers */

enum err
loop_timer(struct loop *loop, loop_fn *fn, void *arg, struct loop_timer **ret_timer)
{
	struct loop_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return ERR_NOMEM;
	*timer = (struct loop_timer){.loop = loop, .fn = fn, .arg = arg};
	*ret_timer = timer;
	return ERR_OK;
}

void
loop_timer_start(struct loop_timer *timer, uint32_t after_ms)
{
	loop_timer_stop(timer);
	timer->due_ms = clock_mono_ms() + (after_ms ? after_ms : 1);
	timer->running = true;
	DL_APPEND(timer->loop->running, timer);
}

void
loop_timer_stop(struct loop_timer *timer)
{
	if (timer->running)
		DL_DELETE(timer->loop->running, timer);
	timer->running = false;
}

void
loop_timer_free(struct loop_timer *timer)
{
	if (!timer)
		return;
	loop_timer_stop(timer);
	free(timer);
}

static struct loop_timer *
next_timer(const struct loop *loop)
{
	struct loop_timer *next = loop->running, *t;

	DL_FOREACH(loop->running, t)
	if (t->due_ms < next->due_ms)
		next = t;
	return next;
}

/* Fires what is due; one that starts anew has its turn in the next millisecond at the earliest.
 * Returns how long to wait for the next. */
static int
run_timers(struct loop *loop)
{
	int64_t now = clock_mono_ms();
	struct loop_timer *t;

	while ((t = next_timer(loop)) && t->due_ms <= now && !loop->stopped) {
		loop_timer_stop(t);
		t->fn(t->arg);
	}
	return t ? (int)(t->due_ms > now ? t->due_ms - now : 0) : -1;
}

/* Turns */

void
loop_run(struct loop *loop)
{
	struct epoll_event events[EVENTS_MAX];

	while (!loop->stopped) {
		int wait_ms = run_timers(loop);
		int n = loop->stopped ? 0 : epoll_wait(loop->epoll, events, EVENTS_MAX, wait_ms);

		for (int i = 0; i < n; i++)
			tell(events[i].data.ptr, events[i].events);
		free_gone(loop);
	}
	loop->stopped = false;
}

void
loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

enum err
loop_on_wake(struct loop *loop, loop_fn *fn, void *arg)
{
	loop->wake_fn = fn;
	loop->wake_arg = arg;
	return ERR_OK;
}

void
loop_wake(struct loop *loop)
{
	(void)!eventfd_write(loop->wake_fd, 1);
}
