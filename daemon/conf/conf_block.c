/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf/conf_build.h"

#include <string.h>

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

/* default */

static bool
take_default_ca(const struct conf_walk *w, const struct conf_rule *rule,
                const struct conf_statement *s, void *into)
{
	(void)rule;
	(void)into;
	w->build->default_ca = s;
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

static const char key_both[] = "both";

static const char *
next_key(const void *unused, size_t at)
{
	(void)unused;
	return at < KEY_KINDS    ? key_kind_word((enum key_kind)at)
	       : at == KEY_KINDS ? key_both
	                         : NULL;
}

/* One kind, or one of ECDSA and one of RSA; "both": the usual ones. */
static bool
take_key(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
         void *into)
{
	struct conf_default *d = into;
	enum key_kind kinds[2] = {KEY_ECDSA_P256, KEY_KINDS};

	(void)rule;
	if (s->word_count == 2 && strcmp(s->words[1].text, key_both) == 0)
		kinds[1] = KEY_RSA_2048;
	else
		for (size_t i = 1; i < s->word_count; i++) {
			if (strcmp(s->words[i].text, key_both) == 0)
				return conf_fail(w->cx, &s->words[i].at, "\"both\" stands alone");
			if (key_kind_parse(s->words[i].text, &kinds[i - 1]))
				return conf_fail_unknown(w->cx, &s->words[i], "kind of key",
				                         next_key, NULL);
		}
	if (kinds[1] != KEY_KINDS && key_kind_is_rsa(kinds[0]) == key_kind_is_rsa(kinds[1]))
		return conf_fail(w->cx, &s->words[2].at,
		                 "two certificates have one RSA and one ECDSA key");
	d->key = kinds[0];
	d->second_key = kinds[1];
	return true;
}

static bool
take_unknown_sni(const struct conf_walk *w, const struct conf_rule *rule,
                 const struct conf_statement *s, void *into)
{
	(void)rule;
	return conf_unknown_sni(w, s, &((struct conf_default *)into)->unknown_sni);
}

static const struct conf_rule default_rules[] = {
	CONF_RULE("ca", "NAME...", 1, DOMAIN_CAS_MAX, take_default_ca),
	CONF_RULE("backend", "NAME", 1, 1, take_default_backend),
	CONF_RULE("key", "KIND [KIND]", 1, 2, take_key),
	CONF_RULE("unknown-sni", "reject|default|close", 1, 1, take_unknown_sni),
	CONF_RULE("certificate", "NAME", 1, 1, conf_take_certificate),
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
conf_find_cas(const struct conf_walk *w, const struct conf_statement *s,
              const struct conf_ca *cas[DOMAIN_CAS_MAX], size_t *ret_count)
{
	struct conf *conf = w->build->conf;
	size_t count = 0;

	for (size_t i = 1; i < s->word_count; i++) {
		const struct conf_token *word = &s->words[i];
		const struct conf_ca *ca = conf_ca(conf, word->text);

		if (!ca)
			return conf_fail_unknown(w->cx, word, "ca", next_ca, conf);
		for (size_t k = 0; k < count; k++)
			if (cas[k] == ca)
				return conf_fail(w->cx, &word->at, "\"%s\" stands here twice",
				                 ca->name);
		cas[count++] = ca;
	}
	*ret_count = count;
	return true;
}

bool
conf_find_backend(const struct conf_walk *w, const struct conf_token *word,
                  const struct conf_backend **ret_backend)
{
	const struct conf_backend *backend = conf_backend(w->build->conf, word->text);

	if (!backend)
		return conf_fail_unknown(w->cx, word, "backend", next_backend, w->build->conf);
	*ret_backend = backend;
	return true;
}

bool
conf_resolve_default(const struct conf_walk *w)
{
	const struct conf_build *b = w->build;
	struct conf_default *d = &b->conf->otherwise;

	if (b->default_ca && !conf_find_cas(w, b->default_ca, d->cas, &d->ca_count))
		return false;
	d->ca = d->cas[0];
	return !b->default_backend || conf_find_backend(w, b->default_backend, &d->backend);
}
