/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options: what help, completion and the man page say of them. */
#include <stdio.h>

#include "base/problem.h"
#include "ctl/option.h"

static const char *const formats[] = {"table", "wide", "json", "ndjson", "names", NULL};
static const char *const colors[] = {"auto", "always", "never", NULL};
static const char *const states[] = {"pending", "valid", "renewing", "failing", "external",
                                     "paused",  "moved", "expired",  "removed", NULL};
static const char *const sorts[] = {"name", "expiry", "next", NULL};
static const char *const severities[] = {"crit", "err", "warn", "info", NULL};
static const char *const kinds[] = {"pem", "certbot", "acme.json", "caddy", NULL};
static const char *const reasons[] = {"unspecified",          "keyCompromise",      "superseded",
                                      "cessationOfOperation", "affiliationChanged", NULL};
static const char *const steps[] = {"ordered", "challenge", "finalized", "stored", "serving", NULL};

static const struct {
	const char *word;
	const char *arg; /* NULL: takes none */
	const char *help;
	const char *const *choices; /* NULL: anything */
	char letter;                /* 0: none */
} table[OPTION_COUNT] = {
	[OPTION_SOCKET] = {"--socket", "PATH",
                           "certd's control socket (CERTCTL_SOCKET), "
                           "default " MSG_SOCKET_DEFAULT},
	[OPTION_OUTPUT] = {"--output", "FORMAT",
                           "-o: table, wide, json, ndjson or names (CERTCTL_OUTPUT)", formats, 'o'},
	[OPTION_COLOR] = {"--color", "WHEN", "auto (default; see NO_COLOR), always or never",
                          colors},
	[OPTION_NO_PAGER] = {"--no-pager", NULL, "never start a pager, also on a terminal"},
	[OPTION_HELP] = {"--help", NULL, "-h: this text", NULL, 'h'},
	[OPTION_VERSION] = {"--version", NULL, "versions of certctl and certd"},
	[OPTION_BACKEND] = {"--backend", "NAME", "where its connections go, if not to the default"},
	[OPTION_CA] = {"--ca", "NAME[,NAME...]", "its CAs in this order, if not the default"},
	[OPTION_EXTERNAL] = {"--external", NULL, "never order a certificate for it"},
	[OPTION_WAIT] = {"--wait", NULL, "tell each step, end when it is through"},
	[OPTION_ONE_CERTIFICATE] = {"--one-certificate", NULL, "one for all these names"},
	[OPTION_TIMEOUT] = {"--timeout", "TIME", "how long to wait: 90s, 5m, 1h (default 10m)"},
	[OPTION_FOR] = {"--for", "STEP",
                        "until then: ordered, challenge, finalized, stored or serving (default)",
                        steps},
	[OPTION_STATE] = {"--state", "STATE",
                          "pending, valid, renewing, failing, external, paused, moved, "
                          "expired or removed",
                          states},
	[OPTION_LIMIT] = {"--limit", "N", "no more than N"},
	[OPTION_AFTER] = {"--after", "WHERE", "go on behind this one"},
	[OPTION_BEFORE] = {"--before", "WHERE", "the page in front of it; \"\": the last one"},
	[OPTION_WATCH] = {"--watch", NULL, "again every 2 seconds, until it is interrupted"},
	[OPTION_FOLLOW] = {"--follow", NULL, "go on with new ones as they happen"},
	[OPTION_NAME] = {"--name", "NAME",
                         "only those of NAME; inspect: a file that is to cover it"},
	[OPTION_LABEL] = {"--label", "KEY=VALUE", "with this label; may be given again"},
	[OPTION_EXPIRES_IN] = {"--expires-in", "TIME",
                               "whose certificate ends within TIME: 7d, 12h"},
	[OPTION_ERROR] = {"--error", "CODE", "whose last attempt failed so: authz/dns, ca/refused"},
	[OPTION_SORT] = {"--sort", "WORD", "name, expiry or next (due): soonest first", sorts},
	[OPTION_FILE] = {"--file", "FILE", "-f: JSON lines; - is stdin", NULL, 'f'},
	[OPTION_FROM] = {"--from", "KIND", "pem (default), certbot, acme.json or caddy", kinds},
	[OPTION_REPLACE] = {"--replace", NULL, "also where a newer certificate is stored"},
	[OPTION_DRY_RUN] = {"--dry-run", NULL, "say what would be done, change nothing"},
	[OPTION_PROGRESS] = {"--progress", NULL, "tell each second how far it is, on stderr"},
	[OPTION_PRIVATE_KEY] = {"--private-key", NULL, "with its key; certd keeps record of it"},
	[OPTION_CONFIG] = {"--config", "FILE",
                           "the configuration, where certd itself does the work; default "
                           "/etc/certd/certd.conf"},
	[OPTION_REASON] = {"--reason", "WORD",
                           "remove: why, in your words; revoke: unspecified (default), "
                           "keyCompromise, superseded, "
                           "cessationOfOperation or affiliationChanged",
                           reasons},
	[OPTION_ALL] = {"--all", NULL, "also what has room"},
	[OPTION_WITH_KEY] = {"--with-key", NULL,
                             "signed by the certificate's key, needs no account"},
	[OPTION_NO_RENEW] = {"--no-renew", NULL, "do not get a new one in its place"},
	[OPTION_CONFIRM] = {"--confirm", "NAME", "the CA's name once more: yes, do it"},
	[OPTION_YES] = {"--yes", NULL, "do not ask on a terminal before what cannot be undone"},
	[OPTION_SINCE] = {"--since", "TIME", "from TIME on: 2h, 7d (ago) or 2026-11-22T07:00:00Z"},
	[OPTION_TYPE] = {"--type", "TYPE", "only these: cert.expiring, mismatch.*; again for more"},
	[OPTION_SEVERITY] = {"--severity", "WORD", "so bad or worse: crit, err, warn or info",
                             severities},
	[OPTION_WARN] = {"--warn", "TIME", "a certificate that ends sooner is a warning: 14d"},
	[OPTION_READ_ONLY] = {"--read-only", NULL, "look, and change nothing"},
	[OPTION_MOUSE] = {"--mouse", NULL, "clicks and the wheel are the console's"},
	[OPTION_CRIT] = {"--crit", "TIME", "a certificate that ends sooner is critical: 3d"},
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

/* The words of base/problem.h. */
static const char *const *
error_codes(void)
{
	static const char *codes[PROBLEM_COUNT];

	for (int kind = PROBLEM_NONE + 1; kind < PROBLEM_COUNT; kind++)
		codes[kind - 1] = problem_code((enum problem_kind)kind);
	return codes;
}

const char *const *
option_choices(enum option_id id)
{
	if (id == OPTION_ERROR)
		return error_codes();
	return table[id].choices;
}

char
option_letter(enum option_id id)
{
	return table[id].letter;
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
