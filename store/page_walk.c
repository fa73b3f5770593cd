/* SPDX-License-Identifier: Apache-2.0 */
/* All pages of a file, from its roots down: each is what LMDB takes it for, and nobody else's. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "store/inside.h"
#include "store/page.h"

/* Places in a meta page, behind its header; a table's root, 48 bytes, is there twice and in each
 * record of the second: u32 unused, u16 flags, u16 depth, three counts of pages and one of records,
 * u64 the root's page. */
enum {
	META_FREE = 40,
	META_TABLES = 88,
	META_LAST = 136,
	META_TXN = 144,
	ROOT_SIZE = 48,
	ROOT_FLAGS = 4,
	ROOT_DEPTH = 6,
	ROOT_PAGE = 40,
	FREE_KEYS = 8, /* its flags: keys are numbers */
	METAS = 2,
	DEPTH_MAX = 32, /* of LMDB's cursors */
};

enum tree { TREE_FREE, TREE_TABLES, TREE_TABLE };

struct page_walk {
	const unsigned char *file;
	size_t len, page_size;
	uint64_t end;         /* behind the last page in use */
	unsigned char *taken; /* a bit for each */
	bool leaves;          /* the second time: those of tables */
	int64_t until;        /* clock_mono_ms() */
	bool late;
};

static bool
take(struct page_walk *w, uint64_t page)
{
	unsigned char bit = (unsigned char)(1u << page % 8);

	if (page < METAS || page >= w->end || (w->taken[page / 8] & bit))
		return false;
	w->taken[page / 8] |= bit;
	return true;
}

/* NULL: it is none of the file's, or says that it is another one. */
static const unsigned char *
page_of(const struct page_walk *w, uint64_t number)
{
	const unsigned char *page = w->file + number * w->page_size;

	if (number >= w->len / w->page_size || page_u64(page, 0) != number)
		return NULL;
	return page;
}

/* RET_VALUE: where it begins in memory. */
static bool
take_value(struct page_walk *w, const unsigned char *page, size_t i,
           const unsigned char **ret_value, size_t *ret_len)
{
	struct page_node n = page_node(page, i);
	size_t node = page_u16(page, PAGE_HEADER + 2 * i), pages;
	uint64_t first;

	*ret_value = page + n.value_at;
	*ret_len = n.value_len;
	if (!(n.flags & NODE_BIG))
		return true;
	first = page_u64(page, n.value_at);
	*ret_len = page_u16(page, node) | (size_t)page_u16(page, node + 2) << 16;
	page = page_of(w, first);
	if (!page || page_u16(page, 10) != PAGE_BIG)
		return false;
	pages = page_u16(page, 12) | (size_t)page_u16(page, 14) << 16;
	if (pages > w->len / w->page_size - first ||
	    PAGE_HEADER + *ret_len > pages * w->page_size) /* LMDB may leave more */
		return false;
	for (size_t p = 0; p < pages; p++)
		if (!take(w, first + p))
			return false;
	*ret_value = page + PAGE_HEADER;
	return true;
}

/* Free pages are nobody's. More room behind the numbers is possible. */
static bool
take_free(struct page_walk *w, const unsigned char *numbers, size_t len)
{
	uint64_t count = len >= sizeof(count) ? page_u64(numbers, 0) : UINT64_MAX;

	if (count >= len / sizeof(count))
		return false;
	for (uint64_t i = 1; i <= count; i++)
		if (!take(w, page_u64(numbers, i * sizeof(count))))
			return false;
	return true;
}

static bool walk_root(struct page_walk *w, const unsigned char *root, enum tree tree);

static bool
walk_leaf(struct page_walk *w, const unsigned char *page, enum tree tree)
{
	size_t len, count = page_nodes(page);
	const unsigned char *value;

	for (size_t i = 0; i < count; i++) {
		bool is_table = page_node(page, i).flags == NODE_TABLE;

		if (is_table != (tree == TREE_TABLES) || !take_value(w, page, i, &value, &len))
			return false;
		if (tree == TREE_TABLES && (len != ROOT_SIZE || !walk_root(w, value, TREE_TABLE)))
			return false;
		if (tree == TREE_FREE && !take_free(w, value, len))
			return false;
	}
	return true;
}

static bool
is_late(struct page_walk *w)
{
	w->late = w->late || clock_mono_ms() > w->until;
	return w->late;
}

/* LEVELS above the leaves' one. */
static bool
walk_page(struct page_walk *w, uint64_t number, unsigned levels, enum tree tree)
{
	bool is_leaf = levels == 0, is_first = !w->leaves;
	const unsigned char *page;

	if (is_first && !take(w, number))
		return false;
	if (tree == TREE_TABLE && ((is_leaf && is_first) || is_late(w)))
		return true;
	page = page_of(w, number);
	if (!page || !page_is_sound(page, w->page_size, is_leaf ? PAGE_LEAF : PAGE_BRANCH))
		return false;
	if (is_leaf)
		return walk_leaf(w, page, tree);
	for (size_t i = 0; i < page_nodes(page); i++)
		if (!walk_page(w, page_node(page, i).child, levels - 1, tree))
			return false;
	return page_nodes(page) > 0;
}

static bool
walk_root(struct page_walk *w, const unsigned char *root, enum tree tree)
{
	uint64_t number = page_u64(root, ROOT_PAGE);
	unsigned depth = page_u16(root, ROOT_DEPTH);

	if (page_u16(root, ROOT_FLAGS) != (tree == TREE_FREE ? FREE_KEYS : 0))
		return false;
	if (number == UINT64_MAX)
		return depth == 0;
	return depth > 0 && depth <= DEPTH_MAX && walk_page(w, number, depth - 1, tree);
}

/* The roots of TXN; NULL: it is not the newest any more. */
static const unsigned char *
meta_of(const struct page_walk *w, const struct store_txn *txn)
{
	for (size_t i = 0; i < METAS && (i + 1) * w->page_size <= w->len; i++)
		if (page_u64(w->file + i * w->page_size, META_TXN) == mdb_txn_id(txn->mdb))
			return w->file + i * w->page_size;
	return NULL;
}

static enum err
walk_file(struct page_walk *w, const struct store_txn *txn)
{
	unsigned char meta[META_TXN];
	const unsigned char *from = meta_of(w, txn);
	bool sound;

	if (!from)
		return ERR_AGAIN;
	memcpy(meta, from, sizeof(meta));
	w->end = page_u64(meta, META_LAST) + 1;
	w->taken = calloc(1, w->end / 8 + 1);
	if (!w->taken)
		return ERR_NOMEM;
	sound = walk_root(w, meta + META_TABLES, TREE_TABLES) &&
	        walk_root(w, meta + META_FREE, TREE_FREE);
	w->leaves = true;
	sound = sound && walk_root(w, meta + META_TABLES, TREE_TABLES);
	free(w->taken);
	return !sound ? ERR_CORRUPT : w->late ? ERR_AGAIN : ERR_OK;
}

enum err
store_check_pages(struct store *store, enum store_env which, int budget_ms)
{
	struct env *env = &store->env[which];
	struct page_walk w = {.page_size = env->page_size, .until = clock_mono_ms() + budget_ms};
	struct store_txn *txn;
	struct stat st;
	enum err err = store_begin_read(store, which, &txn);
	void *map = MAP_FAILED;
	int fd;

	if (err)
		return err;
	if (!mdb_env_get_fd(env->mdb, &fd) && !fstat(fd, &st) && st.st_size > 0) {
		w.len = (size_t)st.st_size;
		map = mmap(NULL, w.len, PROT_READ, MAP_SHARED, fd, 0);
	}
	if (map == MAP_FAILED) {
		err = ERR_NOMEM;
	} else {
		w.file = map;
		err = walk_file(&w, txn);
		munmap(map, w.len);
	}
	store_abort(txn);
	return err;
}
