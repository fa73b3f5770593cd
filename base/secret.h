/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/secret.h - bytes that are wiped when released: private keys, the master key
 *
 * Ownership: an embedded struct; zeroed or secret_init() before, secret_done() after. Copying the
 * struct does not copy the bytes: use secret_copy() or secret_take().
 * A secret is never logged and never leaves the process except sealed (store/seal.h).
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

#include "base/err.h"

struct secret {
	unsigned char *data;
	size_t len;
};

void secret_init(struct secret *s);
/* LEN zero bytes to be filled by the caller; what S held before is wiped. */
MUST_CHECK enum err secret_alloc(struct secret *s, size_t len);
MUST_CHECK enum err secret_set(struct secret *s, const void *data, size_t len);
MUST_CHECK enum err secret_copy(struct secret *to, const struct secret *from);
void secret_take(struct secret *to, struct secret *from);
void secret_done(struct secret *s);

#endif
