/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/keygen.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct keygen {
	pthread_t thread;
	enum key_kind kind;
	void (*wake)(void *arg);
	void *arg;
	EVP_PKEY *key;
	_Atomic bool done; /* `key` is not touched by the thread any more */
};

static void *
make(void *arg)
{
	struct keygen *g = arg;

	if (key_new(g->kind, &g->key))
		g->key = NULL;
	atomic_store(&g->done, true);
	g->wake(g->arg);
	return NULL;
}

enum err
keygen_start(enum key_kind kind, void (*wake)(void *arg), void *arg, struct keygen **ret_keygen)
{
	struct keygen *g = calloc(1, sizeof(*g));

	if (!g)
		return ERR_NOMEM;
	*g = (struct keygen){.kind = kind, .wake = wake, .arg = arg};
	if (pthread_create(&g->thread, NULL, make, g) != 0) {
		free(g);
		return ERR_NOMEM;
	}
	*ret_keygen = g;
	return ERR_OK;
}

bool
keygen_take(struct keygen *g, EVP_PKEY **ret_key)
{
	if (!atomic_load(&g->done))
		return false;
	*ret_key = g->key;
	g->key = NULL;
	return true;
}

void
keygen_free(struct keygen *g)
{
	if (!g)
		return;
	pthread_join(g->thread, NULL);
	EVP_PKEY_free(g->key);
	free(g);
}
