/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/keymaker.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

/* In the list of what is wanted, or of what is there. The one in work stays in `wanted`, its owner
 * NULL when he is gone. */
struct wish {
	TAILQ_ENTRY(wish) link;
	enum key_kind kind;
	void *owner;
	EVP_PKEY *key;
};
TAILQ_HEAD(wishes, wish);

struct keymaker {
	void (*on_key)(void *arg);
	void *arg;
	pthread_t thread;

	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t changed;
	bool stop;
	struct wish *making;
	struct wishes wanted;
	struct wishes made;
};

static void
wish_free(struct wish *wish)
{
	EVP_PKEY_free(wish->key);
	free(wish);
}

/* Under the mutex, but for the time that it takes. */
static void
make(struct keymaker *k, struct wish *wish)
{
	EVP_PKEY *key = NULL;

	k->making = wish;
	pthread_mutex_unlock(&k->mutex);
	if (key_new(wish->kind, &key))
		key = NULL;
	pthread_mutex_lock(&k->mutex);
	k->making = NULL;
	wish->key = key;
	TAILQ_REMOVE(&k->wanted, wish, link);
	if (wish->owner)
		TAILQ_INSERT_TAIL(&k->made, wish, link);
	else
		wish_free(wish);
}

static void *
keymaker_main(void *arg)
{
	struct keymaker *k = arg;

	pthread_mutex_lock(&k->mutex);
	while (!k->stop) {
		if (TAILQ_EMPTY(&k->wanted)) {
			pthread_cond_wait(&k->changed, &k->mutex);
			continue;
		}
		make(k, TAILQ_FIRST(&k->wanted));
		pthread_mutex_unlock(&k->mutex);
		k->on_key(k->arg);
		pthread_mutex_lock(&k->mutex);
	}
	pthread_mutex_unlock(&k->mutex);
	return NULL;
}

enum err
keymaker_new(void (*on_key)(void *arg), void *arg, struct keymaker **ret_keymaker)
{
	struct keymaker *k = calloc(1, sizeof(*k));

	if (!k)
		return ERR_NOMEM;
	k->on_key = on_key;
	k->arg = arg;
	TAILQ_INIT(&k->wanted);
	TAILQ_INIT(&k->made);
	pthread_mutex_init(&k->mutex, NULL);
	pthread_cond_init(&k->changed, NULL);
	if (pthread_create(&k->thread, NULL, keymaker_main, k) != 0) {
		pthread_cond_destroy(&k->changed);
		pthread_mutex_destroy(&k->mutex);
		free(k);
		return ERR_NOMEM;
	}
	*ret_keymaker = k;
	return ERR_OK;
}

static void
free_all(struct wishes *list)
{
	struct wish *wish;

	while ((wish = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, wish, link);
		wish_free(wish);
	}
}

void
keymaker_free(struct keymaker *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->mutex);
	k->stop = true;
	pthread_cond_signal(&k->changed);
	pthread_mutex_unlock(&k->mutex);
	pthread_join(k->thread, NULL);
	free_all(&k->wanted);
	free_all(&k->made);
	pthread_cond_destroy(&k->changed);
	pthread_mutex_destroy(&k->mutex);
	free(k);
}

enum err
keymaker_ask(struct keymaker *k, enum key_kind kind, void *owner)
{
	struct wish *wish = calloc(1, sizeof(*wish));

	if (!wish)
		return ERR_NOMEM;
	wish->kind = kind;
	wish->owner = owner;
	pthread_mutex_lock(&k->mutex);
	TAILQ_INSERT_TAIL(&k->wanted, wish, link);
	pthread_cond_signal(&k->changed);
	pthread_mutex_unlock(&k->mutex);
	return ERR_OK;
}

void *
keymaker_take(struct keymaker *k, EVP_PKEY **ret_key)
{
	struct wish *wish;
	void *owner = NULL;

	pthread_mutex_lock(&k->mutex);
	wish = TAILQ_FIRST(&k->made);
	if (wish)
		TAILQ_REMOVE(&k->made, wish, link);
	pthread_mutex_unlock(&k->mutex);
	if (!wish)
		return NULL;
	owner = wish->owner;
	*ret_key = wish->key;
	free(wish);
	return owner;
}

static void
drop(struct keymaker *k, struct wishes *list, const void *owner)
{
	struct wish *wish, *next;

	for (wish = TAILQ_FIRST(list); wish; wish = next) {
		next = TAILQ_NEXT(wish, link);
		if (wish->owner != owner)
			continue;
		wish->owner = NULL;
		if (wish == k->making)
			continue;
		TAILQ_REMOVE(list, wish, link);
		wish_free(wish);
	}
}

void
keymaker_cancel(struct keymaker *k, const void *owner)
{
	pthread_mutex_lock(&k->mutex);
	drop(k, &k->wanted, owner);
	drop(k, &k->made, owner);
	pthread_mutex_unlock(&k->mutex);
}
