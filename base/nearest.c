/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

#include <stdbool.h>
#include <string.h>

enum { WORD_MAX_LEN = 80, BEGIN_MIN = 3 };

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment, three rows at a time. */
size_t
nearest_distance(const char *a, const char *b, size_t limit)
{
	size_t rows[3][WORD_MAX_LEN + 1], na = strlen(a), nb = strlen(b);

	if (na > WORD_MAX_LEN || nb > WORD_MAX_LEN)
		return limit + 1;
	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			row[j] = least(least(up[j], row[j - 1]) + 1,
			               up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], up2[j - 2] + 1);
		}
	}
	return least(rows[na % 3][nb], limit + 1);
}

const char *
nearest_in_list(const void *words, size_t at)
{
	return ((const char *const *)words)[at];
}

/* Whether LONGER goes on where BEGIN ends. */
static bool
begins(const char *longer, const char *begin)
{
	size_t len = strlen(begin);

	return len >= BEGIN_MIN && strncmp(longer, begin, len) == 0;
}

/* "exp" for "expiry", "warning" for "warn": the only one that it may be. */
static const char *
nearest_beginning(const char *word, nearest_next *next, const void *words)
{
	const char *only = NULL, *candidate;

	for (size_t i = 0; (candidate = next(words, i)); i++) {
		bool is_stem = 2 * strlen(candidate) > strlen(word) && begins(word, candidate);

		if (!is_stem && !begins(candidate, word))
			continue;
		if (only)
			return NULL;
		only = candidate;
	}
	return only;
}

const char *
nearest_word(const char *word, nearest_next *next, const void *words)
{
	size_t third = strlen(word) / 3, limit = third < 1 ? 1 : least(third, 3);
	const char *best = NULL, *candidate;

	for (size_t i = 0; (candidate = next(words, i)); i++) {
		size_t d = nearest_distance(word, candidate, limit);

		if (d <= limit) {
			best = candidate;
			limit = d ? d - 1 : 0;
		}
		if (d == 0)
			break;
	}
	return best ? best : nearest_beginning(word, next, words);
}
