/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/keygen.h - a key pair made on a thread of its own
 *
 * RSA keys take from a tenth of a second to many seconds, and whoever needs one has others to serve
 * meanwhile. Threads: one that starts, asks and frees.
 */
#ifndef DAEMON_KEYGEN_H
#define DAEMON_KEYGEN_H

#include <openssl/types.h>
#include <stdbool.h>

#include "acme/key.h"
#include "base/err.h"

struct keygen;

/* WAKE(ARG) is called from the other thread when the key is there, or could not be made. */
MUST_CHECK enum err keygen_start(enum key_kind kind, void (*wake)(void *arg), void *arg,
                                 struct keygen **ret_keygen);
/* Whether it has ended; *RET_KEY is then the key, which the caller releases, or NULL. Once. */
bool keygen_take(struct keygen *keygen, EVP_PKEY **ret_key);
/* Accepts NULL; waits for a key that is being made. */
void keygen_free(struct keygen *keygen);

#endif
