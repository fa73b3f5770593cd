/* SPDX-License-Identifier: Apache-2.0 */
#include "store/page.h"

enum { PAGE_SIZE_MAX = 32768, NODE_BIG_VALUE = 8 };

static struct page_node
node_at(const unsigned char *page, size_t at)
{
	struct page_node n = {.flags = page_u16(page, at + 4), .key_len = page_u16(page, at + 6)};
	uint32_t low = page_u16(page, at) | (uint32_t)page_u16(page, at + 2) << 16;

	n.value_at = at + NODE_HEADER + n.key_len;
	if (page_u16(page, 10) & PAGE_BRANCH) {
		n.child = low | (uint64_t)n.flags << 32;
		n.flags = 0;
	} else {
		n.value_len = n.flags & NODE_BIG ? NODE_BIG_VALUE : low;
	}
	return n;
}

struct page_node
page_node(const unsigned char *page, size_t i)
{
	return node_at(page, page_u16(page, PAGE_HEADER + 2 * i));
}

/* The bytes of the node at AT; 0 when it cannot be one. Only a branch's first key may be empty. */
static size_t
node_size(const unsigned char *page, size_t at, size_t page_size, bool may_be_empty)
{
	struct page_node n;
	size_t size;

	if (at % 2 || at + NODE_HEADER > page_size)
		return 0;
	n = node_at(page, at);
	if (n.key_len > PAGE_KEY_MAX || (n.key_len == 0 && !may_be_empty) ||
	    n.flags > NODE_TABLE) /* never both */
		return 0;
	size = (n.value_at - at + n.value_len + 1) & ~(size_t)1;
	return size <= page_size - at ? size : 0;
}

bool
page_is_sound(const unsigned char *page, size_t page_size, unsigned kind)
{
	size_t lower = page_u16(page, 12), upper = page_u16(page, 14), sum = 0;
	unsigned char taken[PAGE_SIZE_MAX / 2] = {0}; /* two bytes each */

	if (page_u16(page, 10) != kind || lower < PAGE_HEADER || lower > upper || lower % 2 ||
	    upper > page_size || page_size > PAGE_SIZE_MAX)
		return false;
	for (size_t i = PAGE_HEADER; i < lower; i += 2) {
		size_t at = page_u16(page, i);
		bool may_be_empty = kind == PAGE_BRANCH && i == PAGE_HEADER;
		size_t size = at < upper ? 0 : node_size(page, at, page_size, may_be_empty);

		if (size == 0 || memchr(taken + at / 2, 1, size / 2))
			return false;
		memset(taken + at / 2, 1, size / 2);
		sum += size;
	}
	return sum == page_size - upper;
}
