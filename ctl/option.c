/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/option.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/msg.h"
#include "base/nearest.h"
#include "base/units.h"

enum { LONG_BASE = 256, TIMEOUT_DEFAULT_MS = 10 * 60 * 1000 };

static const char *const formats[] = {"table", "json", "ndjson", "names", NULL};
static const char *const states[] = {"pending",  "valid",  "renewing", "failing",
                                     "external", "paused", "expired",  NULL};
static const char *const sorts[] = {"name", "expiry", NULL};
static const char *const kinds[] = {"pem", "certbot", "acme.json", "caddy", NULL};
static const char *const reasons[] = {"unspecified",          "keyCompromise",      "superseded",
                                      "cessationOfOperation", "affiliationChanged", NULL};

static const struct {
	const char *word;
	const char *arg; /* NULL: takes none */
	const char *help;
	const char *const *choices; /* NULL: anything */
} table[OPTION_COUNT] = {
	[OPTION_SOCKET] = {"--socket", "PATH",
                           "certd's control socket (CERTCTL_SOCKET), "
                           "default " MSG_SOCKET_DEFAULT},
	[OPTION_OUTPUT] = {"--output", "FORMAT",
                           "-o: table, json, ndjson or names (CERTCTL_OUTPUT)", formats},
	[OPTION_HELP] = {"--help", NULL, "-h: this text"},
	[OPTION_BACKEND] = {"--backend", "NAME", "where its connections go, if not to the default"},
	[OPTION_CA] = {"--ca", "NAME[,NAME...]", "its CAs in this order, if not the default"},
	[OPTION_EXTERNAL] = {"--external", NULL, "never order a certificate for it"},
	[OPTION_WAIT] = {"--wait", NULL, "tell each step, end when it is through"},
	[OPTION_ONE_CERTIFICATE] = {"--one-certificate", NULL, "one for all these names"},
	[OPTION_TIMEOUT] = {"--timeout", "TIME", "how long to wait: 90s, 5m, 1h (default 10m)"},
	[OPTION_STATE] = {"--state", "STATE",
                          "pending, valid, renewing, failing, external, paused or expired", states},
	[OPTION_LIMIT] = {"--limit", "N", "no more than N"},
	[OPTION_AFTER] = {"--after", "WHERE", "go on behind this one"},
	[OPTION_BEFORE] = {"--before", "WHERE", "the page in front of it; \"\": the last one"},
	[OPTION_FOLLOW] = {"--follow", NULL, "go on with new ones as they happen"},
	[OPTION_NAME] = {"--name", "NAME", "only those of NAME"},
	[OPTION_LABEL] = {"--label", "KEY=VALUE", "with this label; may be given again"},
	[OPTION_EXPIRES_IN] = {"--expires-in", "TIME",
                               "whose certificate ends within TIME: 7d, 12h"},
	[OPTION_ERROR] = {"--error", "CODE", "whose last attempt failed so: authz/dns, ca/refused"},
	[OPTION_SORT] = {"--sort", "WORD", "name or expiry (soonest first)", sorts},
	[OPTION_FILE] = {"--file", "FILE", "-f: JSON lines; - is stdin"},
	[OPTION_FROM] = {"--from", "KIND", "pem (default), certbot, acme.json or caddy", kinds},
	[OPTION_REPLACE] = {"--replace", NULL, "also where a newer certificate is stored"},
	[OPTION_DRY_RUN] = {"--dry-run", NULL, "say what would be done, change nothing"},
	[OPTION_PRIVATE_KEY] = {"--private-key", NULL, "with its key; certd keeps record of it"},
	[OPTION_CONFIG] = {"--config", "FILE",
                           "the configuration, where certd itself does the work; default "
                           "/etc/certd/certd.conf"},
	[OPTION_REASON] = {"--reason", "WORD",
                           "unspecified (default), keyCompromise, superseded, "
                           "cessationOfOperation or affiliationChanged",
                           reasons},
	[OPTION_ALL] = {"--all", NULL, "also what has room"},
	[OPTION_WITH_KEY] = {"--with-key", NULL,
                             "signed by the certificate's key, needs no account"},
	[OPTION_NO_RENEW] = {"--no-renew", NULL, "do not get a new one in its place"},
	[OPTION_CONFIRM] = {"--confirm", "NAME", "the CA's name once more: yes, do it"},
	[OPTION_SINCE] = {"--since", "TIME", "from TIME on: 2h, 7d (ago) or 2026-11-22T07:00:00Z"},
	[OPTION_TYPE] = {"--type", "TYPE", "only these: cert.expiring, mismatch.*; again for more"},
	[OPTION_WARN] = {"--warn", "TIME", "a certificate that ends sooner is a warning: 14d"},
	[OPTION_CRIT] = {"--crit", "TIME", "a certificate that ends sooner is critical: 3d"},
	[OPTION_READ_ONLY] = {"--read-only", NULL, "look, and change nothing"},
};

const char *
option_word(enum option_id id)
{
	return table[id].word;
}

const char *
option_argument(enum option_id id)
{
	return table[id].arg;
}

const char *
option_help(enum option_id id)
{
	return table[id].help;
}

const char *const *
option_choices(enum option_id id)
{
	return table[id].choices;
}

bool
option_is_given(const struct options *o, enum option_id id)
{
	return o->given & OPTION_BIT(id);
}

void
options_print(uint64_t allowed)
{
	char left[32];

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (!(allowed & OPTION_BIT(i)))
			continue;
		snprintf(left, sizeof(left), "%s%s%s", table[i].word, table[i].arg ? " " : "",
		         table[i].arg ? table[i].arg : "");
		printf("  %-19s %s\n", left, table[i].help);
	}
}

static const char *
next_option(const void *unused, size_t at)
{
	(void)unused;
	return at < OPTION_COUNT ? table[at].word : NULL;
}

static bool
set_format(struct options *o, const char *word, const char *from)
{
	if (print_format_parse(word, &o->format) == ERR_OK)
		return true;
	complain(NULL, "%s: there is no format \"%s\": take table, json, ndjson or names", from,
	         word);
	return false;
}

static bool
set_state(struct options *o, const char *word)
{
	const char *near = nearest_word(word, nearest_in_list, states);

	for (size_t i = 0; states[i]; i++)
		if (strcmp(states[i], word) == 0) {
			o->state = word;
			return true;
		}
	complain(NULL,
	         "--state: no state \"%s\"%s%s%s: pending, valid, renewing, failing, external, "
	         "paused, "
	         "expired",
	         word, near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	return false;
}

static bool
set_sort(struct options *o, const char *word)
{
	o->sort = word;
	if (strcmp(word, "name") == 0 || strcmp(word, "expiry") == 0)
		return true;
	complain(NULL, "--sort: \"%s\" is neither name nor expiry", word);
	return false;
}

static bool
set_reason(struct options *o, const char *word)
{
	const char *near = nearest_word(word, nearest_in_list, reasons);

	o->reason = word;
	for (size_t i = 0; reasons[i]; i++)
		if (strcmp(reasons[i], word) == 0)
			return true;
	complain(NULL, "--reason: no reason \"%s\"%s%s%s", word, near ? ", did you mean \"" : "",
	         near ? near : "", near ? "\"?" : "; see certctl revoke --help");
	return false;
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

/* Days, which units do not have otherwise, or a time as everywhere. */
static bool
set_seconds(enum option_id id, const char *word, int64_t *ret_s)
{
	char number[24];
	size_t len = strlen(word);
	uint64_t n;

	if (len > 1 && len < sizeof(number) && word[len - 1] == 'd') {
		memcpy(number, word, len - 1);
		number[len - 1] = '\0';
		if (units_parse_number(number, &n) == ERR_OK && n < 100000) {
			*ret_s = (int64_t)n * 86400;
			return true;
		}
	} else if (units_parse_ms(word, &n) == ERR_OK) {
		*ret_s = (int64_t)(n / 1000);
		return true;
	}
	complain(NULL, "%s: \"%s\" is not a time: write 7d, 12h or 30m", table[id].word, word);
	return false;
}

static bool
set_since(struct options *o, const char *word)
{
	int64_t ago;

	if (clock_parse(word, &o->since) == ERR_OK)
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
		complain(NULL, "%s: \"%s\" is not %s", table[id].word, word,
		         id == OPTION_TIMEOUT ? "a time: write 500ms, 90s, 5m or 1h" : "a number");
	else if (id == OPTION_TIMEOUT)
		o->timeout_ms = (int64_t)n;
	else
		o->limit = (int64_t)n;
	return good;
}

static bool
set_more(struct options *o, enum option_id id, const char *arg)
{
	switch (id) {
	case OPTION_LABEL:
		return add_label(o, arg);
	case OPTION_EXPIRES_IN:
		return set_seconds(id, arg, &o->expires_in_s);
	case OPTION_SORT:
		return set_sort(o, arg);
	case OPTION_SINCE:
		return set_since(o, arg);
	case OPTION_TYPE:
		return add_type(o, arg);
	case OPTION_WARN:
		return set_seconds(id, arg, &o->warn_s);
	case OPTION_CRIT:
		return set_seconds(id, arg, &o->crit_s);
	case OPTION_ERROR:
		o->error = arg;
		return true;
	case OPTION_FILE:
		o->file = arg;
		return true;
	case OPTION_FROM:
		o->from = arg;
		return true;
	case OPTION_REASON:
		return set_reason(o, arg);
	case OPTION_CONFIRM:
		o->confirm = arg;
		return true;
	default:
		return true;
	}
}

static bool
set(struct options *o, enum option_id id, const char *arg)
{
	o->given |= OPTION_BIT(id);
	switch (id) {
	case OPTION_SOCKET:
		o->socket = arg;
		return true;
	case OPTION_OUTPUT:
		return set_format(o, arg, "--output");
	case OPTION_BACKEND:
		o->backend = arg;
		return true;
	case OPTION_CA:
		o->ca = arg;
		return true;
	case OPTION_STATE:
		return set_state(o, arg);
	case OPTION_TIMEOUT:
	case OPTION_LIMIT:
		return set_number(o, id, arg);
	case OPTION_AFTER:
	case OPTION_BEFORE:
		*(id == OPTION_AFTER ? &o->after : &o->before) = arg;
		return true;
	case OPTION_NAME:
		o->name = arg;
		return true;
	case OPTION_CONFIG:
		o->config = arg;
		return true;
	default:
		return set_more(o, id, arg);
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
		complain(NULL, "%s takes no value", table[optopt - LONG_BASE].word);
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
	                      .timeout_ms = TIMEOUT_DEFAULT_MS,
	                      .expires_in_s = -1,
	                      .warn_s = -1,
	                      .crit_s = -1};
	return !output || !*output || set_format(o, output, "CERTCTL_OUTPUT");
}

bool
options_parse(int argc, char **argv, struct options *ret_options)
{
	struct option longs[OPTION_COUNT + 1] = {0};
	struct options o;
	int c;

	for (int i = 0; i < OPTION_COUNT; i++)
		longs[i] =
			(struct option){.name = table[i].word + 2,
		                        .has_arg = table[i].arg ? required_argument : no_argument,
		                        .val = LONG_BASE + i};
	if (!set_from_environment(&o))
		return false;
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":o:hf:", longs, NULL)) != -1) {
		if (c == '?' || c == ':')
			return fail_option(argv, c);
		if (!set(&o,
		         c == 'o'   ? OPTION_OUTPUT
		         : c == 'h' ? OPTION_HELP
		         : c == 'f' ? OPTION_FILE
		                    : (enum option_id)(c - LONG_BASE),
		         optarg))
			return false;
	}
	o.words = argv + optind;
	o.word_count = (size_t)(argc - optind);
	*ret_options = o;
	return true;
}
