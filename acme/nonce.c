/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/nonce.h"

#include <string.h>

void
nonce_put(struct nonce_pool *pool, const char *nonce, int64_t now_ms)
{
	size_t len = strlen(nonce);

	if (len == 0 || len > NONCE_MAX)
		return;
	if (pool->count == NONCE_POOL_MAX)
		memmove(&pool->nonces[0], &pool->nonces[1],
		        --pool->count * sizeof(pool->nonces[0]));
	pool->nonces[pool->count].at_ms = now_ms;
	memcpy(pool->nonces[pool->count].text, nonce, len + 1);
	pool->count++;
}

enum err
nonce_take(struct nonce_pool *pool, int64_t now_ms, char ret_nonce[NONCE_MAX + 1])
{
	if (!pool->count)
		return ERR_NOTFOUND;
	pool->count--;
	if (now_ms - pool->nonces[pool->count].at_ms > NONCE_AGE_MAX_MS) {
		pool->count = 0; /* the others are older still */
		return ERR_NOTFOUND;
	}
	strcpy(ret_nonce, pool->nonces[pool->count].text);
	return ERR_OK;
}
