/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl/option.h - the words of the command line, before a verb gives them a meaning
 *
 * One table has every option; a verb says by a set of bits which ones it takes. "--" ends options.
 */
#ifndef CTL_OPTION_H
#define CTL_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"

enum { LABELS_GIVEN_MAX = 8, TYPES_GIVEN_MAX = MSG_TYPES_MAX };

enum option_id {
	OPTION_SOCKET,
	OPTION_OUTPUT,
	OPTION_COLOR,
	OPTION_NO_PAGER,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_BACKEND,
	OPTION_CA,
	OPTION_EXTERNAL,
	OPTION_WAIT,
	OPTION_ONE_CERTIFICATE,
	OPTION_TIMEOUT,
	OPTION_FOR,
	OPTION_STATE,
	OPTION_LIMIT,
	OPTION_AFTER,
	OPTION_BEFORE,
	OPTION_WATCH,
	OPTION_FOLLOW,
	OPTION_NAME,
	OPTION_LABEL,
	OPTION_EXPIRES_IN,
	OPTION_ERROR,
	OPTION_SORT,
	OPTION_FILE,
	OPTION_FROM,
	OPTION_REPLACE,
	OPTION_DRY_RUN,
	OPTION_PROGRESS,
	OPTION_PRIVATE_KEY,
	OPTION_CONFIG,
	OPTION_REASON,
	OPTION_WITH_KEY,
	OPTION_NO_RENEW,
	OPTION_CONFIRM,
	OPTION_YES,
	OPTION_SINCE,
	OPTION_TYPE,
	OPTION_SEVERITY,
	OPTION_WARN,
	OPTION_CRIT,
	OPTION_ALL,
	OPTION_READ_ONLY,
	OPTION_MOUSE,
	OPTION_COUNT
};

#define OPTION_BIT(id) (UINT64_C(1) << (id))
#define OPTIONS_GLOBAL                                                                             \
	(OPTION_BIT(OPTION_SOCKET) | OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_COLOR) |        \
	 OPTION_BIT(OPTION_NO_PAGER) | OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_VERSION))

struct options {
	uint64_t given; /* bits */
	const char *socket;
	const char *output; /* one of the formats */
	const char *color;  /* auto, always or never */
	const char *backend;
	const char *ca;
	int64_t timeout_ms;
	const char *until; /* a step, NULL: not given */
	const char *state;
	int64_t limit; /* 0: none given */
	const char *after, *before;
	const char *name;
	const char *labels[LABELS_GIVEN_MAX]; /* "key=value" */
	size_t label_count;
	int64_t expires_in_s; /* -1: not given */
	const char *error;
	const char *sort;
	const char *file;
	const char *from;
	const char *reason;
	const char *confirm;
	const char *config; /* NULL: certd's default */
	int64_t since;      /* unix seconds, 0: not given */
	const char *types[TYPES_GIVEN_MAX];
	size_t type_count;
	const char *severity;
	int64_t warn_s, crit_s; /* -1: not given */
	char **words;           /* what is no option: verb and arguments */
	size_t word_count;
};

/* Reorders ARGV, as getopt does. False: complained. */
bool options_parse(int argc, char **argv, struct options *ret_options);
bool option_is_given(const struct options *o, enum option_id id);
/* "--backend" */
const char *option_word(enum option_id id);
/* What stands behind it ("NAME"), NULL: nothing; its help; all words it takes, NULL: any. */
const char *option_argument(enum option_id id);
const char *option_help(enum option_id id);
const char *const *option_choices(enum option_id id);
/* 'o' for -o, 0: none */
char option_letter(enum option_id id);
/* Whether WORD is one of the option's choices; complains, naming FROM where it stands. */
bool option_check(enum option_id id, const char *word, const char *from);
/* Help lines of the options in the set ALLOWED. */
void options_print(uint64_t allowed);

#endif
