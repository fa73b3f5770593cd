/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/nonce.h - a small pool of anti-replay nonces (RFC 8555 6.5)
 *
 * Youngest first; the oldest leaves when it is full, and none is used past NONCE_AGE_MAX_MS, since
 * CAs forget them. Times are of clock_mono_ms(). An embedded value, zeroed before.
 */
#ifndef ACME_NONCE_H
#define ACME_NONCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { NONCE_MAX = 255, NONCE_POOL_MAX = 64, NONCE_AGE_MAX_MS = 10 * 60 * 1000 };

struct nonce_pool {
	size_t count;
	struct {
		int64_t at_ms;
		char text[NONCE_MAX + 1];
	} nonces[NONCE_POOL_MAX]; /* oldest first */
};

/* "" is ignored. */
void nonce_put(struct nonce_pool *pool, const char *nonce, int64_t now_ms);
/* ERR_NOTFOUND when there is none young enough. */
MUST_CHECK enum err nonce_take(struct nonce_pool *pool, int64_t now_ms,
                               char ret_nonce[NONCE_MAX + 1]);

#endif
