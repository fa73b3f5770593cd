/* SPDX-License-Identifier: Apache-2.0 */
/* dns NAME { ... }, and which ca block means which. */
#include <string.h>

#include "daemon/conf/conf_build.h"

enum {
	HOOK_ARGS_MAX = 16,
	HOOK_TIMEOUT_MS = 30 * 1000,
	HOOK_TIMEOUT_MIN_MS = 1000,
	HOOK_TIMEOUT_MAX_MS = 10 * 60 * 1000,
};

static bool
take_hook(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
          void *into)
{
	const char **hook = conf_alloc(w->cx, (HOOK_ARGS_MAX + 2) * sizeof(*hook));

	(void)rule;
	if (!hook || !conf_path(w->cx, &s->words[1], CONF_PATH_MAX, &hook[0]))
		return false;
	for (size_t i = 2; i < s->word_count; i++)
		hook[i - 1] = s->words[i].text;
	hook[s->word_count - 1] = NULL;
	((struct conf_dns *)into)->hook = hook;
	return true;
}

static const struct conf_rule dns_rules[] = {
	CONF_RULE("hook", "PATH [ARGUMENT...]", 1, HOOK_ARGS_MAX + 1, take_hook),
	CONF_RULE("timeout", "TIME", 1, 1, conf_take_span,
                  .offset = offsetof(struct conf_dns, timeout_ms),
                  CONF_RANGE(HOOK_TIMEOUT_MIN_MS, HOOK_TIMEOUT_MAX_MS)),
	CONF_RULE("server", "ADDRESS[:PORT]", 1, 1, conf_take_dns_server),
	CONF_RULE("zone", "NAME", 1, 1, conf_take_dns_zone),
	CONF_RULE("key", "NAME ALGORITHM file PATH|credential NAME", 4, 4, conf_take_dns_key),
	CONF_RULE("ttl", "TIME", 1, 1, conf_take_dns_ttl),
	CONF_RULE("propagation-timeout", "TIME", 1, 1, conf_take_span,
                  .offset = offsetof(struct conf_dns, update.propagation_timeout_ms),
                  CONF_RANGE(1000, 60 * 60 * 1000)),
	CONF_RULE("check-at", "none|ADDRESS[:PORT]...", 1, CONF_CHECK_AT_MAX,
                  conf_take_dns_check_at),
};

static const struct conf_level dns_level = CONF_LEVEL("dns", dns_rules);

bool
conf_take_dns(const struct conf_walk *w, const struct conf_rule *rule,
              const struct conf_statement *s, void *into)
{
	struct conf *conf = into;
	struct conf_dns *dns = &w->build->dns[conf->dns_count];

	(void)rule;
	if (conf->dns_count == CONF_DNS_MAX)
		return conf_fail_many(w, s, CONF_DNS_MAX);
	*dns = (struct conf_dns){.timeout_ms = HOOK_TIMEOUT_MS, .update = CONF_DNS_UPDATE_DEFAULT};
	if (!conf_block_name(w->cx, &s->words[1], "dns", dns->name))
		return false;
	for (size_t i = 0; i < conf->dns_count; i++)
		if (strcmp(conf->dns[i].name, dns->name) == 0)
			return conf_fail_again(w, s, i);
	if (!conf_walk(w, &dns_level, s->first, dns))
		return false;
	if (!conf_dns_is_whole(w, s, dns))
		return false;
	conf->dns_count++;
	return true;
}

/* ---- of a ca block -------------------------------------------------------------------------- */

bool
conf_take_ca_dns(const struct conf_walk *w, const struct conf_rule *rule,
                 const struct conf_statement *s, void *into)
{
	struct conf_ca *ca = into;

	(void)rule;
	w->build->ca_dns[ca - w->build->cas].name = &s->words[1];
	return true;
}

void
conf_note_challenges(const struct conf_walk *w, const struct conf_ca *ca,
                     const struct conf_statement *s)
{
	for (size_t i = 0; i < ca->challenge_count; i++)
		if (ca->challenges[i] == CHALLENGE_DNS_01 ||
		    ca->challenges[i] == CHALLENGE_DNS_ACCOUNT_01)
			w->build->ca_dns[ca - w->build->cas].needed = &s->words[i + 1];
}

static const char *
next_dns(const void *conf, size_t at)
{
	const struct conf *c = conf;

	return at < c->dns_count ? c->dns[at].name : NULL;
}

bool
conf_resolve_dns(const struct conf_walk *w)
{
	const struct conf *conf = w->build->conf;

	for (size_t i = 0; i < conf->ca_count; i++) {
		const struct conf_token *name = w->build->ca_dns[i].name;
		const struct conf_token *needed = w->build->ca_dns[i].needed;

		if (name && !(w->build->cas[i].dns = conf_dns(conf, name->text)))
			return conf_fail_unknown(w->cx, name, "dns", next_dns, conf);
		if (!name && needed)
			return conf_fail(w->cx, &needed->at,
			                 "\"%s\" needs somebody who sets the records: dns NAME; "
			                 "in this block, and a block dns NAME { ... }",
			                 needed->text);
	}
	return true;
}
