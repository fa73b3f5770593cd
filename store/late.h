/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/late.h - names whose renewal is late (environment private/)
 *
 * A name is there from the time that was told on (cert.renew_late) until it has another certificate
 * or goes; the number of records is how many are late. served/ is another environment, so who reads
 * the list holds each against its domain.
 */
#ifndef STORE_LATE_H
#define STORE_LATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"

struct store_txn;

struct late {
	struct hostname name;
	uint64_t generation; /* of the certificate that should have been replaced */
};

MUST_CHECK enum err late_put(struct store_txn *txn, const struct late *late);
/* ERR_OK also when there is none. */
MUST_CHECK enum err late_del(struct store_txn *txn, const struct hostname *name);
/* Up to LIMIT records behind AFTER (NULL: from the first), by name. */
MUST_CHECK enum err late_page(struct store_txn *txn, const struct hostname *after, size_t limit,
                              struct late *list, size_t *ret_count);
MUST_CHECK enum err late_count(struct store_txn *txn, uint64_t *ret_count);

#endif
