/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf_build.h"

#include <string.h>

enum { MINUTE_MS = 60 * 1000 };

/* The N-th statement of WORD at the top: where something was said before. */
static const struct conf_place *
place_of(const struct conf_build *b, const char *word, size_t n)
{
	const struct conf_statement *s = b->first;

	while (s->next && (strcmp(s->words[0].text, word) != 0 || n-- > 0))
		s = s->next;
	return &s->words[0].at;
}

bool
conf_fail_again(const struct conf_walk *w, const struct conf_statement *s, size_t n)
{
	const struct conf_place *before = place_of(w->build, s->words[0].text, n);

	return conf_fail(w->cx, &s->words[1].at, "%s \"%s\" is already set at %s:%u",
	                 s->words[0].text, conf_show(w->cx, s->words[1].text), before->file,
	                 before->line);
}

bool
conf_fail_many(const struct conf_walk *w, const struct conf_statement *s, int max)
{
	return conf_fail(w->cx, &s->words[0].at, "more than %d \"%s\"", max, s->words[0].text);
}

/* listen */

static bool
take_listen_kind(const struct conf_walk *w, const struct conf_rule *rule,
                 const struct conf_statement *s, void *into)
{
	struct conf_listen *listen = into;

	if (listen->kind)
		return conf_fail(w->cx, &s->words[0].at,
		                 "one address speaks either \"tls\" or \"http\", not both");
	listen->kind = strcmp(rule->word, "tls") == 0 ? LISTEN_TLS : LISTEN_HTTP;
	return true;
}

static const struct conf_rule listen_rules[] = {
	CONF_RULE("tls", "", 0, 0, take_listen_kind),
	CONF_RULE("http", "", 0, 0, take_listen_kind),
	CONF_RULE("max-connections", "NUMBER", 1, 1, conf_take_number,
                  .offset = offsetof(struct conf_listen, max_connections), CONF_RANGE(1, 1000000)),
	CONF_RULE("handshake-timeout", "TIME", 1, 1, conf_take_span,
                  .offset = offsetof(struct conf_listen, handshake_timeout_ms),
                  CONF_RANGE(100, 60 * MINUTE_MS)),
	CONF_RULE("idle-timeout", "TIME", 1, 1, conf_take_span,
                  .offset = offsetof(struct conf_listen, idle_timeout_ms),
                  CONF_RANGE(100, 24 * 60 * MINUTE_MS)),
};

static const struct conf_level listen_level = CONF_LEVEL("listen", listen_rules);

bool
conf_take_listen(const struct conf_walk *w, const struct conf_rule *rule,
                 const struct conf_statement *s, void *into)
{
	struct conf *conf = into;
	struct conf_listen *listen = &w->build->listens[conf->listen_count];

	(void)rule;
	if (conf->listen_count == CONF_LISTENS_MAX)
		return conf_fail_many(w, s, CONF_LISTENS_MAX);
	*listen = (struct conf_listen){.max_connections = 20000,
	                               .handshake_timeout_ms = 10 * 1000,
	                               .idle_timeout_ms = 5 * MINUTE_MS};
	if (!conf_socket_address(w->cx, &s->words[1], &listen->address))
		return false;
	for (size_t i = 0; i < conf->listen_count; i++)
		if (strcmp(conf->listens[i].address.text, listen->address.text) == 0)
			return conf_fail_again(w, s, i);
	if (!conf_walk(w, &listen_level, s->first, listen))
		return false;
	if (!listen->kind)
		return conf_fail(w->cx, &s->opened,
		                 "what to speak there is missing: \"tls;\" or \"http;\"");
	conf->listen_count++;
	return true;
}

/* default */

static bool
take_default_ca(const struct conf_walk *w, const struct conf_rule *rule,
                const struct conf_statement *s, void *into)
{
	(void)rule;
	(void)into;
	w->build->default_ca = &s->words[1];
	return true;
}

static bool
take_default_backend(const struct conf_walk *w, const struct conf_rule *rule,
                     const struct conf_statement *s, void *into)
{
	(void)rule;
	(void)into;
	w->build->default_backend = &s->words[1];
	return true;
}

static const char *
next_key(const void *unused, size_t at)
{
	(void)unused;
	return at < KEY_KINDS ? key_kind_word((enum key_kind)at) : NULL;
}

static bool
take_key(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
         void *into)
{
	(void)rule;
	if (key_kind_parse(s->words[1].text, &((struct conf_default *)into)->key) == ERR_OK)
		return true;
	return conf_fail_unknown(w->cx, &s->words[1], "kind of key", next_key, NULL);
}

static bool
take_unknown_sni(const struct conf_walk *w, const struct conf_rule *rule,
                 const struct conf_statement *s, void *into)
{
	static const char *const words[] = {"reject", "close", NULL};

	(void)rule;
	for (int i = 0; words[i]; i++)
		if (strcmp(s->words[1].text, words[i]) == 0) {
			((struct conf_default *)into)->unknown_sni =
				(enum conf_unknown_sni)(UNKNOWN_SNI_REJECT + i);
			return true;
		}
	return conf_fail_unknown(w->cx, &s->words[1], "choice", nearest_in_list, words);
}

static const struct conf_rule default_rules[] = {
	CONF_RULE("ca", "NAME", 1, 1, take_default_ca),
	CONF_RULE("backend", "NAME", 1, 1, take_default_backend),
	CONF_RULE("key", "KIND", 1, 1, take_key),
	CONF_RULE("unknown-sni", "reject|close", 1, 1, take_unknown_sni),
};

static const struct conf_level default_level = CONF_LEVEL("default", default_rules);

bool
conf_take_default(const struct conf_walk *w, const struct conf_rule *rule,
                  const struct conf_statement *s, void *into)
{
	(void)rule;
	return conf_walk(w, &default_level, s->first, &((struct conf *)into)->otherwise);
}

static const char *
next_ca(const void *conf, size_t at)
{
	const struct conf *c = conf;

	return at < c->ca_count ? c->cas[at].name : NULL;
}

static const char *
next_backend(const void *conf, size_t at)
{
	const struct conf *c = conf;

	return at < c->backend_count ? c->backends[at].name : NULL;
}

bool
conf_resolve_default(const struct conf_walk *w)
{
	const struct conf_build *b = w->build;
	struct conf *conf = b->conf;

	if (b->default_ca) {
		conf->otherwise.ca = conf_ca(conf, b->default_ca->text);
		if (!conf->otherwise.ca)
			return conf_fail_unknown(w->cx, b->default_ca, "ca", next_ca, conf);
	}
	if (b->default_backend) {
		conf->otherwise.backend = conf_backend(conf, b->default_backend->text);
		if (!conf->otherwise.backend)
			return conf_fail_unknown(w->cx, b->default_backend, "backend", next_backend,
			                         conf);
	}
	return true;
}
