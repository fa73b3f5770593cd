/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/meta.h - (inside store/) what an environment says about itself: format, id, data key
 *
 * Records are sealed with a random data key of the environment; the data key is sealed with the
 * master key. So a wrong master key shows at once, and a new one costs one record.
 */
#ifndef STORE_META_H
#define STORE_META_H

#include <stdbool.h>

#include "base/err.h"

struct env;
struct problem;
struct secret;

enum { STORE_FORMAT = 1 };

/* Opens ENV's tables and its seal; with CREATE, makes what is missing in one transaction. PATH is
 * for the sentence. ERR_NOTFOUND: nothing there yet; ERR_CRYPTO, ERR_VERSION, ERR_CORRUPT. */
MUST_CHECK enum err meta_open(struct env *env, bool create, const struct secret *master,
                              const char *path, struct problem *ret_why);

#endif
