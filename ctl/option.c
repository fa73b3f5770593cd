/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/option.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/msg.h"
#include "base/nearest.h"
#include "base/units.h"
#include "ctl/print.h"

enum { LONG_BASE = 256, TIMEOUT_DEFAULT_MS = 10 * 60 * 1000, DATE_LEN = 10 };

#define SPAN_MAX_MS UINT64_C(8640000000000) /* 100,000 days */

/* Options whose text is taken as it is, and where it goes. */
static const size_t texts[OPTION_COUNT] = {
	[OPTION_SOCKET] = offsetof(struct options, socket),
	[OPTION_OUTPUT] = offsetof(struct options, output),
	[OPTION_COLOR] = offsetof(struct options, color),
	[OPTION_BACKEND] = offsetof(struct options, backend),
	[OPTION_CA] = offsetof(struct options, ca),
	[OPTION_FOR] = offsetof(struct options, until),
	[OPTION_STATE] = offsetof(struct options, state),
	[OPTION_AFTER] = offsetof(struct options, after),
	[OPTION_BEFORE] = offsetof(struct options, before),
	[OPTION_NAME] = offsetof(struct options, name),
	[OPTION_ERROR] = offsetof(struct options, error),
	[OPTION_SORT] = offsetof(struct options, sort),
	[OPTION_SEVERITY] = offsetof(struct options, severity),
	[OPTION_FILE] = offsetof(struct options, file),
	[OPTION_FROM] = offsetof(struct options, from),
	[OPTION_CONFIG] = offsetof(struct options, config),
	[OPTION_REASON] = offsetof(struct options, reason),
	[OPTION_CONFIRM] = offsetof(struct options, confirm),
};

bool
option_is_given(const struct options *o, enum option_id id)
{
	return o->given & OPTION_BIT(id);
}

static const char *
next_option(const void *unused, size_t at)
{
	(void)unused;
	return at < OPTION_COUNT ? option_word((enum option_id)at) : NULL;
}

bool
option_check(enum option_id id, const char *word, const char *from)
{
	const char *const *choices = option_choices(id);
	const char *near;
	struct buf list = {0};
	bool good = !choices;

	for (size_t i = 0; choices && choices[i]; i++) {
		good = good || strcmp(choices[i], word) == 0;
		buf_printf(&list, "%s%s", i ? ", " : "", choices[i]);
	}
	near = good ? NULL : nearest_word(word, nearest_in_list, choices);
	if (!good)
		complain(NULL, "%s: \"%s\" is none of %s%s%s%s", from, word,
		         buf_str(&list) ? buf_str(&list) : "", near ? "; did you mean \"" : "",
		         near ? near : "", near ? "\"?" : "");
	buf_done(&list);
	return good;
}

static bool
add_label(struct options *o, const char *word)
{
	if (!strchr(word, '=') || o->label_count == LABELS_GIVEN_MAX) {
		complain(NULL,
		         strchr(word, '=') ? "--label: \"%s\" is one too many: at most 8"
		                           : "--label: \"%s\" is not KEY=VALUE",
		         word);
		return false;
	}
	o->labels[o->label_count++] = word;
	return true;
}

static bool
set_seconds(enum option_id id, const char *word, int64_t *ret_s)
{
	uint64_t ms;

	if (units_parse_ms(word, &ms) == ERR_OK && ms < SPAN_MAX_MS) {
		*ret_s = (int64_t)(ms / 1000);
		return true;
	}
	complain(NULL, "%s: \"%s\" is not a time: write 7d, 12h or 30m%s", option_word(id), word,
	         id == OPTION_SINCE ? ", 2026-11-22 or 2026-11-22T07:00:00Z" : "");
	return false;
}

static bool
set_since(struct options *o, const char *word)
{
	char midnight[32];
	int64_t ago;

	snprintf(midnight, sizeof(midnight), "%.10sT00:00:00Z", word);
	if (clock_parse(word, &o->since) == ERR_OK ||
	    (strlen(word) == DATE_LEN && clock_parse(midnight, &o->since) == ERR_OK))
		return true;
	if (!set_seconds(OPTION_SINCE, word, &ago))
		return false;
	o->since = clock_wall() - ago;
	return true;
}

static bool
add_type(struct options *o, const char *word)
{
	if (o->type_count == TYPES_GIVEN_MAX) {
		complain(NULL, "--type: at most %d", TYPES_GIVEN_MAX);
		return false;
	}
	o->types[o->type_count++] = word;
	return true;
}

static bool
set_number(struct options *o, enum option_id id, const char *word)
{
	uint64_t n;
	bool good = id == OPTION_TIMEOUT ? units_parse_ms(word, &n) == ERR_OK
	                                 : units_parse_number(word, &n) == ERR_OK && n > 0;

	if (!good)
		complain(NULL, "%s: \"%s\" is not %s", option_word(id), word,
		         id == OPTION_TIMEOUT ? "a time: write 500ms, 90s, 5m or 1h"
		                              : "a number from 1 on");
	else if (id == OPTION_TIMEOUT)
		o->timeout_ms = (int64_t)n;
	else
		o->limit = (int64_t)n;
	return good;
}

static bool
set(struct options *o, enum option_id id, const char *arg)
{
	o->given |= OPTION_BIT(id);
	if (texts[id]) {
		*(const char **)(void *)((char *)o + texts[id]) = arg;
		/* to remove any words will do; revoke looks for itself */
		return id == OPTION_REASON || option_check(id, arg, option_word(id));
	}
	switch (id) {
	case OPTION_TIMEOUT:
	case OPTION_LIMIT:
		return set_number(o, id, arg);
	case OPTION_LABEL:
		return add_label(o, arg);
	case OPTION_TYPE:
		return add_type(o, arg);
	case OPTION_SINCE:
		return set_since(o, arg);
	case OPTION_EXPIRES_IN:
		return set_seconds(id, arg, &o->expires_in_s);
	case OPTION_WARN:
		return set_seconds(id, arg, &o->warn_s);
	case OPTION_CRIT:
		return set_seconds(id, arg, &o->crit_s);
	default:
		return true;
	}
}

/* What getopt_long() stumbled over is in ARGV before optind, or an option letter in optopt. */
static bool
fail_option(char **argv, int c)
{
	const char *word = argv[optind - 1], *near = NULL;

	if (c == ':') {
		complain(NULL, "%s needs a value", word);
		return false;
	}
	if (optopt >= LONG_BASE) {
		complain(NULL, "%s takes no value",
		         option_word((enum option_id)(optopt - LONG_BASE)));
		return false;
	}
	if (optopt) {
		complain(NULL, "unknown option -%c", optopt);
		return false;
	}
	near = nearest_word(word, next_option, NULL);
	complain(NULL, "unknown option %s%s%s%s", word, near ? ", did you mean " : "",
	         near ? near : "", near ? "?" : "");
	return false;
}

static bool
set_from_environment(struct options *o)
{
	const char *socket = getenv("CERTCTL_SOCKET"), *output = getenv("CERTCTL_OUTPUT");

	*o = (struct options){.socket = socket && *socket ? socket : MSG_SOCKET_DEFAULT,
	                      .output = output && *output ? output : "table",
	                      .color = "auto",
	                      .timeout_ms = TIMEOUT_DEFAULT_MS,
	                      .expires_in_s = -1,
	                      .warn_s = -1,
	                      .crit_s = -1};
	return option_check(OPTION_OUTPUT, o->output, "CERTCTL_OUTPUT");
}

/* For getopt_long(): all options, and "o:" for those with a letter. */
static void
make_tables(struct option longs[OPTION_COUNT + 1], struct buf *letters)
{
	buf_add_str(letters, ":");
	for (int i = 0; i < OPTION_COUNT; i++) {
		enum option_id id = (enum option_id)i;
		bool takes = option_argument(id) != NULL;

		longs[i] = (struct option){.name = option_word(id) + 2,
		                           .has_arg = takes ? required_argument : no_argument,
		                           .val = LONG_BASE + i};
		if (option_letter(id))
			buf_printf(letters, "%c%s", option_letter(id), takes ? ":" : "");
	}
}

static enum option_id
id_of(int c)
{
	int i = 0;

	if (c >= LONG_BASE)
		return (enum option_id)(c - LONG_BASE);
	while (i < OPTION_COUNT - 1 && option_letter((enum option_id)i) != c)
		i++;
	return (enum option_id)i;
}

bool
options_parse(int argc, char **argv, struct options *ret_options)
{
	struct option longs[OPTION_COUNT + 1] = {0};
	struct buf letters = {0};
	struct options o;
	bool good;
	int c = 0;

	make_tables(longs, &letters);
	opterr = 0;
	optind = 0;
	good = buf_str(&letters) && set_from_environment(&o);
	while (good && (c = getopt_long(argc, argv, buf_str(&letters), longs, NULL)) != -1)
		good = c == '?' || c == ':' ? fail_option(argv, c) : set(&o, id_of(c), optarg);
	buf_done(&letters);
	if (!good)
		return false;
	o.words = argv + optind;
	o.word_count = (size_t)(argc - optind);
	*ret_options = o;
	return true;
}
