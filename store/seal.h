/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/seal.h - records under AES-256-GCM
 *
 * A sealed record is: format u8 | nonce 12 | ciphertext | tag 16. Its additional data is
 * store id 16 | table word | 0 | key bytes | 0 | format: a record that was flipped, moved to
 * another key or table, or brought from another store does not open (ERR_CORRUPT). Nonces are
 * random (NIST SP 800-38D, 8.2.2): a store stays far below 2^32 records under one key. Threads: a
 * struct seal may be used by all threads of a process.
 */
#ifndef STORE_SEAL_H
#define STORE_SEAL_H

#include <stddef.h>

#include "base/err.h"

struct buf;
struct secret;
struct seal;
struct span;

enum { SEAL_ID_LEN = 16, SEAL_OVERHEAD = 1 + 12 + 16 };

/* Where a record lives; borrowed for the call. */
struct seal_place {
	const char *table;
	const void *key;
	size_t key_len;
	unsigned char format; /* version of the table's record layout */
};

MUST_CHECK enum err seal_new(const struct secret *master, const unsigned char id[SEAL_ID_LEN],
                             struct seal **ret_seal);
void seal_free(struct seal *seal);
/* Appends the sealed record to OUT. */
MUST_CHECK enum err seal_close(struct seal *seal, const struct seal_place *place, const void *plain,
                               size_t len, struct buf *out);
/* Replaces OUT by the plain record, wiped on growth and by buf_done(). PLACE.format is the newest
 * format the caller knows: ERR_VERSION when the record's is newer, else RET_FORMAT says which. */
MUST_CHECK enum err seal_open(struct seal *seal, const struct seal_place *place,
                              const struct span *sealed, struct buf *out,
                              unsigned char *ret_format);

#endif
