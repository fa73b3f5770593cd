/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/import.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "acme/bundle.h"
#include "base/log.h"
#include "daemon/control/import_inside.h"

/* More than processors: while some wait for the disk, others judge. */
enum { THREADS_MORE = 2, THREADS_MAX = 6 };

struct queue {
	struct import_job *first;
	struct import_job **end;
};

struct import_pool {
	struct import_config config;
	struct import_place place;
	pthread_mutex_t mutex; /* guards the queues; place.stop changes inside it */
	pthread_cond_t more;
	struct queue waiting;
	struct queue done;
	pthread_t threads[THREADS_MAX];
	size_t thread_count;
};

static void
push(struct queue *queue, struct import_job *job)
{
	job->next = NULL;
	if (!queue->first)
		queue->end = &queue->first;
	*queue->end = job;
	queue->end = &job->next;
}

static struct import_job *
pop(struct queue *queue)
{
	struct import_job *job = queue->first;

	if (job)
		queue->first = job->next;
	return job;
}

/* Waits for a job; NULL: the end. */
static struct import_job *
next_job(struct import_pool *pool)
{
	struct import_job *job;

	pthread_mutex_lock(&pool->mutex);
	while (!atomic_load(&pool->place.stop) && !pool->waiting.first)
		pthread_cond_wait(&pool->more, &pool->mutex);
	job = atomic_load(&pool->place.stop) ? NULL : pop(&pool->waiting);
	pthread_mutex_unlock(&pool->mutex);
	return job;
}

static void *
import_main(void *arg)
{
	struct import_pool *pool = arg;
	struct bundle_judge *judge = NULL;
	struct import_job *job;

	while ((job = next_job(pool))) {
		if (!judge && bundle_judge_new(&judge))
			log_err("out of memory: nothing can be imported");
		import_run(&pool->place, judge, job);
		pthread_mutex_lock(&pool->mutex);
		push(&pool->done, job);
		pthread_mutex_unlock(&pool->mutex);
		pool->config.wake(pool->config.arg);
	}
	bundle_judge_free(judge);
	return NULL;
}

enum err
import_pool_new(const struct import_config *config, struct import_pool **ret_pool)
{
	struct import_pool *pool = calloc(1, sizeof(*pool));
	long wanted = sysconf(_SC_NPROCESSORS_ONLN);

	if (!pool)
		return ERR_NOMEM;
	pool->config = *config;
	pool->place.store = config->store;
	pool->place.upkeep = config->upkeep;
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_mutex_init(&pool->place.served, NULL);
	pthread_mutex_init(&pool->place.private, NULL);
	pthread_cond_init(&pool->more, NULL);
	wanted = wanted + THREADS_MORE > THREADS_MAX ? THREADS_MAX : wanted + THREADS_MORE;
	while (pool->thread_count < (size_t)wanted &&
	       pthread_create(&pool->threads[pool->thread_count], NULL, import_main, pool) == 0)
		pool->thread_count++;
	if (!pool->thread_count) {
		import_pool_free(pool);
		return ERR_NOMEM;
	}
	*ret_pool = pool;
	return ERR_OK;
}

void
import_pool_end(struct import_pool *pool)
{
	struct import_job *job;

	pthread_mutex_lock(&pool->mutex);
	atomic_store(&pool->place.stop, true);
	pthread_cond_broadcast(&pool->more);
	pthread_mutex_unlock(&pool->mutex);
	while (pool->thread_count)
		pthread_join(pool->threads[--pool->thread_count], NULL);
	while ((job = pop(&pool->waiting))) {
		job->stopped = true;
		push(&pool->done, job);
	}
}

void
import_pool_free(struct import_pool *pool)
{
	struct import_job *job;

	if (!pool)
		return;
	import_pool_end(pool);
	while ((job = pop(&pool->done)))
		import_job_free(job);
	pthread_cond_destroy(&pool->more);
	pthread_mutex_destroy(&pool->mutex);
	pthread_mutex_destroy(&pool->place.served);
	pthread_mutex_destroy(&pool->place.private);
	free(pool);
}

void
import_submit(struct import_pool *pool, struct import_job *job)
{
	pthread_mutex_lock(&pool->mutex);
	push(&pool->waiting, job);
	pthread_cond_signal(&pool->more);
	pthread_mutex_unlock(&pool->mutex);
}

struct import_job *
import_take(struct import_pool *pool)
{
	struct import_job *job;

	pthread_mutex_lock(&pool->mutex);
	job = pop(&pool->done);
	pthread_mutex_unlock(&pool->mutex);
	return job;
}

void
import_job_free(struct import_job *job)
{
	if (!job)
		return;
	cJSON_Delete(job->certs);
	buf_done(&job->reply);
	free(job);
}
