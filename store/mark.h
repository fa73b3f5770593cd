/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/mark.h - how far served/ had got, noted in private/
 *
 * A flip in LMDB's meta page, or in the record of a table's root, can make an older state of
 * served/, or an empty one, the current one, in which every record opens. So the keeper notes
 * revision and names of served/ in private/ (each minute, and at its end), and whoever opens the
 * store next compares. The note is always behind the commits it tells of.
 */
#ifndef STORE_MARK_H
#define STORE_MARK_H

#include <stdint.h>

#include "base/err.h"

struct store;

struct store_mark {
	uint64_t revision; /* change_last() */
	uint64_t names;
};

/* What served/ says of itself now. */
MUST_CHECK enum err store_mark_now(struct store *store, struct store_mark *ret_mark);
/* What was noted last; ERR_NOTFOUND: nothing, or it is damaged. */
MUST_CHECK enum err store_mark_get(struct store *store, struct store_mark *ret_mark);
MUST_CHECK enum err store_mark_put(struct store *store, const struct store_mark *mark);

enum mark_verdict {
	MARK_SAME,  /* or newer */
	MARK_OLDER, /* the last changes are missing */
	MARK_LOST,  /* so are more than half of the names: no truth to act upon */
};
enum mark_verdict store_mark_compare(const struct store_mark *noted, const struct store_mark *now);

#endif
