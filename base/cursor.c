/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"

#include <endian.h>
#include <string.h>

void
cursor_init(struct cursor *c, const void *data, size_t len)
{
	*c = (struct cursor){.at = data, .left = len};
}

struct span
cursor_bytes(struct cursor *c, size_t len)
{
	struct span s = {c->at, len};

	if (c->bad || len > c->left) {
		c->bad = true;
		return (struct span){NULL, 0};
	}
	c->at += len;
	c->left -= len;
	return s;
}

uint8_t
cursor_u8(struct cursor *c)
{
	struct span s = cursor_bytes(c, 1);

	return s.data ? s.data[0] : 0;
}

uint16_t
cursor_u16(struct cursor *c)
{
	struct span s = cursor_bytes(c, 2);

	return s.data ? (uint16_t)(s.data[0] | s.data[1] << 8) : 0;
}

uint16_t
cursor_u16be(struct cursor *c)
{
	struct span s = cursor_bytes(c, 2);

	return s.data ? (uint16_t)(s.data[0] << 8 | s.data[1]) : 0;
}

uint32_t
cursor_u32(struct cursor *c)
{
	struct span s = cursor_bytes(c, 4);
	uint32_t v = 0;

	if (s.data)
		memcpy(&v, s.data, sizeof(v));
	return le32toh(v);
}

uint64_t
cursor_u64(struct cursor *c)
{
	struct span s = cursor_bytes(c, 8);
	uint64_t v = 0;

	if (s.data)
		memcpy(&v, s.data, sizeof(v));
	return le64toh(v);
}

struct span
cursor_bytes16(struct cursor *c)
{
	return cursor_bytes(c, cursor_u16(c));
}

struct span
cursor_bytes32(struct cursor *c)
{
	return cursor_bytes(c, cursor_u32(c));
}

void
cursor_text16(struct cursor *c, char *dst, size_t size)
{
	struct span s = cursor_bytes16(c);

	if (s.len >= size || (s.len && memchr(s.data, 0, s.len))) {
		c->bad = true;
		s.len = 0;
	}
	if (s.len)
		memcpy(dst, s.data, s.len);
	dst[s.len] = '\0';
}

bool
cursor_end(const struct cursor *c)
{
	return !c->bad && c->left == 0;
}
