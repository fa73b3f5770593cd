/* SPDX-License-Identifier: Apache-2.0 */
/* on-demand { ... } */
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "acme/url.h"
#include "base/units.h"
#include "daemon/conf/conf_build.h"
#include "store/label.h"

enum {
	WAIT_MS = 20 * 1000,
	WAIT_MAX_MS = 120 * 1000,
	CACHE_MS = 10 * 60 * 1000,
	CACHE_MAX_MS = 24 * 60 * 60 * 1000,
	DAY_S = 86400,
	LAPSE_S = 60 * DAY_S,
	LAPSE_MIN_S = 5,
	LAPSE_MAX_S = 3650 * DAY_S,
};

/* What a host is called where nobody looks it up. */
static const char socket_url[] = "http://localhost/on-demand";

static bool
take_allow(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
           void *into)
{
	struct conf_on_demand *o = into;
	const char *why;

	(void)rule;
	if (!w->build->allow)
		w->build->allow = conf_alloc(w->cx, CONF_ALLOW_MAX * sizeof(*w->build->allow));
	if (!w->build->allow)
		return false;
	o->allow = w->build->allow;
	for (size_t i = 1; i < s->word_count; i++) {
		if (o->allow_count == CONF_ALLOW_MAX)
			return conf_fail(w->cx, &s->words[i].at, "more than %d patterns",
			                 CONF_ALLOW_MAX);
		if (hostname_parse(s->words[i].text, &w->build->allow[o->allow_count++], &why))
			return conf_fail(w->cx, &s->words[i].at, "\"%s\": %s",
			                 conf_show(w->cx, s->words[i].text), why);
	}
	return true;
}

/* https://HOST/... [ca-file PATH], or unix:PATH */
static bool
take_permission(const struct conf_walk *w, const struct conf_rule *rule,
                const struct conf_statement *s, void *into)
{
	struct conf_on_demand *o = into;
	const struct conf_token *word = &s->words[1];
	struct conf_token path = *word;

	if (strncmp(word->text, "unix:", 5) == 0 && s->word_count == 2) {
		path.text = word->text + 5;
		o->url = socket_url;
		return conf_path(w->cx, &path, sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
		                 &o->socket);
	}
	o->url = word->text;
	if (!url_is_sane(word->text))
		return conf_fail(w->cx, &word->at,
		                 "\"%s\" is neither https://HOST/... nor unix:PATH",
		                 conf_show(w->cx, word->text));
	if (s->word_count == 2)
		return true;
	if (s->word_count != 4 || strcmp(s->words[2].text, "ca-file") != 0)
		return conf_fail(w->cx, &s->words[2].at, "write: permission %s", rule->args);
	return conf_path(w->cx, &s->words[3], CONF_PATH_MAX, &o->ca_file);
}

static bool
take_rate(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
          void *into)
{
	return conf_rate(w, &s->words[1], (void *)((char *)into + rule->offset));
}

/* Longer than milliseconds of 32 bits go. */
static bool
take_lapse(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
           void *into)
{
	uint64_t ms;

	(void)rule;
	if (units_parse_ms(s->words[1].text, &ms) || ms / 1000 < LAPSE_MIN_S ||
	    ms / 1000 > LAPSE_MAX_S)
		return conf_fail(w->cx, &s->words[1].at,
		                 "\"%s\": a time from 5s to 3650d, as in 60d",
		                 conf_show(w->cx, s->words[1].text));
	((struct conf_on_demand *)into)->lapse_s = (uint32_t)(ms / 1000);
	return true;
}

static bool
take_label(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
           void *into)
{
	struct conf_on_demand *o = into;
	struct domain d = {.failures = 0};
	const char *why = "a name has at most 8 labels";
	struct label label;

	(void)rule;
	memcpy(d.labels, o->labels, sizeof(d.labels));
	if (label_parse(s->words[1].text, &label, &why) || label_set(&d, &label))
		return conf_fail(w->cx, &s->words[1].at, "\"%s\": %s",
		                 conf_show(w->cx, s->words[1].text), why);
	memcpy(o->labels, d.labels, sizeof(d.labels));
	return true;
}

static bool
take_ca(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
        void *into)
{
	(void)rule;
	(void)into;
	w->build->on_demand_ca = s;
	return true;
}

static bool
take_backend(const struct conf_walk *w, const struct conf_rule *rule,
             const struct conf_statement *s, void *into)
{
	(void)rule;
	(void)into;
	w->build->on_demand_backend = &s->words[1];
	return true;
}

static const struct conf_rule on_demand_rules[] = {
	CONF_RULE("allow", "PATTERN...", 1, CONF_ALLOW_MAX, take_allow, .repeats = true),
	CONF_RULE("permission", "https://HOST/... [ca-file PATH] | unix:PATH", 1, 3,
                  take_permission),
	CONF_RULE("wait", "TIME", 1, 1, conf_take_span,
                  .offset = offsetof(struct conf_on_demand, wait_ms),
                  CONF_RANGE(1000, WAIT_MAX_MS)),
	CONF_RULE("cache", "TIME", 1, 1, conf_take_span,
                  .offset = offsetof(struct conf_on_demand, cache_ms),
                  CONF_RANGE(1000, CACHE_MAX_MS)),
	CONF_RULE("names-per-address", "NUMBER/TIME", 1, 1, take_rate,
                  .offset = offsetof(struct conf_on_demand, per_address)),
	CONF_RULE("names-per-domain", "NUMBER/TIME", 1, 1, take_rate,
                  .offset = offsetof(struct conf_on_demand, per_domain)),
	CONF_RULE("lapse", "TIME", 1, 1, take_lapse),
	CONF_RULE("ca", "NAME...", 1, DOMAIN_CAS_MAX, take_ca),
	CONF_RULE("backend", "NAME", 1, 1, take_backend),
	CONF_RULE("label", "KEY=VALUE", 1, 1, take_label, .repeats = true),
};

static const struct conf_level on_demand_level = CONF_LEVEL("on-demand", on_demand_rules);

bool
conf_take_on_demand(const struct conf_walk *w, const struct conf_rule *rule,
                    const struct conf_statement *s, void *into)
{
	struct conf_on_demand *o = &((struct conf *)into)->on_demand;

	(void)rule;
	if (!conf_walk(w, &on_demand_level, s->first, o))
		return false;
	w->build->on_demand = s;
	o->on = true;
	return o->allow_count || o->url ||
	       conf_fail(w->cx, &s->opened,
	                 "whose names is missing: allow PATTERN...; or permission ...;");
}

void
conf_on_demand_defaults(struct conf_on_demand *o)
{
	*o = (struct conf_on_demand){.wait_ms = WAIT_MS,
	                             .cache_ms = CACHE_MS,
	                             .per_address = {30, 3600},
	                             .per_domain = {20, DAY_S},
	                             .lapse_s = LAPSE_S};
}

bool
conf_resolve_on_demand(const struct conf_walk *w)
{
	const struct conf_build *b = w->build;
	struct conf_on_demand *o = &b->conf->on_demand;
	const struct conf_default *d = &b->conf->otherwise;

	if (!o->on)
		return true;
	o->backend = d->backend;
	o->ca_count = d->ca_count;
	memcpy(o->cas, d->cas, sizeof(o->cas));
	if (b->on_demand_ca && !conf_find_cas(w, b->on_demand_ca, o->cas, &o->ca_count))
		return false;
	if (b->on_demand_backend && !conf_find_backend(w, b->on_demand_backend, &o->backend))
		return false;
	if (!o->ca_count || !o->backend)
		return conf_fail(w->cx, &b->on_demand->opened,
		                 "no \"%s\", neither here nor in \"default\"",
		                 o->backend ? "ca" : "backend");
	if (o->backend->passthrough)
		return conf_fail(
			w->cx, &b->on_demand->opened,
			"backend \"%s\" has TLS of its own: it needs no certificate of ours",
			o->backend->name);
	return true;
}

bool
conf_may_come(const struct conf_on_demand *o, const struct hostname *name)
{
	struct hostname strict;

	if (!o->on || !strchr(name->name, '.') || hostname_parse(name->name, &strict, NULL) ||
	    hostname_is_wildcard(&strict))
		return false;
	for (size_t i = 0; i < o->allow_count; i++)
		if (hostname_matches(&o->allow[i], name))
			return true;
	return o->allow_count == 0;
}

int64_t
conf_use_every_s(const struct conf_on_demand *o)
{
	return o->lapse_s / 8 < DAY_S ? o->lapse_s / 8 : DAY_S;
}
