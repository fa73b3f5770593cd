/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/due.h - whose turn it is, when more names are due than their CA has room for
 *
 * The index gives the names that are due longest. Among DUE_LOOK of those, whoever has the least of
 * its certificate's life left goes first; a name without a certificate stands at a fifth: before
 * ordinary renewals, behind what is about to expire. What waits comes nearer to its end, and nobody
 * is passed over for good. Threads: the issuer's.
 */
#ifndef DAEMON_DUE_H
#define DAEMON_DUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"

struct store_txn;

enum {
	DUE_MAX = 1024,   /* names at once */
	DUE_LOOK = 256,   /* compared, at least */
	DUE_DAMAGED = 64, /* beyond ROOM: some may not be startable */
	DUE_NEW_PERMILLE = 200,
};

/* Up to DUE_MAX of CA's names that are due at NOW, of which ROOM can be started. */
MUST_CHECK enum err due_read(struct store_txn *txn, const char *ca, int64_t now, size_t room,
                             struct hostname names[DUE_MAX], size_t *ret_count);

#endif
