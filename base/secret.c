/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

void
secret_init(struct secret *s)
{
	*s = (struct secret){0};
}

enum err
secret_alloc(struct secret *s, size_t len)
{
	unsigned char *data = calloc(1, len ? len : 1);

	if (!data)
		return ERR_NOMEM;
	secret_done(s);
	s->data = data;
	s->len = len;
	return ERR_OK;
}

enum err
secret_set(struct secret *s, const void *data, size_t len)
{
	enum err err = secret_alloc(s, len);

	if (!err && len)
		memcpy(s->data, data, len);
	return err;
}

enum err
secret_copy(struct secret *to, const struct secret *from)
{
	return secret_set(to, from->data, from->len);
}

void
secret_take(struct secret *to, struct secret *from)
{
	secret_done(to);
	*to = *from;
	secret_init(from);
}

void
secret_done(struct secret *s)
{
	if (s->data)
		explicit_bzero(s->data, s->len);
	free(s->data);
	secret_init(s);
}
