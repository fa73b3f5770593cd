/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs, the help made from it, and the way from words to a verb's function. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/nearest.h"
#include "ctl/ctl.h"

#define ANY     SIZE_MAX
#define WAITING (OPTION_BIT(OPTION_WAIT) | OPTION_BIT(OPTION_TIMEOUT))

static const struct ctl_verb verbs[] = {
	{"add", "NAME...", "take names in and get their certificates", 1, ANY,
         OPTION_BIT(OPTION_BACKEND) | OPTION_BIT(OPTION_CA) | OPTION_BIT(OPTION_EXTERNAL) |
                 OPTION_BIT(OPTION_LABEL) | OPTION_BIT(OPTION_ONE_CERTIFICATE) | WAITING,
         cmd_add,
         "  certctl add shop.example.com --wait\n"
         "  certctl add shop.example.com www.example.com --backend app1 --ca letsencrypt\n"
         "  certctl add mail.example.com --backend own --external\n"
         "  certctl add shop.example.com --label tenant=acme --label plan=gold\n"
         "  certctl add shop.example.com www.shop.example.com --one-certificate\n"
         "  certctl add - <names.txt            names from a file, one a line\n",
         NULL},
	{"import", "[PATH]", "take in certificates that other programs have got", 0, 1,
         OPTION_BIT(OPTION_FROM) | OPTION_BIT(OPTION_FILE) | OPTION_BIT(OPTION_BACKEND) |
                 OPTION_BIT(OPTION_CA) | OPTION_BIT(OPTION_EXTERNAL) | OPTION_BIT(OPTION_REPLACE) |
                 OPTION_BIT(OPTION_DRY_RUN),
         cmd_import,
         "  certctl import /etc/letsencrypt --from certbot\n"
         "  certctl import /etc/traefik/acme.json --from acme.json --dry-run\n"
         "  certctl import /var/lib/caddy/.local/share/caddy --from caddy\n"
         "  certctl import certs/               each file: leaf, chain and key, in any order\n"
         "  certctl import -f - <certs.ndjson   {\"name\",\"chain_pem\",\"key_pem\"} a line\n",
         NULL},
	{"apply", "", "make names be as JSON lines say, and leave alone what is so already", 0, 0,
         OPTION_BIT(OPTION_FILE) | OPTION_BIT(OPTION_BACKEND) | OPTION_BIT(OPTION_CA) |
                 OPTION_BIT(OPTION_EXTERNAL) | OPTION_BIT(OPTION_DRY_RUN),
         cmd_apply,
         "  certctl apply -f names.ndjson --dry-run\n"
         "  certctl apply -f - "
         "<<<'{\"name\":\"shop.example.com\",\"labels\":{\"tenant\":\"acme\"}}'\n"
         "  certctl apply -f - <<<'{\"name\":\"old.example.com\",\"state\":\"absent\"}'\n",
         NULL},
	{"export", "NAME", "a certificate with its chain, as PEM", 1, 1,
         OPTION_BIT(OPTION_PRIVATE_KEY), cmd_export,
         "  certctl export shop.example.com >chain.pem\n"
         "  (umask 077; certctl export shop.example.com --private-key >shop.pem)\n",
         NULL},
	{"list", "", "names with their state, expiry and next step", 0, 0,
         OPTION_BIT(OPTION_STATE) | OPTION_BIT(OPTION_LIMIT) | OPTION_BIT(OPTION_AFTER) |
                 OPTION_BIT(OPTION_BEFORE) | OPTION_BIT(OPTION_CA) | OPTION_BIT(OPTION_BACKEND) |
                 OPTION_BIT(OPTION_LABEL) | OPTION_BIT(OPTION_EXPIRES_IN) |
                 OPTION_BIT(OPTION_ERROR) | OPTION_BIT(OPTION_SORT),
         cmd_list,
         "  certctl list\n"
         "  certctl list --state failing --error authz/dns\n"
         "  certctl list --expires-in 7d --sort expiry\n"
         "  certctl list --label tenant=acme -o names\n"
         "  certctl list -o json --limit 100    \"after\" in the answer is for --after\n"
         "  certctl list --sort expiry --before '' --limit 20\n"
         "                                      the last 20 to end\n",
         NULL},
	{"show", "NAME", "all there is to know about a name", 1, 1, 0, cmd_show,
         "  certctl show shop.example.com\n"
         "  certctl show shop.example.com -o json\n",
         NULL},
	{"diagnose", "NAME", "why a CA would not issue for a name, and who must act", 1, 1,
         OPTION_BIT(OPTION_TIMEOUT), cmd_diagnose,
         "  certctl diagnose shop.example.com   a name of ours, or one to be taken in\n"
         "  certctl diagnose shop.example.com -o json\n",
         NULL},
	{"order", "NAME", "the last attempts to get its certificate, step by step", 1, 1, 0,
         cmd_order,
         "  certctl order shop.example.com\n"
         "  certctl order shop.example.com -o json\n",
         NULL},
	{"renew", "NAME...", "get a new certificate now", 1, ANY, WAITING, cmd_renew,
         "  certctl renew shop.example.com --wait\n"
         "  certctl list --state failing -o names | certctl renew -\n",
         NULL},
	{"retry", "NAME...", "try what has failed at once, its limits at the CA being settled", 1,
         ANY, WAITING, cmd_retry,
         "  certctl retry shop.example.com --wait\n"
         "  certctl list --error ca/rate-limited -o names | certctl retry -\n",
         NULL},
	{"pause", "NAME...", "order nothing for names; what they have is served", 1, ANY, 0,
         cmd_pause, "  certctl pause shop.example.com\n", NULL},
	{"resume", "NAME...", "order for paused names again", 1, ANY, 0, cmd_resume,
         "  certctl list --state paused -o names | certctl resume -\n", NULL},
	{"remove", "NAME...", "stop serving names and forget their certificates", 1, ANY, 0,
         cmd_remove,
         "  certctl remove old.example.com\n"
         "  certctl remove - <names.txt\n",
         NULL},
	{"wait", "NAME...", "tell the steps of names until they are served or have failed", 1, ANY,
         OPTION_BIT(OPTION_TIMEOUT), cmd_wait,
         "  certctl wait shop.example.com\n"
         "  certctl wait shop.example.com --timeout 2m\n",
         NULL},
	{"events", "", "what happened, oldest first", 0, 0,
         OPTION_BIT(OPTION_FOLLOW) | OPTION_BIT(OPTION_LIMIT) | OPTION_BIT(OPTION_AFTER) |
                 OPTION_BIT(OPTION_NAME) | OPTION_BIT(OPTION_SINCE) | OPTION_BIT(OPTION_TYPE),
         cmd_events,
         "  certctl events --follow\n"
         "  certctl events --name shop.example.com\n"
         "  certctl events --since 2h --type 'cert.*' --type order.failed\n"
         "  certctl events --since 1d --type 'audit.*'   who has changed what\n"
         "  certctl events --after 1200 -o ndjson\n",
         NULL},
	{"faults", "", "what the audit finds wrong just now, and what clients ask for in vain", 0,
         0, OPTION_BIT(OPTION_LIMIT) | OPTION_BIT(OPTION_AFTER), cmd_faults,
         "  certctl faults\n"
         "  certctl faults -o json\n",
         NULL},
	{"ack", "NAME|ID...", "acknowledge a name's faults, or an event: they are seen", 1, ANY, 0,
         cmd_ack,
         "  certctl ack shop.example.com        until what is wrong with it has healed\n"
         "  certctl ack 1842                    an event, by its id, until it happens anew\n",
         NULL},
	{"status", "", "how certd is doing", 0, 0, 0, cmd_status,
         "  certctl status\n"
         "  certctl status -o json\n",
         NULL},
	{"check", "", "for monitoring: one line, and 0 ok, 1 warning, 2 critical, 3 unknown", 0, 0,
         OPTION_BIT(OPTION_WARN) | OPTION_BIT(OPTION_CRIT), cmd_check,
         "  certctl check                       14 days are a warning, 3 are critical\n"
         "  certctl check --warn 2d --crit 12h  for certificates of six days\n",
         NULL},
	{"reload", "", "take the configuration file anew; ends when that is done or refused", 0, 0,
         WAITING, cmd_reload,
         "  certctl reload --wait\n"
         "  certctl config check && certctl reload\n",
         NULL},
	{"upgrade", "", "put the certd that is installed now in the place of the one that runs", 0,
         0, WAITING, cmd_upgrade,
         "  certctl upgrade\n"
         "  certctl upgrade --timeout 1m\n",
         NULL},
	{"config", "check [FILE]", "whether the configuration file is valid", 1, 2, 0, cmd_config,
         "  certctl config check                the file that certd runs with\n"
         "  certctl config check /etc/certd/certd.conf.new\n",
         "check"},
	{"backend", "WORD [...]", "servers behind certd: list [NAME], set, drain NAME SERVER", 1, 4,
         0, cmd_backend,
         "  certctl backend list                health, connections, what is wrong\n"
         "  certctl backend drain app1 10.0.0.7:8080\n"
         "                                      no new connections; those there are go on\n"
         "  certctl backend set app1 10.0.0.7:8080 disabled\n"
         "                                      the same, and it is not checked either\n"
         "  certctl backend set app1 10.0.0.7:8080 ready\n",
         "list set drain"},
	{"ca", "WORD [NAME]",
         "CAs and our accounts: list, show, test, rollover, register, deactivate", 1, 2,
         OPTION_BIT(OPTION_CONFIRM) | OPTION_BIT(OPTION_TIMEOUT), cmd_ca,
         "  certctl ca list                     how each CA is doing\n"
         "  certctl ca show letsencrypt         the account there, terms of service, profiles\n"
         "  certctl ca test letsencrypt         go there; registers the account if there is none\n"
         "  certctl ca rollover letsencrypt     a new key for the account\n"
         "  certctl ca deactivate letsencrypt --confirm letsencrypt\n"
         "                                      end the account, for ever\n"
         "  certctl ca register letsencrypt     a new account after that\n",
         "list show test rollover register deactivate"},
	{"limits", "[CA]", "what the limits of CAs leave us, what is blocked and until when", 0, 1,
         OPTION_BIT(OPTION_ALL), cmd_limits,
         "  certctl limits\n"
         "  certctl limits letsencrypt --all    each registered domain and set that is counted\n"
         "  certctl limits -o json\n",
         NULL},
	{"revoke", "NAME", "revoke a certificate, and get a new one", 1, 1,
         OPTION_BIT(OPTION_REASON) | OPTION_BIT(OPTION_WITH_KEY) | OPTION_BIT(OPTION_NO_RENEW) |
                 OPTION_BIT(OPTION_CA) | OPTION_BIT(OPTION_TIMEOUT),
         cmd_revoke,
         "  certctl revoke shop.example.com --reason keyCompromise\n"
         "  certctl revoke shop.example.com --with-key      without an account of ours\n"
         "  certctl revoke shop.example.com --reason cessationOfOperation --no-renew\n",
         NULL},
	{"db", "WORD [DIR]", "the store: stat, check, backup DIR, restore DIR, compact", 1, 2,
         OPTION_BIT(OPTION_CONFIG) | OPTION_BIT(OPTION_TIMEOUT), cmd_db,
         "  certctl db stat                     size, room, keys, what was damaged\n"
         "  certctl db check                    read everything, list what is damaged\n"
         "  certctl db backup /backup/today     a copy, while certd serves\n"
         "  certctl db restore /backup/today    into an empty state directory, certd stopped\n"
         "  certctl db compact                  give free pages back, certd stopped\n",
         "stat check backup restore compact"},
	{"key", "WORD [FILE]",
         "what the store is sealed with: init, status, rotate, master, tickets", 1, 2,
         OPTION_BIT(OPTION_CONFIG), cmd_key,
         "  certctl key init                    a master key, where `master-key` says\n"
         "  certctl key init /root/certd.key    or in a file that is not there yet\n"
         "  certctl key rotate                  new data keys, while certd serves\n"
         "  certctl key status                  how far that is\n"
         "  certctl key master                  a new master key, while certd serves\n"
         "  certctl key tickets                 new keys for TLS session tickets, old ones void\n",
         "init status rotate master tickets"},
	{"console", "[NAME]", "names, events, CAs, front and store on a full screen, live", 0, 1,
         OPTION_BIT(OPTION_READ_ONLY), cmd_console,
         "  certctl console                     ? shows the keys, q leaves\n"
         "  certctl console shop.example.com    begins with this name\n"
         "  certctl console --read-only\n",
         NULL},
	{"completion", "SHELL", "a script that completes certctl's words: bash, zsh or fish", 1, 1,
         0, cmd_completion,
         "  source <(certctl completion bash)\n"
         "  certctl completion fish >~/.config/fish/completions/certctl.fish\n",
         "bash zsh fish"},
	{"version", "", "versions of certctl and certd", 0, 0, 0, cmd_version,
         "  certctl version\n"
         "  certctl version -o json\n",
         NULL},
};

enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

static const char exit_codes[] =
	"Exit codes: 0 done, 1 failed, 2 bad usage or input, 3 no such name, 4 certd not "
	"reachable,\n"
	"5 not permitted, 6 conflict, 7 waiting timed out, 8 the CA refused, 9 partly done.\n";

const struct ctl_verb *
ctl_verb_at(size_t at)
{
	return at < VERB_COUNT ? &verbs[at] : NULL;
}

static const char *
next_verb(const void *unused, size_t at)
{
	(void)unused;
	return at < VERB_COUNT ? verbs[at].word : NULL;
}

static void
print_help(void)
{
	printf("certctl - talks to certd, which gets, renews and serves certificates\n\nExamples:\n"
	       "  certctl add shop.example.com --wait\n"
	       "  certctl list --state failing\n"
	       "  certctl show shop.example.com\n\nUsage: certctl [OPTION...] VERB "
	       "[ARGUMENT...]\n\n");
	for (size_t i = 0; i < VERB_COUNT; i++) {
		char left[32];

		snprintf(left, sizeof(left), "%s %s", verbs[i].word, verbs[i].args);
		printf("  %-20s %s\n", left, verbs[i].help);
	}
	printf("\nOptions of every verb:\n");
	options_print(OPTIONS_GLOBAL);
	printf("\n\"--\" ends options. certctl VERB --help tells more about a verb.\n%s",
	       exit_codes);
}

static void
print_verb_help(const struct ctl_verb *v)
{
	printf("certctl %s - %s\n\nExamples:\n%s\nUsage: certctl %s%s%s [OPTION...]\n\nOptions:\n",
	       v->word, v->help, v->examples, v->word, *v->args ? " " : "", v->args);
	options_print(v->options | OPTIONS_GLOBAL);
	printf("\n%s", exit_codes);
}

static const struct ctl_verb *
find_verb(const char *word)
{
	const char *near;

	for (size_t i = 0; i < VERB_COUNT; i++)
		if (strcmp(verbs[i].word, word) == 0)
			return &verbs[i];
	near = nearest_word(word, next_verb, NULL);
	complain(NULL, "unknown verb \"%s\"%s%s%s; see certctl --help", word,
	         near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	return NULL;
}

static bool
check_usage(const struct ctl *ctl)
{
	const struct ctl_verb *v = ctl->verb;
	uint64_t wrong = ctl->options.given & ~(v->options | OPTIONS_GLOBAL);

	for (int i = 0; i < OPTION_COUNT; i++)
		if (wrong & OPTION_BIT(i)) {
			complain(NULL, "\"%s\" takes no %s; see certctl %s --help", v->word,
			         option_word((enum option_id)i), v->word);
			return false;
		}
	if (ctl->arg_count >= v->args_min && ctl->arg_count <= v->args_max)
		return true;
	complain(NULL, "usage: certctl %s%s%s; see certctl %s --help", v->word, *v->args ? " " : "",
	         v->args, v->word);
	return false;
}

static int
run(struct ctl *ctl)
{
	struct options *o = &ctl->options;
	int code;

	if (o->word_count == 0 && option_is_given(o, OPTION_HELP)) {
		print_help();
		return MSG_EXIT_OK;
	}
	if (o->word_count == 0) {
		complain(NULL, "a verb is missing; see certctl --help");
		return MSG_EXIT_USAGE;
	}
	ctl->verb = find_verb(o->words[0]);
	if (!ctl->verb)
		return MSG_EXIT_USAGE;
	if (option_is_given(o, OPTION_HELP)) {
		print_verb_help(ctl->verb);
		return MSG_EXIT_OK;
	}
	ctl->args = o->words + 1;
	ctl->arg_count = o->word_count - 1;
	if (!check_usage(ctl))
		return MSG_EXIT_USAGE;
	ctl->print.format = o->format;
	ctl->started_ms = clock_mono_ms();
	client_init(&ctl->client);
	code = (int)ctl->verb->run(ctl);
	client_close(&ctl->client);
	return code;
}

int
ctl_main(int argc, char **argv)
{
	struct ctl ctl = {0};
	int code;

	if (!options_parse(argc, argv, &ctl.options))
		return MSG_EXIT_USAGE;
	code = run(&ctl);
	if (!print_close() && code == MSG_EXIT_OK)
		code = MSG_EXIT_FAILED;
	return code;
}
