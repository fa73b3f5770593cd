/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pace.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { SECOND_MS = 1000, AT_ONCE_MS = 100 };

/* A request costs `period` in ms, each ms brings `count`. */
struct bucket {
	struct pace_rate rate;
	int64_t level;
	int64_t at_ms;
	int64_t held_until;
};

struct pace {
	LIST_ENTRY(pace) link;
	char *directory;
	unsigned users;
	struct bucket buckets[PACE_ENDPOINTS];
};

/* Guards the list and all that is in it. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, pace) paces = LIST_HEAD_INITIALIZER(paces);

static const char *const words[PACE_ENDPOINTS] = {
	[PACE_DIRECTORY] = "directory",
	[PACE_NEW_NONCE] = "new-nonce",
	[PACE_NEW_ACCOUNT] = "new-account",
	[PACE_NEW_ORDER] = "new-order",
	[PACE_REVOKE] = "revoke",
	[PACE_RENEWAL_INFO] = "renewal-info",
	[PACE_OTHER] = "other",
};

const char *
pace_word(enum pace_endpoint endpoint)
{
	return words[endpoint];
}

/* ---- which one ------------------------------------------------------------------------------ */

static struct pace *
find(const char *directory)
{
	struct pace *p;

	LIST_FOREACH(p, &paces, link)
	{
		if (strcmp(p->directory, directory) == 0)
			return p;
	}
	return NULL;
}

static struct pace *
add(const char *directory)
{
	struct pace *p = calloc(1, sizeof(*p));
	char *copy = strdup(directory);

	if (!p || !copy) {
		free(copy);
		free(p);
		return NULL;
	}
	p->directory = copy;
	LIST_INSERT_HEAD(&paces, p, link);
	return p;
}

enum err
pace_open(const char *directory, struct pace **ret_pace)
{
	struct pace *p;

	pthread_mutex_lock(&mutex);
	p = find(directory);
	if (!p)
		p = add(directory);
	if (p)
		p->users++;
	pthread_mutex_unlock(&mutex);
	if (!p)
		return ERR_NOMEM;
	*ret_pace = p;
	return ERR_OK;
}

void
pace_close(struct pace *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&mutex);
	if (--p->users == 0) {
		LIST_REMOVE(p, link);
		free(p->directory);
		free(p);
	}
	pthread_mutex_unlock(&mutex);
}

/* ---- tokens --------------------------------------------------------------------------------- */

static int64_t
cost(const struct bucket *b)
{
	return (int64_t)b->rate.period * SECOND_MS;
}

static int64_t
full(const struct bucket *b)
{
	int64_t most = (int64_t)b->rate.count * AT_ONCE_MS;

	return most > cost(b) ? most : cost(b);
}

static void
fill(struct bucket *b, int64_t now_ms)
{
	int64_t elapsed = now_ms - b->at_ms;

	if (elapsed <= 0)
		return;
	b->at_ms = now_ms;
	if (elapsed >= (full(b) - b->level) / b->rate.count + 1)
		b->level = full(b);
	else
		b->level += elapsed * b->rate.count;
}

void
pace_set(struct pace *p, const struct pace_rate rates[PACE_ENDPOINTS])
{
	if (!p)
		return;
	pthread_mutex_lock(&mutex);
	for (enum pace_endpoint e = 0; e < PACE_ENDPOINTS; e++) {
		struct bucket *b = &p->buckets[e];

		if (b->rate.count == rates[e].count && b->rate.period == rates[e].period)
			continue;
		b->rate = rates[e];
		b->level = full(b);
	}
	pthread_mutex_unlock(&mutex);
}

static int64_t
next_of(struct bucket *b, int64_t now_ms)
{
	int64_t next = now_ms;

	if (b->rate.count) {
		fill(b, now_ms);
		if (b->level < cost(b))
			next += (cost(b) - b->level + b->rate.count - 1) / b->rate.count;
	}
	return next > b->held_until ? next : b->held_until;
}

int64_t
pace_next(struct pace *p, enum pace_endpoint endpoint, int64_t now_ms)
{
	int64_t next;

	if (!p)
		return now_ms;
	pthread_mutex_lock(&mutex);
	next = next_of(&p->buckets[endpoint], now_ms);
	pthread_mutex_unlock(&mutex);
	return next;
}

void
pace_take(struct pace *p, enum pace_endpoint endpoint, int64_t now_ms)
{
	struct bucket *b = p ? &p->buckets[endpoint] : NULL;

	if (!b)
		return;
	pthread_mutex_lock(&mutex);
	if (b->rate.count) {
		fill(b, now_ms);
		b->level -= cost(b); /* two threads may both have seen the last one: a debt */
	}
	pthread_mutex_unlock(&mutex);
}

bool
pace_hold(struct pace *p, enum pace_endpoint endpoint, int64_t until_ms, int64_t now_ms)
{
	struct bucket *b = p ? &p->buckets[endpoint] : NULL;
	bool first;

	if (!b)
		return true;
	pthread_mutex_lock(&mutex);
	first = b->held_until <= now_ms;
	if (until_ms > b->held_until)
		b->held_until = until_ms;
	pthread_mutex_unlock(&mutex);
	return first;
}

struct pace_room
pace_look(struct pace *p, enum pace_endpoint endpoint, int64_t now_ms)
{
	struct pace_room room = {.left = 0};
	struct bucket *b = p ? &p->buckets[endpoint] : NULL;

	if (!b)
		return room;
	pthread_mutex_lock(&mutex);
	room.rate = b->rate;
	if (b->held_until > now_ms)
		room.held_until = b->held_until;
	if (b->rate.count) {
		fill(b, now_ms);
		if (b->level >= cost(b) && !room.held_until)
			room.left = (uint32_t)(b->level / cost(b));
	}
	pthread_mutex_unlock(&mutex);
	return room;
}
