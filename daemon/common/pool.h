/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/common/pool.h - a few threads for what would make another thread wait: programs, DNS,
 * looks at our own listeners
 *
 * A task is a struct whose first member is a struct pool_task. It belongs to the pool from
 * pool_submit() until pool_take() gives it back. Threads come when there is work for them and stay.
 * Threads: each pool has one owner, who calls everything here; tasks run on the pool's own threads.
 */
#ifndef DAEMON_COMMON_POOL_H
#define DAEMON_COMMON_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct pool;

struct pool_task {
	struct pool_task *next;
	/* On a thread of the pool. What lasts longer than a moment ends when STOP becomes true. */
	void (*run)(struct pool_task *task, const atomic_bool *stop);
};

struct pool_config {
	size_t threads;          /* at most; 1 to POOL_THREADS_MAX */
	size_t queue;            /* tasks that may wait for one */
	void (*wake)(void *arg); /* from a thread of the pool, when a task is done */
	void *arg;
};

enum { POOL_THREADS_MAX = 16 };

MUST_CHECK enum err pool_new(const struct pool_config *config, struct pool **ret_pool);
/* ERR_FULL: the queue is; ERR_NOMEM: no thread can be made. TASK is the caller's still. */
MUST_CHECK enum err pool_submit(struct pool *pool, struct pool_task *task);
/* A task that is done, or NULL. */
struct pool_task *pool_take(struct pool *pool);
/* Waits for the threads, which are told to stop; then pool_take() gives back every task, run or
 * not. Nothing may be submitted any more. */
void pool_end(struct pool *pool);
/* Accepts NULL. After pool_end() and the last pool_take(). */
void pool_free(struct pool *pool);

#endif
