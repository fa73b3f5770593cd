/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/page.h - (inside store/) the pages of a file as LMDB 0.9 lays them out, for who does not
 * believe them
 *
 * LMDB has no checksums and believes its pages: it searches in damaged ones within bounds, mostly,
 * but who removes from or splits one whose sizes were flipped writes beyond the heap's copy of it.
 *
 * A page has a header of 16 bytes: its number u64, u16 unused, u16 flags, then u16 lower, u16 upper
 * or, where a value of more than half a page begins, u32 number of its pages. Up to lower u16
 * places of nodes, from upper to the end the nodes, each an even number of bytes: u32 size of the
 * value (low half first), u16 flags, u16 size of the key, key, value or the number of the value's
 * page. In a branch size and flags are a page's number of 48 bits. All in the host's byte order,
 * which is little-endian or the store could not be read.
 */
#ifndef STORE_PAGE_H
#define STORE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	PAGE_BRANCH = 1,
	PAGE_LEAF = 2,
	PAGE_BIG = 4,
	PAGE_DIRTY = 16, /* in a writer's memory */
	PAGE_HEADER = 16,
	PAGE_KEY_MAX = 511, /* LMDB copies keys into buffers of this size */
	NODE_HEADER = 8,
	NODE_BIG = 1,   /* its value has pages of its own */
	NODE_TABLE = 2, /* its value is a table's root */
};

static inline uint16_t
page_u16(const unsigned char *page, size_t at)
{
	uint16_t v;

	memcpy(&v, page + at, sizeof(v));
	return v;
}

static inline uint64_t
page_u64(const unsigned char *page, size_t at)
{
	uint64_t v;

	memcpy(&v, page + at, sizeof(v));
	return v;
}

struct page_node {
	uint16_t flags;
	size_t key_len;
	size_t value_at, value_len; /* in the page, a big one's number of its page included */
	uint64_t child;             /* of a branch */
};

static inline size_t
page_nodes(const unsigned char *page)
{
	return (page_u16(page, 12) - PAGE_HEADER) / 2u;
}

/* Of a sound page. */
struct page_node page_node(const unsigned char *page, size_t i);
/* Whether PAGE is of KIND (PAGE_BRANCH, PAGE_LEAF) and filled exactly by its nodes, none of which
 * overlaps another or reaches beyond it. Its number is not looked at. */
bool page_is_sound(const unsigned char *page, size_t page_size, unsigned kind);

#endif
