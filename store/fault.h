/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/fault.h - what is wrong with names just now (environment private/)
 *
 * A name is there from the first fault that was found of it until the last one has healed, so each
 * is told once, also over restarts. What a bit means is the caller's (daemon/watch/auditor.h). An
 * operator may acknowledge what is open; that goes with the fault.
 */
#ifndef STORE_FAULT_H
#define STORE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"

struct store_txn;

enum { FAULT_WHY_MAX = 255 };

struct fault {
	struct hostname name;
	uint32_t open;               /* bits */
	uint32_t told;               /* those of them that were told by the name */
	bool asked;                  /* a new certificate was asked for */
	int64_t since;               /* unix seconds: when the first one was found */
	char why[FAULT_WHY_MAX + 1]; /* a sentence about the last one found; "": not known */
	uint32_t acked;              /* those of the open ones that were acknowledged */
	int64_t acked_at;            /* unix seconds, 0: none was */
	uint32_t acked_by;           /* the uid of who did it last */
};

/* ERR_INVALID: no bit is open. */
MUST_CHECK enum err fault_put(struct store_txn *txn, const struct fault *fault);
/* ERR_NOTFOUND; ERR_CORRUPT: as good as not found, to be put anew. */
MUST_CHECK enum err fault_get(struct store_txn *txn, const struct hostname *name,
                              struct fault *ret_fault);
/* ERR_OK also when there is none. */
MUST_CHECK enum err fault_del(struct store_txn *txn, const struct hostname *name);
/* Up to LIMIT names behind AFTER (NULL: from the first). */
MUST_CHECK enum err fault_page(struct store_txn *txn, const struct hostname *after, size_t limit,
                               struct hostname *names, size_t *ret_count);
MUST_CHECK enum err fault_count(struct store_txn *txn, uint64_t *ret_count);

#endif
