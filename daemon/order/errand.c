/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/errand.h"

#include <pthread.h>
#include <stdlib.h>

TAILQ_HEAD(errands, errand);

struct errand_queue {
	void (*wake)(void *arg);
	void *arg;
	pthread_mutex_t mutex; /* guards the lists */
	struct errands asked;
	struct errands ended;
};

void
errand_free(struct errand *e)
{
	if (!e)
		return;
	cJSON_Delete(e->said);
	free(e);
}

enum err
errand_queue_new(void (*wake)(void *arg), void *arg, struct errand_queue **ret_queue)
{
	struct errand_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return ERR_NOMEM;
	q->wake = wake;
	q->arg = arg;
	TAILQ_INIT(&q->asked);
	TAILQ_INIT(&q->ended);
	pthread_mutex_init(&q->mutex, NULL);
	*ret_queue = q;
	return ERR_OK;
}

static struct errand *
take(struct errand_queue *q, struct errands *list)
{
	struct errand *e;

	pthread_mutex_lock(&q->mutex);
	e = TAILQ_FIRST(list);
	if (e)
		TAILQ_REMOVE(list, e, link);
	pthread_mutex_unlock(&q->mutex);
	return e;
}

static void
put(struct errand_queue *q, struct errands *list, struct errand *e)
{
	pthread_mutex_lock(&q->mutex);
	TAILQ_INSERT_TAIL(list, e, link);
	pthread_mutex_unlock(&q->mutex);
}

void
errand_queue_free(struct errand_queue *q)
{
	struct errand *e;

	if (!q)
		return;
	while ((e = take(q, &q->asked)) || (e = take(q, &q->ended)))
		errand_free(e);
	pthread_mutex_destroy(&q->mutex);
	free(q);
}

void
errand_ask(struct errand_queue *q, struct errand *e)
{
	put(q, &q->asked, e);
}

void
errand_end(struct errand_queue *q, struct errand *e)
{
	put(q, &q->ended, e);
	q->wake(q->arg);
}

struct errand *
errand_next(struct errand_queue *q)
{
	return take(q, &q->asked);
}

struct errand *
errand_ended(struct errand_queue *q)
{
	return take(q, &q->ended);
}
