/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/front/staple.h - OCSP answers in handshakes (RFC 6066 8) of certificates that name a
 * responder
 *
 * The keeper's stapler (daemon/watch/stapler.h) keeps store/ocsp.h up to date; a worker asks the
 * store when a client wants an answer, and gives it while it holds: one more lookup of some
 * microseconds, and none for certificates without a responder.
 */
#ifndef DAEMON_FRONT_STAPLE_H
#define DAEMON_FRONT_STAPLE_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"

struct cred;
struct hostname;
struct store;
struct store_txn;

/* With a new certificate, NAME's first or SECOND one, in its transaction: asks the responder at
 * once, if LEAF (DER) names one. */
MUST_CHECK enum err staple_plan(struct store_txn *txn, const struct hostname *name, bool second,
                                uint64_t generation, struct span leaf);
/* Puts what holds for CRED into SSL's answer; false: there is nothing. */
bool staple_attach(struct store *store, const struct cred *cred, SSL *ssl);

#endif
