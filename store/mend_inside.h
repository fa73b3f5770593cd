/* SPDX-License-Identifier: Apache-2.0 */
/* store/mend_inside.h - what mend.c (the scan) and mend_apply.c share; nobody else includes it. */
#ifndef STORE_MEND_INSIDE_H
#define STORE_MEND_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hostname.h"
#include "store/cert.h"
#include "store/domain_index.h"
#include "store/mend.h"
#include "store/table.h"
#include "store/walk.h"

enum { MEND_LABELS_SHOWN = 160, MEND_NOBODY = -1, MEND_SUSPECTS_MAX = 20000 };

/* A key of the domain table that does not open, a name that lists have and the table has not, or a
 * certificate that is nobody's. */
struct mend_name {
	enum table table;       /* TABLE_DOMAIN, TABLE_CERT, TABLE_POOL */
	struct hostname name;   /* len 0: the key is none */
	size_t key_at, key_len; /* in mend.keys */
	bool has_record;
	bool is_double;     /* another record has this key */
	bool is_hidden;     /* its record opens, and a search does not find it */
	bool is_later;      /* for the next scan */
	bool is_ours;       /* to be made anew; else only put aside */
	unsigned lists;     /* bit of each list that has it */
	uint64_t pooled[2]; /* newest of the pool that lists it: P-256, others; 0: none */
	bool external;      /* a list has it as such */
	char ca[NAME_WORD_MAX + 1];
	char labels[MEND_LABELS_SHOWN + 1]; /* for people */
};

struct mend_fix {
	enum verify_kind kind;
	enum table table;
	size_t key_at, key_len; /* in mend.keys */
	int name;               /* STRAY: whose entry it was, in mend.names, or MEND_NOBODY */
	int64_t surplus;
	bool alien; /* COUNT: no name is counted there */
};

struct mend {
	struct mend_name *names;
	size_t name_count;
	struct mend_fix *fixes;
	size_t fix_count, fix_cap;
	struct buf keys;
	bool more;
	bool hidden;
	/* Of the pool: what nobody has, or may have any more when names are made anew; the rest is
	 * for a later scan. */
	uint64_t *suspects;
	size_t suspect_count;
	bool no_memory;
	bool (*go_on)(void *arg);
	void *arg;
};

static inline struct span
mend_key(const struct mend *m, size_t at, size_t len)
{
	return table_key(m->keys.data + at, len);
}

/* NULL: there are too many, see mend_has_more(). NAME may be NULL. */
struct mend_name *mend_add_name(struct mend *m, enum table table, struct span key,
                                const struct hostname *name, bool has_record);
/* Whether a search does not find the record under WALK and it does not open: its key is another's.
 * One that opens is hidden by such a one, and noted as NAME's. */
bool mend_is_misplaced(struct mend *m, struct walk *walk, const struct hostname *name);

/* ---- mend_pool.c ---------------------------------------------------------------------------- */

/* One walk for all names: fills in `pooled` and `suspects`, and adds the keys that are nobody's.
 * ERR_AGAIN: GO_ON says no. */
MUST_CHECK enum err mend_look_at_pool(struct mend *m, struct store_txn *txn,
                                      bool (*go_on)(const struct mend *m));
/* Gives D, which has its own certificate with a key of FIRST (0: none), what the pool has for it:
 * as its first one, and as its second one when the key is of the other kind and it has not expired.
 */
void mend_take_pooled(struct store_txn *txn, const struct mend_name *n, enum cert_key_kind first,
                      struct domain *d);
/* Puts aside those of M's suspects that nobody has. */
MUST_CHECK enum err mend_sweep_pool(struct store *store, const struct mend *m, int64_t now,
                                    uint64_t *ret_swept);

#endif
