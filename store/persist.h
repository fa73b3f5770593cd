/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/persist.h - until when the DNS records of dns-persist-01 last (environment private/)
 *
 * There is a record for each name whose TXT record we have seen with a persistUntil: the one that
 * was seen last. It goes when one without an end is seen, or the name has gone.
 */
#ifndef STORE_PERSIST_H
#define STORE_PERSIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"

struct store_txn;

struct persist {
	struct hostname name;          /* that is proven */
	char record[HOSTNAME_MAX + 1]; /* "_validation-persist.example.org" */
	int64_t ends_at;               /* unix seconds: persistUntil */
	int64_t seen_at;               /* unix seconds */
	bool told;                     /* that it ends soon */
};

MUST_CHECK enum err persist_put(struct store_txn *txn, const struct persist *persist);
MUST_CHECK enum err persist_get(struct store_txn *txn, const struct hostname *name,
                                struct persist *ret_persist);
/* ERR_OK also when there is none. */
MUST_CHECK enum err persist_del(struct store_txn *txn, const struct hostname *name);
/* Up to LIMIT records behind AFTER (NULL: from the first), in the order of their names. */
MUST_CHECK enum err persist_page(struct store_txn *txn, const struct hostname *after, size_t limit,
                                 struct persist *list, size_t *ret_count);

#endif
