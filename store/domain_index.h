/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/domain_index.h - (inside store/) what is derived from domain records: due index, counters
 *
 * Plain tables: they can be rebuilt from the records, and a flipped bit in one must not stop a put.
 */
#ifndef STORE_DOMAIN_INDEX_H
#define STORE_DOMAIN_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"
#include "base/hostname.h"
#include "store/domain.h"

struct store_txn;

enum {
	DUE_KEY_MAX = NAME_WORD_MAX + 1 + 8 + HOSTNAME_MAX,
	COUNT_KEY_MAX = 8 + NAME_WORD_MAX + 1,
	COUNTS_PER_DOMAIN = 3, /* its state, its ca, its backend */
};

/* ca word | 0 | due_at u64 big-endian | name: byte order is (ca, due_at, name). */
struct due_key {
	size_t len;
	unsigned char data[DUE_KEY_MAX];
};
void due_key_make(struct due_key *key, const char *ca, int64_t due_at, const struct hostname *name);

/* "state" | 0 | word, "ca" | 0 | word, "backend" | 0 | word. */
struct count_key {
	size_t len;
	char data[COUNT_KEY_MAX];
};
void count_key_make(struct count_key *key, const char *kind, const char *word);
/* The counters DOMAIN is counted in. */
void count_keys_of(const struct domain *domain, struct count_key keys[COUNTS_PER_DOMAIN]);
MUST_CHECK enum err count_decode(struct span value, uint64_t *ret_count);

/* Brings both tables from BEFORE (NULL: there was none) to AFTER (NULL: there is none any more). */
MUST_CHECK enum err domain_index(struct store_txn *txn, const struct domain *before,
                                 const struct domain *after);

#endif
