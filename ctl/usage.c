/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/usage.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

static const char between[] = " | ";

/* ---- one alternative ------------------------------------------------------------------------ */

/* Whether ARG is one of the words in TOKEN, "ready|drain". */
static bool
is_one_of(const char *token, size_t len, const char *arg)
{
	size_t arg_len = strlen(arg);

	for (const char *at = token, *end = token + len; at < end;) {
		const char *bar = memchr(at, '|', (size_t)(end - at));
		size_t n = (size_t)((bar ? bar : end) - at);

		if (n == arg_len && memcmp(at, arg, n) == 0)
			return true;
		at += n + 1;
	}
	return false;
}

/* What TOKEN takes of the arguments: *MIN to *MAX of them. False: not the first of them. */
static bool
takes(const char *token, size_t len, const char *arg, size_t *ret_min, size_t *ret_max)
{
	bool many = memmem(token, len, "...", 3) != NULL;

	*ret_min = *token != '[';
	*ret_max = many ? SIZE_MAX : 1;
	return !islower((unsigned char)*token) || (arg && is_one_of(token, len, arg));
}

/* The alternative of LEN bytes. An option in it, "--confirm NAME", ends what is counted. */
static bool
matches_one(const char *args, size_t len, char *const *argv, size_t count)
{
	size_t at = 0, min = 0, max = 0;

	while (len > 0 && *args != '-') {
		const char *blank = memchr(args, ' ', len);
		size_t n = blank ? (size_t)(blank - args) : len, least, most;

		if (!takes(args, n, at < count ? argv[at] : NULL, &least, &most))
			return false;
		min += least;
		max = most == SIZE_MAX ? SIZE_MAX : max + most;
		at++;
		args += n + (n < len);
		len -= n + (n < len);
	}
	return count >= min && count <= max;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static size_t
length_of_one(const char *args)
{
	const char *bar = strstr(args, between);

	return bar ? (size_t)(bar - args) : strlen(args);
}

static const char *
next_one(const char *args)
{
	args += length_of_one(args);
	return *args ? args + strlen(between) : NULL;
}

bool
usage_matches(const char *args, char *const *argv, size_t count)
{
	for (; args; args = next_one(args))
		if (matches_one(args, length_of_one(args), argv, count))
			return true;
	return false;
}

char *
usage_word(const char *args, size_t at, char word[USAGE_WORD_MAX])
{
	for (; args && at > 0; at--)
		args = next_one(args);
	if (!args || !islower((unsigned char)*args))
		return NULL;
	snprintf(word, USAGE_WORD_MAX, "%.*s", (int)strcspn(args, " "), args);
	return word;
}

static const char *
next_word(const void *args, size_t at)
{
	static char words[USAGE_WORDS_MAX]
			 [USAGE_WORD_MAX]; /* the nearest of them is kept by nearest_word() */

	return at < USAGE_WORDS_MAX ? usage_word(args, at, words[at]) : NULL;
}

const char *
usage_nearest(const char *args, const char *word)
{
	return nearest_word(word, next_word, args);
}
