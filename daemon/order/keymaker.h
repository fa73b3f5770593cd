/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/keymaker.h - a thread that makes RSA keys: 4096 bits take seconds, orders go on
 * meanwhile
 *
 * As many may be asked for as there are orders in work; they are made one after the other.
 * Threads: one that asks and takes; the other is this module's own.
 */
#ifndef DAEMON_ORDER_KEYMAKER_H
#define DAEMON_ORDER_KEYMAKER_H

#include <openssl/types.h>

#include "acme/key.h"
#include "base/err.h"

struct keymaker;

/* ON_KEY is called on the other thread whenever there is something to take. */
MUST_CHECK enum err keymaker_new(void (*on_key)(void *arg), void *arg,
                                 struct keymaker **ret_keymaker);
void keymaker_free(struct keymaker *k); /* accepts NULL; waits for the key in work */

/* A key of KIND for OWNER, who has asked for none yet. */
MUST_CHECK enum err keymaker_ask(struct keymaker *k, enum key_kind kind, void *owner);
/* The owner of a key that is there, NULL when there is none; *RET_KEY is the caller's, and NULL
 * when it could not be made. */
void *keymaker_take(struct keymaker *k, EVP_PKEY **ret_key);
/* OWNER wants none any more. */
void keymaker_cancel(struct keymaker *k, const void *owner);

#endif
