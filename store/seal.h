/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/seal.h - records under AES-256-GCM
 *
 * A sealed record is: format u8 | key id u16 | revision u64 | nonce 12 | ciphertext | tag 16;
 * format 1 has no key id (it is 1) and no revision (0). Its additional data is store id 16 | table
 * word | 0 | key bytes | 0 | format | key id | revision: a record that was flipped, moved to
 * another key or table, or brought from another store does not open (ERR_CORRUPT). Nonces are
 * random (NIST SP 800-38D, 8.2.2): a store stays far below 2^32 records under one key. Threads: a
 * struct seal may be used by all threads of a process.
 */
#ifndef STORE_SEAL_H
#define STORE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct buf;
struct secret;
struct seal;
struct span;

enum {
	SEAL_ID_LEN = 16,
	SEAL_OVERHEAD_1 = 1 + 12 + 16,
	SEAL_OVERHEAD = SEAL_OVERHEAD_1 + 2 + 8,
	SEAL_KEYS_MAX = 4, /* opening; the oldest goes */
};

/* Where a record lives; borrowed for the call. */
struct seal_place {
	const char *table;
	const void *key;
	size_t key_len;
	unsigned char format; /* version of the table's record layout */
	uint64_t revision;    /* to be written; unused with format 1 */
};

/* What a record says of itself. */
struct seal_head {
	unsigned char format;
	uint16_t key_id;
	uint64_t revision;
};

/* With one key, for opening and closing. */
MUST_CHECK enum err seal_new(const struct secret *key, uint16_t key_id,
                             const unsigned char id[SEAL_ID_LEN], struct seal **ret_seal);
void seal_free(struct seal *seal);
/* Another key to open with; ERR_OK also when it is there. */
MUST_CHECK enum err seal_add(struct seal *seal, uint16_t key_id, const struct secret *key);
/* The key to close with from now on, one that was added. */
void seal_use(struct seal *seal, uint16_t key_id);
uint16_t seal_used(struct seal *seal);
bool seal_has(struct seal *seal, uint16_t key_id);

/* A new random key. */
MUST_CHECK enum err seal_random(struct secret *ret_key);
/* The key that MASTER gives the store of ID to seal its data keys with (HMAC-SHA256). */
MUST_CHECK enum err seal_derive(const struct secret *master, const unsigned char id[SEAL_ID_LEN],
                                struct secret *ret_key);

/* Appends the sealed record to OUT. */
MUST_CHECK enum err seal_close(struct seal *seal, const struct seal_place *place, const void *plain,
                               size_t len, struct buf *out);
/* Reads what stands in front of a record, which may be damaged. ERR_CORRUPT: too short. */
MUST_CHECK enum err seal_peek(const struct span *sealed, struct seal_head *ret_head);
/* Replaces OUT by the plain record, wiped on growth and by buf_done(). PLACE.format is the newest
 * format the caller knows: ERR_VERSION when the record's is newer, else RET_HEAD says which.
 * ERR_AGAIN: its key is not known here. ERR_CRYPTO: the library failed, which says nothing of the
 * record. */
MUST_CHECK enum err seal_open(struct seal *seal, const struct seal_place *place,
                              const struct span *sealed, struct buf *out,
                              struct seal_head *ret_head);

#endif
