/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/loop.h"

#include <stdlib.h>
#include <uv.h>

struct loop {
	uv_loop_t uv;
	uv_async_t wake;
	loop_fn *wake_fn;
	void *wake_arg;
};

/* Both are freed by libuv's close callback, one turn of the loop after they were given up. */
struct loop_watch {
	uv_poll_t uv;
	loop_watch_fn *fn;
	void *arg;
	int want; /* what libuv waits for now */
};

struct loop_timer {
	uv_timer_t uv;
	loop_fn *fn;
	void *arg;
};

static void
on_wake(uv_async_t *async)
{
	struct loop *loop = async->data;

	if (loop->wake_fn)
		loop->wake_fn(loop->wake_arg);
}

enum err
loop_new(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return ERR_NOMEM;
	if (uv_loop_init(&loop->uv) != 0) {
		free(loop);
		return ERR_IO;
	}
	if (uv_async_init(&loop->uv, &loop->wake, on_wake) != 0) {
		uv_loop_close(&loop->uv);
		free(loop);
		return ERR_IO;
	}
	loop->wake.data = loop;
	*ret_loop = loop;
	return ERR_OK;
}

void
loop_free(struct loop *loop)
{
	if (!loop)
		return;
	uv_close((uv_handle_t *)&loop->wake, NULL);
	while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0)
		continue; /* nothing but close callbacks is left */
	uv_loop_close(&loop->uv);
	free(loop);
}

void
loop_run(struct loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void
loop_stop(struct loop *loop)
{
	uv_stop(&loop->uv);
}

static void
free_handle(uv_handle_t *handle)
{
	free(handle->data);
}

/* libuv stops a handle whose descriptor has an error (POLLERR) before it tells; the owner learns it
 * by reading or writing, and a later loop_want() starts the handle again. */
static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct loop_watch *watch = poll->data;
	int ready = 0;

	if (status < 0) {
		ready = LOOP_READ | LOOP_WRITE;
		watch->want = 0;
	} else {
		ready |= events & (UV_READABLE | UV_DISCONNECT) ? LOOP_READ : 0;
		ready |= events & UV_WRITABLE ? LOOP_WRITE : 0;
	}
	watch->fn(watch->arg, ready);
}

enum err
loop_watch(struct loop *loop, int fd, loop_watch_fn *fn, void *arg, struct loop_watch **ret_watch)
{
	struct loop_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return ERR_NOMEM;
	if (uv_poll_init(&loop->uv, &watch->uv, fd) != 0) {
		free(watch);
		return ERR_IO;
	}
	watch->uv.data = watch;
	watch->fn = fn;
	watch->arg = arg;
	*ret_watch = watch;
	return ERR_OK;
}

void
loop_want(struct loop_watch *watch, int events)
{
	int mask = (events & LOOP_READ ? UV_READABLE : 0) | (events & LOOP_WRITE ? UV_WRITABLE : 0);

	if (watch->want == events)
		return;
	watch->want = events;
	if (mask)
		uv_poll_start(&watch->uv, mask, on_poll);
	else
		uv_poll_stop(&watch->uv);
}

void
loop_unwatch(struct loop_watch *watch)
{
	if (watch)
		uv_close((uv_handle_t *)&watch->uv, free_handle);
}

static void
on_timer(uv_timer_t *uv)
{
	struct loop_timer *timer = uv->data;

	timer->fn(timer->arg);
}

enum err
loop_timer(struct loop *loop, loop_fn *fn, void *arg, struct loop_timer **ret_timer)
{
	struct loop_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return ERR_NOMEM;
	uv_timer_init(&loop->uv, &timer->uv);
	timer->uv.data = timer;
	timer->fn = fn;
	timer->arg = arg;
	*ret_timer = timer;
	return ERR_OK;
}

void
loop_timer_start(struct loop_timer *timer, uint32_t after_ms)
{
	uv_timer_start(&timer->uv, on_timer, after_ms, 0);
}

void
loop_timer_stop(struct loop_timer *timer)
{
	uv_timer_stop(&timer->uv);
}

void
loop_timer_free(struct loop_timer *timer)
{
	if (timer)
		uv_close((uv_handle_t *)&timer->uv, free_handle);
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
	uv_async_send(&loop->wake);
}
