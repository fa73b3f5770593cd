/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

size_t
utf8_char(const void *p, size_t left, uint32_t *ret_char)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *b = p;
	size_t n = left == 0 || b[0] < 0x80 ? 1 : b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
	uint32_t c;

	if (left < n || (b[0] >= 0x80 && (b[0] < 0xc2 || b[0] > 0xf4)))
		return 0;
	c = n == 1 ? b[0] : b[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (b[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret_char = c;
	return n;
}

void
utf8_mend(void *text, size_t len)
{
	unsigned char *p = text, *end = p + len;
	uint32_t c;

	while (p < end) {
		size_t n = utf8_char(p, (size_t)(end - p), &c);

		if (!n)
			*p = '?';
		p += n ? n : 1;
	}
}
