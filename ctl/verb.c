/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs: usage, help, completion, and the man page's section are made of it. */
#include "ctl/ctl.h"

#define PROGRESS OPTION_BIT(OPTION_PROGRESS)
#define WAITING  (OPTION_BIT(OPTION_WAIT) | OPTION_BIT(OPTION_TIMEOUT))

static const struct ctl_verb verbs[] = {
	{"add", "NAME...", "take names in and get their certificates",
         OPTION_BIT(OPTION_BACKEND) | OPTION_BIT(OPTION_CA) | OPTION_BIT(OPTION_EXTERNAL) |
                 OPTION_BIT(OPTION_LABEL) | OPTION_BIT(OPTION_ONE_CERTIFICATE) | WAITING | PROGRESS,
         cmd_add,
         "  certctl add shop.example.com --wait\n"
         "  certctl add shop.example.com www.example.com --backend app1 --ca letsencrypt\n"
         "  certctl add mail.example.com --backend own --external\n"
         "  certctl add shop.example.com --label tenant=acme --label plan=gold\n"
         "  certctl add shop.example.com www.shop.example.com --one-certificate\n"
         "  certctl add - <names.txt            names from a file, one a line\n",
         false},
	{"import", "[PATH]", "take in certificates that other programs have got",
         OPTION_BIT(OPTION_FROM) | OPTION_BIT(OPTION_FILE) | OPTION_BIT(OPTION_BACKEND) |
                 OPTION_BIT(OPTION_CA) | OPTION_BIT(OPTION_EXTERNAL) | OPTION_BIT(OPTION_REPLACE) |
                 OPTION_BIT(OPTION_DRY_RUN) | PROGRESS,
         cmd_import,
         "  certctl import /etc/letsencrypt --from certbot\n"
         "  certctl import /etc/traefik/acme.json --from acme.json --dry-run\n"
         "  certctl import /var/lib/caddy/.local/share/caddy --from caddy\n"
         "  certctl import certs/               each file: leaf, chain and key, in any order\n"
         "  certctl import -f - <certs.ndjson   {\"name\",\"chain_pem\",\"key_pem\"} a line\n",
         false},
	{"apply", "", "make names be as JSON lines say, and leave alone what is so already",
         OPTION_BIT(OPTION_FILE) | OPTION_BIT(OPTION_BACKEND) | OPTION_BIT(OPTION_CA) |
                 OPTION_BIT(OPTION_EXTERNAL) | OPTION_BIT(OPTION_DRY_RUN) | WAITING | PROGRESS,
         cmd_apply,
         "  certctl apply -f names.ndjson --dry-run\n"
         "  certctl apply -f names.ndjson --wait    ends when all of them are served, or failed\n"
         "  certctl apply -f - "
         "<<<'{\"name\":\"shop.example.com\",\"labels\":{\"tenant\":\"acme\"}}'\n"
         "  certctl apply -f - <<<'{\"name\":\"old.example.com\",\"state\":\"absent\"}'\n",
         false},
	{"export", "NAME", "a certificate with its chain, as PEM", OPTION_BIT(OPTION_PRIVATE_KEY),
         cmd_export,
         "  certctl export shop.example.com >chain.pem\n"
         "  (umask 077; certctl export shop.example.com --private-key >shop.pem)\n",
         false},
	{"list", "", "names with their state, expiry and next step",
         OPTION_BIT(OPTION_STATE) | OPTION_BIT(OPTION_LIMIT) | OPTION_BIT(OPTION_AFTER) |
                 OPTION_BIT(OPTION_BEFORE) | OPTION_BIT(OPTION_CA) | OPTION_BIT(OPTION_BACKEND) |
                 OPTION_BIT(OPTION_LABEL) | OPTION_BIT(OPTION_EXPIRES_IN) |
                 OPTION_BIT(OPTION_ERROR) | OPTION_BIT(OPTION_SORT) | OPTION_BIT(OPTION_WATCH),
         cmd_list,
         "  certctl list\n"
         "  certctl list --state failing --error authz/dns\n"
         "  certctl list --expires-in 7d --sort expiry\n"
         "  certctl list --sort next --limit 20    what certd does next\n"
         "  certctl list --label tenant=acme -o names\n"
         "  certctl list --state failing --watch\n"
         "  certctl list -o json --limit 100    \"after\" in the answer is for --after\n"
         "  certctl list --sort expiry --before '' --limit 20\n"
         "                                      the last 20 to end\n",
         true},
	{"show", "NAME", "all there is to know about a name", 0, cmd_show,
         "  certctl show shop.example.com\n"
         "  certctl show shop.example.com -o json\n",
         true},
	{"inspect", "NAME|FILE [KEYFILE]",
         "its certificates, one by one, and what is wrong with them", OPTION_BIT(OPTION_NAME),
         cmd_inspect,
         "  certctl inspect shop.example.com    what is stored, held against key, name and dates\n"
         "  certctl inspect ./chain.pem         certificates of a file; its keys stay in it\n"
         "  certctl inspect ./chain.pem ./key.pem --name shop.example.com\n"
         "                                      whether this key is theirs, and they the name's\n",
         true},
	{"diagnose", "NAME", "why a CA would not issue for a name, and who must act",
         OPTION_BIT(OPTION_TIMEOUT), cmd_diagnose,
         "  certctl diagnose shop.example.com   a name of ours, or one to be taken in\n"
         "  certctl diagnose shop.example.com -o json\n",
         true},
	{"order", "NAME", "the last attempts to get its certificate, step by step", 0, cmd_order,
         "  certctl order shop.example.com\n"
         "  certctl order shop.example.com -o json\n",
         true},
	{"renew", "[NAME...]", "get a new certificate now",
         WAITING | PROGRESS | OPTION_BIT(OPTION_EXPIRES_IN), cmd_renew,
         "  certctl renew --expires-in 7d       all whose certificate ends within a week\n"
         "  certctl renew shop.example.com --wait\n"
         "  certctl list --state failing -o names | certctl renew -\n",
         false},
	{"retry", "NAME...", "try what has failed at once, its limits at the CA being settled",
         WAITING | PROGRESS, cmd_retry,
         "  certctl retry shop.example.com --wait\n"
         "  certctl list --error ca/rate-limited -o names | certctl retry -\n",
         false},
	{"pause", "NAME...", "order nothing for names; what they have is served", PROGRESS,
         cmd_pause,
         "  certctl pause shop.example.com\n"
         "  certctl list --label tenant=acme -o names | certctl pause -\n",
         false},
	{"resume", "NAME...", "order for paused names again", PROGRESS, cmd_resume,
         "  certctl resume shop.example.com\n"
         "  certctl list --state paused -o names | certctl resume -\n",
         false},
	{"remove", "NAME...", "stop serving names and forget their certificates",
         PROGRESS | OPTION_BIT(OPTION_REASON) | OPTION_BIT(OPTION_YES), cmd_remove,
         "  certctl remove old.example.com\n"
         "  certctl remove old.example.com --reason 'moved to another host'\n"
         "  certctl list --state removed        when, by whom and why\n"
         "  certctl remove - <names.txt\n",
         false},
	{"wait", "NAME...", "tell the steps of names until they are served or have failed",
         OPTION_BIT(OPTION_TIMEOUT) | OPTION_BIT(OPTION_FOR), cmd_wait,
         "  certctl wait shop.example.com\n"
         "  certctl wait shop.example.com --for=stored\n"
         "  certctl wait shop.example.com --timeout 2m\n",
         false},
	{"events", "", "what happened, oldest first",
         OPTION_BIT(OPTION_FOLLOW) | OPTION_BIT(OPTION_LIMIT) | OPTION_BIT(OPTION_AFTER) |
                 OPTION_BIT(OPTION_NAME) | OPTION_BIT(OPTION_SINCE) | OPTION_BIT(OPTION_TYPE) |
                 OPTION_BIT(OPTION_SEVERITY),
         cmd_events,
         "  certctl events --follow\n"
         "  certctl events --name shop.example.com\n"
         "  certctl events --since 2h --type 'cert.*' --type order.failed\n"
         "  certctl events --since 1d --severity err     what was bad\n"
         "  certctl events --since 1d --type 'audit.*'   who has changed what\n"
         "  certctl events --after 1200 -o ndjson\n",
         true},
	{"faults", "", "what the audit finds wrong just now, and what clients ask for in vain",
         OPTION_BIT(OPTION_LIMIT) | OPTION_BIT(OPTION_AFTER), cmd_faults,
         "  certctl faults\n"
         "  certctl faults -o json\n",
         true},
	{"ack", "NAME|ID...", "acknowledge a name's faults, or an event: they are seen", 0, cmd_ack,
         "  certctl ack shop.example.com        until what is wrong with it has healed\n"
         "  certctl ack 1842                    an event, by its id, until it happens anew\n",
         false},
	{"status", "[NAME]", "how certd, or a name of it, is doing", 0, cmd_status,
         "  certctl status\n"
         "  certctl status shop.example.com     what show says, and its last events\n"
         "  certctl status -o json\n",
         true},
	{"check", "", "for monitoring: one line, and 0 ok, 1 warning, 2 critical, 3 unknown",
         OPTION_BIT(OPTION_WARN) | OPTION_BIT(OPTION_CRIT), cmd_check,
         "  certctl check                       14 days are a warning, 3 are critical\n"
         "  certctl check --warn 2d --crit 12h  for certificates of six days\n",
         false},
	{"reload", "", "take the configuration file anew; ends when that is done or refused",
         WAITING, cmd_reload,
         "  certctl reload --wait\n"
         "  certctl config check && certctl reload\n",
         false},
	{"upgrade", "", "put the certd that is installed now in the place of the one that runs",
         WAITING, cmd_upgrade,
         "  certctl upgrade\n"
         "  certctl upgrade --timeout 1m\n",
         false},
	{"config", "check [FILE] | show | diff",
         "the configuration: the file, and what certd runs with", 0, cmd_config,
         "  certctl config check                the file that certd runs with\n"
         "  certctl config check /etc/certd/certd.conf.new\n"
         "  certctl config show                 what certd runs with, includes and all\n"
         "  certctl config diff                 what a reload would change\n",
         false},
	{"backend", "list [NAME] | set NAME SERVER ready|drain|disabled | drain NAME SERVER",
         "servers behind certd", 0, cmd_backend,
         "  certctl backend list                health, connections, what is wrong\n"
         "  certctl backend drain app1 10.0.0.7:8080\n"
         "                                      no new connections; those there are go on\n"
         "  certctl backend set app1 10.0.0.7:8080 disabled\n"
         "                                      the same, and it is not checked either\n"
         "  certctl backend set app1 10.0.0.7:8080 ready\n",
         false},
	{"ca",
         "list | show NAME | test NAME | rollover NAME | register NAME | deactivate NAME --confirm "
         "NAME",
         "CAs and our accounts there",
         OPTION_BIT(OPTION_CONFIRM) | OPTION_BIT(OPTION_TIMEOUT) | OPTION_BIT(OPTION_YES), cmd_ca,
         "  certctl ca list                     how each CA is doing\n"
         "  certctl ca show letsencrypt         the account there, terms of service, profiles\n"
         "  certctl ca test letsencrypt         go there; registers the account if there is none\n"
         "  certctl ca rollover letsencrypt     a new key for the account\n"
         "  certctl ca deactivate letsencrypt --confirm letsencrypt\n"
         "                                      end the account, for ever\n"
         "  certctl ca register letsencrypt     a new account after that\n",
         false},
	{"limits", "[CA]", "what the limits of CAs leave us, what is blocked and until when",
         OPTION_BIT(OPTION_ALL), cmd_limits,
         "  certctl limits\n"
         "  certctl limits letsencrypt --all    each registered domain and set that is counted\n"
         "  certctl limits -o json\n",
         true},
	{"revoke", "NAME", "revoke a certificate, and get a new one",
         OPTION_BIT(OPTION_REASON) | OPTION_BIT(OPTION_WITH_KEY) | OPTION_BIT(OPTION_NO_RENEW) |
                 OPTION_BIT(OPTION_CA) | OPTION_BIT(OPTION_TIMEOUT) | OPTION_BIT(OPTION_YES),
         cmd_revoke,
         "  certctl revoke shop.example.com --reason keyCompromise\n"
         "  certctl revoke shop.example.com --with-key      without an account of ours\n"
         "  certctl revoke shop.example.com --reason cessationOfOperation --no-renew\n",
         false},
	{"db", "stat | check | backup DIR | restore DIR | compact", "the store as a whole",
         OPTION_BIT(OPTION_CONFIG) | OPTION_BIT(OPTION_TIMEOUT), cmd_db,
         "  certctl db stat                     size, room, keys, what was damaged\n"
         "  certctl db check                    read everything, list what is damaged\n"
         "  certctl db backup /backup/today     a copy, while certd serves\n"
         "  certctl db restore /backup/today    into an empty state directory, certd stopped\n"
         "  certctl db compact                  give free pages back, certd stopped\n",
         false},
	{"key", "init [FILE] | status | rotate | master | tickets", "what the store is sealed with",
         OPTION_BIT(OPTION_CONFIG), cmd_key,
         "  certctl key init                    a master key, where `master-key` says\n"
         "  certctl key init /root/certd.key    or in a file that is not there yet\n"
         "  certctl key rotate                  new data keys, while certd serves\n"
         "  certctl key status                  how far that is\n"
         "  certctl key master                  a new master key, while certd serves\n"
         "  certctl key tickets                 new keys for TLS session tickets, old ones void\n",
         false},
	{"completion", "bash | zsh | fish", "a script that completes certctl's words", 0,
         cmd_completion,
         "  source <(certctl completion bash)\n"
         "  certctl completion fish >~/.config/fish/completions/certctl.fish\n",
         false},
	{"console", "[NAME]", "names, events, CAs, front and store on a full screen, live",
         OPTION_BIT(OPTION_READ_ONLY) | OPTION_BIT(OPTION_MOUSE), cmd_console,
         "  certctl console                     ? shows the keys, q leaves\n"
         "  certctl console shop.example.com    begins with this name\n"
         "  certctl console --read-only\n",
         false},
	{"metrics", "", "the numbers that Prometheus gets", 0, cmd_metrics,
         "  certctl metrics\n"
         "  certctl metrics | grep ^certd_names\n",
         true},
	{"raw", "[REQUEST...]", "requests of the control protocol, from stdin or as arguments",
         OPTION_BIT(OPTION_TIMEOUT), cmd_raw,
         "  certctl raw '{\"verb\":\"version\"}'\n"
         "  certctl raw <requests.ndjson        a request a line, as in docs/control.md\n",
         false},
	{"version", "", "versions of certctl and certd", 0, cmd_version,
         "  certctl version\n"
         "  certctl version -o json\n",
         false},
};

const struct ctl_verb *
ctl_verb_at(size_t at)
{
	return at < sizeof(verbs) / sizeof(verbs[0]) ? &verbs[at] : NULL;
}
