/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/pool.h"

#include <pthread.h>
#include <stdlib.h>

struct queue {
	struct pool_task *first;
	struct pool_task **end;
	size_t count;
};

struct pool {
	struct pool_config config;
	atomic_bool stop;
	pthread_t threads[POOL_THREADS_MAX]; /* the owner's */
	size_t thread_count;

	pthread_mutex_t mutex; /* guards what is below */
	pthread_cond_t more;
	size_t idle; /* threads that wait for a task */
	struct queue waiting;
	struct queue done;
};

static void
push(struct queue *queue, struct pool_task *task)
{
	task->next = NULL;
	if (!queue->first)
		queue->end = &queue->first;
	*queue->end = task;
	queue->end = &task->next;
	queue->count++;
}

static struct pool_task *
pop(struct queue *queue)
{
	struct pool_task *task = queue->first;

	if (task) {
		queue->first = task->next;
		queue->count--;
	}
	return task;
}

/* Waits for a task; NULL: the end. */
static struct pool_task *
next_task(struct pool *pool)
{
	struct pool_task *task;

	pthread_mutex_lock(&pool->mutex);
	pool->idle++;
	while (!atomic_load(&pool->stop) && !pool->waiting.first)
		pthread_cond_wait(&pool->more, &pool->mutex);
	pool->idle--;
	task = atomic_load(&pool->stop) ? NULL : pop(&pool->waiting);
	pthread_mutex_unlock(&pool->mutex);
	return task;
}

static void *
pool_main(void *arg)
{
	struct pool *pool = arg;
	struct pool_task *task;

	while ((task = next_task(pool))) {
		task->run(task, &pool->stop);
		pthread_mutex_lock(&pool->mutex);
		push(&pool->done, task);
		pthread_mutex_unlock(&pool->mutex);
		pool->config.wake(pool->config.arg);
	}
	return NULL;
}

enum err
pool_new(const struct pool_config *config, struct pool **ret_pool)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return ERR_NOMEM;
	pool->config = *config;
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->more, NULL);
	*ret_pool = pool;
	return ERR_OK;
}

/* Under the mutex. */
static enum err
have_thread(struct pool *pool)
{
	size_t count = pool->thread_count;

	if (pool->idle > pool->waiting.count || count == pool->config.threads)
		return ERR_OK;
	if (pthread_create(&pool->threads[count], NULL, pool_main, pool) == 0)
		pool->thread_count++;
	return pool->thread_count ? ERR_OK : ERR_NOMEM;
}

enum err
pool_submit(struct pool *pool, struct pool_task *task)
{
	enum err err = ERR_FULL;

	pthread_mutex_lock(&pool->mutex);
	if (pool->waiting.count < pool->config.queue)
		err = have_thread(pool);
	if (!err) {
		push(&pool->waiting, task);
		pthread_cond_signal(&pool->more);
	}
	pthread_mutex_unlock(&pool->mutex);
	return err;
}

struct pool_task *
pool_take(struct pool *pool)
{
	struct pool_task *task;

	pthread_mutex_lock(&pool->mutex);
	task = pop(&pool->done);
	pthread_mutex_unlock(&pool->mutex);
	return task;
}

void
pool_end(struct pool *pool)
{
	struct pool_task *task;

	pthread_mutex_lock(&pool->mutex);
	atomic_store(&pool->stop, true);
	pthread_cond_broadcast(&pool->more);
	pthread_mutex_unlock(&pool->mutex);
	while (pool->thread_count)
		pthread_join(pool->threads[--pool->thread_count], NULL);
	while ((task = pop(&pool->waiting)))
		push(&pool->done, task);
}

void
pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pthread_cond_destroy(&pool->more);
	pthread_mutex_destroy(&pool->mutex);
	free(pool);
}
