/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/tally.h - (inside store/) what a recount has counted: counters sorted by their key
 */
#ifndef STORE_TALLY_H
#define STORE_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/domain_index.h"

struct tally {
	struct count_key key;
	uint64_t count;
	bool seen; /* the caller's */
};

/* Zeroed at first; free(of) at the end. For some thousand of them: a new one moves those behind. */
struct tallies {
	struct tally *of;
	size_t len, cap;
};

/* NULL: nothing was counted under KEY. */
struct tally *tally_find(const struct tallies *t, const struct count_key *key);
MUST_CHECK enum err tally_add(struct tallies *t, const struct count_key *key);

#endif
