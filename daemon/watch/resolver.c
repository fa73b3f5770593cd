/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch/resolver.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <utlist.h>

struct question {
	struct question *prev, *next;
	char host[HOSTNAME_MAX + 1];
	struct resolver_answer answer;
};

/* Freed by whoever leaves last: a thread may still be inside getaddrinfo() when its owner goes. */
struct resolver {
	void (*done)(void *arg);
	void *arg;
	pthread_t threads[RESOLVER_THREADS];
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t wake;
	bool stop;
	unsigned users; /* threads, and the owner */
	struct question *asked;
	struct question *answered;
};

static void
free_all(struct question **list)
{
	struct question *q, *next;

	DL_FOREACH_SAFE(*list, q, next)
	{
		DL_DELETE(*list, q);
		free(q);
	}
}

/* The mutex is held, and released here. */
static void
leave(struct resolver *r)
{
	bool last = --r->users == 0;

	pthread_mutex_unlock(&r->mutex);
	if (!last)
		return;
	free_all(&r->asked);
	free_all(&r->answered);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->mutex);
	free(r);
}

static void
look_up(struct question *q)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct resolver_answer *answer = &q->answer;
	struct addrinfo *list = NULL;

	answer->error = getaddrinfo(q->host, NULL, &hints, &list);
	for (struct addrinfo *a = answer->error ? NULL : list; a; a = a->ai_next) {
		struct conf_address *address = &answer->addresses[answer->count];

		if (answer->count == SERVERS_ADDRESSES)
			break;
		if (a->ai_family != AF_INET && a->ai_family != AF_INET6)
			continue;
		memcpy(&address->sa, a->ai_addr, a->ai_addrlen);
		address->len = a->ai_addrlen;
		answer->count++;
	}
	if (!answer->error && answer->count == 0)
		answer->error = EAI_NONAME;
	if (list)
		freeaddrinfo(list);
}

static void *
resolver_main(void *arg)
{
	struct resolver *r = arg;

	pthread_mutex_lock(&r->mutex);
	while (!r->stop) {
		struct question *q = r->asked;

		if (!q) {
			pthread_cond_wait(&r->wake, &r->mutex);
			continue;
		}
		DL_DELETE(r->asked, q);
		pthread_mutex_unlock(&r->mutex);
		look_up(q);
		pthread_mutex_lock(&r->mutex);
		DL_APPEND(r->answered, q);
		if (!r->stop)
			r->done(r->arg);
	}
	leave(r);
	return NULL;
}

enum err
resolver_new(void (*done)(void *arg), void *arg, struct resolver **ret_resolver)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r)
		return ERR_NOMEM;
	r->done = done;
	r->arg = arg;
	r->users = 1;
	pthread_mutex_init(&r->mutex, NULL);
	pthread_cond_init(&r->wake, NULL);
	for (unsigned i = 0; i < RESOLVER_THREADS; i++) {
		pthread_mutex_lock(&r->mutex);
		r->users++;
		pthread_mutex_unlock(&r->mutex);
		if (pthread_create(&r->threads[i], NULL, resolver_main, r) == 0)
			continue;
		r->threads[i] = 0;
		pthread_mutex_lock(&r->mutex);
		r->users--;
		pthread_mutex_unlock(&r->mutex);
		if (i > 0)
			break; /* fewer will do */
		resolver_free(r);
		return ERR_NOMEM;
	}
	*ret_resolver = r;
	return ERR_OK;
}

/* Those that wait for a name server are left alone after a while. */
void
resolver_free(struct resolver *resolver)
{
	pthread_t threads[RESOLVER_THREADS];
	struct timespec until;
	unsigned count = 0;

	if (!resolver)
		return;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += RESOLVER_STOP_MS / 1000;
	pthread_mutex_lock(&resolver->mutex);
	resolver->stop = true;
	memcpy(threads, resolver->threads, sizeof(threads));
	while (count < RESOLVER_THREADS && threads[count])
		count++;
	pthread_cond_broadcast(&resolver->wake);
	leave(resolver);
	for (unsigned i = 0; i < count; i++)
		if (pthread_timedjoin_np(threads[i], NULL, &until) != 0)
			pthread_detach(threads[i]);
}

enum err
resolver_ask(struct resolver *resolver, const char *host, uint64_t number)
{
	size_t len = strlen(host);
	struct question *q;

	if (len > HOSTNAME_MAX)
		return ERR_TOOBIG;
	q = calloc(1, sizeof(*q));
	if (!q)
		return ERR_NOMEM;
	memcpy(q->host, host, len);
	q->answer.number = number;
	pthread_mutex_lock(&resolver->mutex);
	DL_APPEND(resolver->asked, q);
	pthread_cond_signal(&resolver->wake);
	pthread_mutex_unlock(&resolver->mutex);
	return ERR_OK;
}

bool
resolver_next(struct resolver *resolver, struct resolver_answer *ret_answer)
{
	struct question *q;

	pthread_mutex_lock(&resolver->mutex);
	q = resolver->answered;
	if (q)
		DL_DELETE(resolver->answered, q);
	pthread_mutex_unlock(&resolver->mutex);
	if (!q)
		return false;
	*ret_answer = q->answer;
	free(q);
	return true;
}
