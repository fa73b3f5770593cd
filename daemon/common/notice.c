/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/notice.h"

#include <pthread.h>
#include <stdlib.h>

enum { QUEUE_LEN = 2048 };

struct notice_queue {
	void (*wake)(void *arg);
	void *arg;
	pthread_mutex_t mutex; /* guards all below */
	struct notice ring[QUEUE_LEN];
	size_t first;
	size_t count;
	bool overflow;
};

enum err
notice_new(void (*wake)(void *arg), void *arg, struct notice_queue **ret_queue)
{
	struct notice_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return ERR_NOMEM;
	q->wake = wake;
	q->arg = arg;
	pthread_mutex_init(&q->mutex, NULL);
	*ret_queue = q;
	return ERR_OK;
}

void
notice_free(struct notice_queue *queue)
{
	if (!queue)
		return;
	pthread_mutex_destroy(&queue->mutex);
	free(queue);
}

void
notice_push(struct notice_queue *queue, const struct notice *notice)
{
	pthread_mutex_lock(&queue->mutex);
	if (queue->count == QUEUE_LEN)
		queue->overflow = true;
	else
		queue->ring[(queue->first + queue->count++) % QUEUE_LEN] = *notice;
	pthread_mutex_unlock(&queue->mutex);
	queue->wake(queue->arg);
}

void
notice_nudge(struct notice_queue *queue)
{
	queue->wake(queue->arg);
}

bool
notice_pop(struct notice_queue *queue, struct notice *ret_notice, bool *ret_overflow)
{
	bool any;

	pthread_mutex_lock(&queue->mutex);
	any = queue->count > 0;
	if (any) {
		*ret_notice = queue->ring[queue->first];
		queue->first = (queue->first + 1) % QUEUE_LEN;
		queue->count--;
	}
	*ret_overflow = queue->overflow;
	queue->overflow = false;
	pthread_mutex_unlock(&queue->mutex);
	return any;
}
