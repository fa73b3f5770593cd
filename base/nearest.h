/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/nearest.h - "did you mean": the known word that a mistyped one is closest to
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/* Number of insertions, deletions, changes and swaps of neighbours from A to B, at most LIMIT; more
 * than that is LIMIT + 1. */
size_t nearest_distance(const char *a, const char *b, size_t limit);

/* The next candidate, NULL at the end. AT counts from 0. */
typedef const char *nearest_next(const void *words, size_t at);
/* The one for an array of texts that ends with NULL. */
nearest_next nearest_in_list;
/* The closest candidate within a third of WORD's length (at least 1, at most 3); else the only one
 * that WORD is the beginning of, or that is the larger part of WORD, its beginning; or NULL. */
const char *nearest_word(const char *word, nearest_next *next, const void *words);

#endif
