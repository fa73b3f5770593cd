/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/cursor.h - bounds-checked reading of bytes we did not write a moment ago
 *
 * A read past the end yields zeros (or an empty span) and sets `bad`; later reads do the same. The
 * reader asks cursor_end() once, which is false after any bad read or when bytes are left over.
 * The writing half is base/buf.h. Integers: little-endian, except the ..be ones.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const unsigned char *at; /* borrowed from the caller of cursor_init() */
	size_t left;
	bool bad;
};

/* Borrowed bytes; they live as long as what the cursor reads. */
struct span {
	const unsigned char *data;
	size_t len;
};

void cursor_init(struct cursor *c, const void *data, size_t len);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint16_t cursor_u16be(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
struct span cursor_bytes(struct cursor *c, size_t len);
struct span cursor_bytes16(struct cursor *c);
struct span cursor_bytes32(struct cursor *c);
/* Copies a length-prefixed (u16) text into DST, terminated; bad when it does not fit or has a NUL.
 */
void cursor_text16(struct cursor *c, char *dst, size_t size);
/* True when nothing went wrong and nothing is left. */
bool cursor_end(const struct cursor *c);

#endif
