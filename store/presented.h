/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/presented.h - DNS records that we have set, or are about to (environment private/)
 *
 * A record is written before the DNS record is, and removed after that one is gone, so no kill
 * leaves one behind that nobody knows of. Keyed by the name whose order it is for, and the value.
 */
#ifndef STORE_PRESENTED_H
#define STORE_PRESENTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"
#include "store/challenge.h"
#include "store/domain.h"

struct store_txn;

enum { PRESENTED_VALUE_MAX = 63 };

struct presented {
	struct hostname name;       /* whose order */
	struct hostname identifier; /* what the challenge proves, one of the order's names */
	enum challenge_kind kind;
	char dns[NAME_WORD_MAX + 1];         /* the block of the configuration that sets it */
	char record[HOSTNAME_MAX + 1];       /* "_acme-challenge.example.org" */
	char value[PRESENTED_VALUE_MAX + 1]; /* of the TXT record */
	int64_t created_at;                  /* unix seconds */
};

MUST_CHECK enum err presented_put(struct store_txn *txn, const struct presented *presented);
/* ERR_OK also when there is none. */
MUST_CHECK enum err presented_del(struct store_txn *txn, const struct presented *presented);
bool presented_same(const struct presented *a, const struct presented *b); /* the same key */
/* Up to LIMIT records behind AFTER (NULL: from the first), in the order of their keys. */
MUST_CHECK enum err presented_page(struct store_txn *txn, const struct presented *after,
                                   size_t limit, struct presented *list, size_t *ret_count);

#endif
