/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/buf.h - growable bytes, and the writing half of our binary codec
 *
 * Appending never needs a check at each call: running out of memory (or over a length field) sets
 * `failed`, later appends do nothing, and the end asks buf_ok(). Integers are little-endian.
 * Ownership: an embedded struct; buf_init() (or zeroing) before, buf_done() after.
 * Secrets:   buf_wipe() instead of buf_done(); a buf marked `secret` wipes what it leaves on
 * growth and what it drops.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct buf {
	unsigned char *data; /* NULL while empty; not terminated, see buf_str() */
	size_t len;
	size_t cap;
	bool failed;
	bool secret;
};

void buf_init(struct buf *b);
void buf_done(struct buf *b);
void buf_wipe(struct buf *b);
/* Keeps the memory, forgets the content and the failure. */
void buf_reset(struct buf *b);
/* Moves the content of FROM (left empty) to TO, whose own content is released first. */
void buf_take(struct buf *to, struct buf *from);

bool buf_ok(const struct buf *b);
/* The content with a NUL behind it (not counted in len), or NULL when the buf has failed. */
const char *buf_str(struct buf *b);

/* Makes room for EXTRA bytes behind len; false (and failed) when there is no memory. */
bool buf_reserve(struct buf *b, size_t extra);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_str(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
/* Drops the first LEN bytes. */
void buf_eat(struct buf *b, size_t len);

void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
/* Length-prefixed bytes: a u16 or u32 length, then the bytes; fails when they do not fit. */
void buf_bytes16(struct buf *b, const void *data, size_t len);
void buf_bytes32(struct buf *b, const void *data, size_t len);

#endif
