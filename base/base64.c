/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <stdint.h>

enum { BAD = 0xff, BLANK = 0xfe, PAD = 0xfd };

/* Without a table: these bytes are often keys, and a look-up would leave their traces in the cache.
 */
static uint8_t
value_of(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint8_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint8_t)(c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0' + 52);
	switch (c) {
	case '+':
		return 62;
	case '/':
		return 63;
	case '=':
		return PAD;
	case ' ':
	case '\t':
	case '\r':
	case '\n':
		return BLANK;
	default:
		return BAD;
	}
}

enum err
base64_decode(const char *text, size_t len, struct buf *out)
{
	uint32_t bits = 0;
	unsigned have = 0, pads = 0;

	if (!buf_reserve(out, len / 4 * 3 + 3))
		return ERR_NOMEM;
	for (size_t i = 0; i < len; i++) {
		uint8_t v = value_of((unsigned char)text[i]);

		if (v == BLANK)
			continue;
		if (v == PAD) {
			pads++;
			continue;
		}
		if (v == BAD || pads)
			return ERR_INVALID;
		bits = bits << 6 | v;
		if (++have < 4)
			continue;
		out->data[out->len++] = (unsigned char)(bits >> 16);
		out->data[out->len++] = (unsigned char)(bits >> 8);
		out->data[out->len++] = (unsigned char)bits;
		bits = have = 0;
	}
	if (have == 1 || pads != (have ? 4 - have : 0) || (have && bits & (have == 2 ? 0xf : 3)))
		return ERR_INVALID;
	if (have)
		out->data[out->len++] = (unsigned char)(have == 2 ? bits >> 4 : bits >> 10);
	if (have == 3)
		out->data[out->len++] = (unsigned char)(bits >> 2);
	return ERR_OK;
}
