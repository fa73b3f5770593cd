/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf/conf_build.h"

#include <openssl/crypto.h>
#include <string.h>

#include "acme/chain.h"
#include "acme/engine_config.h"
#include "acme/jose.h"
#include "base/nearest.h"

enum { CONTACTS_MAX = 8, PROFILE_MAX = 63, KID_MAX = 255, CREDENTIAL_MAX = 255 };

static bool
take_url(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
         void *into)
{
	(void)rule;
	return conf_https_url(w->cx, &s->words[1], &((struct conf_ca *)into)->directory);
}

static bool
take_account(const struct conf_walk *w, const struct conf_rule *rule,
             const struct conf_statement *s, void *into)
{
	struct conf_ca *ca = into;
	const char **contacts = conf_alloc(w->cx, rule->args_max * sizeof(*contacts));

	if (!contacts)
		return false;
	for (size_t i = 1; i < s->word_count; i++)
		if (!conf_mail(w->cx, &s->words[i], &contacts[ca->contact_count++]))
			return false;
	ca->contacts = contacts;
	return true;
}

static bool
is_printable(const char *text, size_t max)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return len > 0 && len <= max;
}

/* A file's name, without a way to elsewhere. */
static bool
take_credential(const struct conf_walk *w, const struct conf_token *word, const char **ret_name)
{
	if (!is_printable(word->text, CREDENTIAL_MAX) || strchr(word->text, '/') ||
	    word->text[0] == '.')
		return conf_fail(w->cx, &word->at, "\"%s\" is not the name of a credential",
		                 conf_show(w->cx, word->text));
	*ret_name = word->text;
	return true;
}

static bool
take_eab(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
         void *into)
{
	static const char *const places[] = {"file", "credential", NULL};
	struct conf_eab *eab = &((struct conf_ca *)into)->eab;
	const char *place = s->words[2].text;

	(void)rule;
	if (!is_printable(s->words[1].text, KID_MAX))
		return conf_fail(w->cx, &s->words[1].at,
		                 "\"%s\" is not a key identifier: printable ASCII, at most %d "
		                 "characters",
		                 conf_show(w->cx, s->words[1].text), KID_MAX);
	eab->kid = s->words[1].text;
	if (strcmp(place, "file") == 0)
		return conf_path(w->cx, &s->words[3], CONF_PATH_MAX, &eab->file);
	if (strcmp(place, "credential") == 0)
		return take_credential(w, &s->words[3], &eab->credential);
	return conf_fail_unknown(w->cx, &s->words[2], "place of a key", nearest_in_list, places);
}

static const char *
next_mac(const void *unused, size_t at)
{
	(void)unused;
	return at < BINDING_MACS ? binding_mac_word((enum binding_mac)at) : NULL;
}

static bool
take_eab_algorithm(const struct conf_walk *w, const struct conf_rule *rule,
                   const struct conf_statement *s, void *into)
{
	(void)rule;
	if (!binding_mac_parse(s->words[1].text, &((struct conf_ca *)into)->eab.mac))
		return true;
	return conf_fail_unknown(w->cx, &s->words[1], "algorithm", next_mac, NULL);
}

static bool
take_account_key(const struct conf_walk *w, const struct conf_rule *rule,
                 const struct conf_statement *s, void *into)
{
	static const char *const algs[] = {"ES256", "ES384", "RS256", NULL};

	(void)rule;
	if (!jose_key_kind(s->words[1].text, &((struct conf_ca *)into)->account_key))
		return true;
	return conf_fail_unknown(w->cx, &s->words[1], "kind of account key", nearest_in_list, algs);
}

static const char *
next_challenge(const void *unused, size_t at)
{
	(void)unused;
	return at + 1 < CHALLENGE_KIND_END ? challenge_kind_word((enum challenge_kind)(at + 1))
	                                   : NULL;
}

static bool
take_challenges(const struct conf_walk *w, const struct conf_rule *rule,
                const struct conf_statement *s, void *into)
{
	struct conf_ca *ca = into;

	(void)rule;
	ca->challenge_count = 0;
	for (size_t i = 1; i < s->word_count; i++) {
		enum challenge_kind kind;

		if (challenge_kind_parse(s->words[i].text, &kind))
			return conf_fail_unknown(w->cx, &s->words[i], "challenge", next_challenge,
			                         NULL);
		for (size_t k = 0; k < ca->challenge_count; k++)
			if (ca->challenges[k] == kind)
				return conf_fail(w->cx, &s->words[i].at, "\"%s\" stands here twice",
				                 s->words[i].text);
		ca->challenges[ca->challenge_count++] = kind;
	}
	conf_note_challenges(w, ca, s);
	return true;
}

static bool
take_profile(const struct conf_walk *w, const struct conf_rule *rule,
             const struct conf_statement *s, void *into)
{
	const char *word = s->words[1].text;
	struct conf_ca *ca = into;

	(void)rule;
	for (size_t i = 0; word[i] || i == 0; i++)
		if (i == PROFILE_MAX || !word[i] || word[i] <= ' ' || word[i] > '~' ||
		    word[i] == '"')
			return conf_fail(
				w->cx, &s->words[1].at,
				"\"%s\" is not the name of a profile: see what the CA offers",
				conf_show(w->cx, word));
	if (s->word_count > 2 && strcmp(s->words[2].text, "required") != 0)
		return conf_fail(w->cx, &s->words[2].at, "\"%s\": only \"required\" may stand here",
		                 conf_show(w->cx, s->words[2].text));
	ca->profile = word;
	ca->profile_required = s->word_count > 2;
	return true;
}

/* Hexadecimal, with or without colons as tools print it. */
static bool
take_spki(const struct conf_walk *w, const struct conf_token *word, struct conf_ca *ca)
{
	unsigned char *hash = conf_alloc(w->cx, ENGINE_SPKI_LEN);
	size_t len = 0;

	if (!hash)
		return false;
	if (OPENSSL_hexstr2buf_ex(hash, ENGINE_SPKI_LEN, &len, word->text, ':') != 1 ||
	    len != ENGINE_SPKI_LEN)
		return conf_fail(w->cx, &word->at,
		                 "\"%s\" is not a SHA-256 of %d bytes in hexadecimal",
		                 conf_show(w->cx, word->text), ENGINE_SPKI_LEN);
	ca->chain_spki = hash;
	return true;
}

static bool
take_chain(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
           void *into)
{
	static const char *const kinds[] = {"issuer", "spki", NULL};
	const struct conf_token *kind = &s->words[1];
	struct conf_ca *ca = into;

	(void)rule;
	if (strcmp(kind->text, "spki") == 0)
		return take_spki(w, &s->words[2], ca);
	if (strcmp(kind->text, "issuer") != 0)
		return conf_fail_unknown(w->cx, kind, "way to choose a chain", nearest_in_list,
		                         kinds);
	if (!*s->words[2].text || strlen(s->words[2].text) > CHAIN_ISSUER_MAX)
		return conf_fail(w->cx, &s->words[2].at, "no CA is called \"%s\"",
		                 conf_show(w->cx, s->words[2].text));
	ca->chain_issuer = s->words[2].text;
	return true;
}

static const struct conf_rule ca_rules[] = {
	CONF_RULE("directory", "URL", 1, 1, take_url),
	CONF_RULE("ca-file", "PATH", 1, 1, conf_take_path,
                  .offset = offsetof(struct conf_ca, ca_file), CONF_RANGE(1, CONF_PATH_MAX)),
	CONF_RULE("account", "MAIL...", 1, CONTACTS_MAX, take_account),
	CONF_RULE("agree-terms", "", 0, 0, conf_take_flag,
                  .offset = offsetof(struct conf_ca, agree_terms)),
	CONF_RULE("eab", "KID file|credential WHERE", 3, 3, take_eab),
	CONF_RULE("eab-algorithm", "ALGORITHM", 1, 1, take_eab_algorithm),
	CONF_RULE("account-key", "ALGORITHM", 1, 1, take_account_key),
	CONF_RULE("challenge", "KIND...", 1, CHALLENGE_KIND_END - 1, take_challenges),
	CONF_RULE("dns", "NAME", 1, 1, conf_take_ca_dns),
	CONF_RULE("profile", "NAME [required]", 1, 2, take_profile),
	CONF_RULE("chain", "issuer NAME | spki SHA256", 2, 2, take_chain),
	CONF_RULE("max-orders", "NUMBER", 1, 1, conf_take_number,
                  .offset = offsetof(struct conf_ca, max_orders), CONF_RANGE(1, 1000)),
	CONF_RULE("diagnose", "advise|require", 1, 1, conf_take_ca_diagnose),
	CONF_RULE("orders", "NUMBER/TIME", 1, 1, conf_take_budget),
	CONF_RULE("limits", "letsencrypt|generic|none [SCOPE NUMBER/TIME]...", 1, 21,
                  conf_take_limits),
};

static const struct conf_level ca_level = CONF_LEVEL("ca", ca_rules);

bool
conf_take_ca(const struct conf_walk *w, const struct conf_rule *rule,
             const struct conf_statement *s, void *into)
{
	struct conf *conf = into;
	struct conf_ca *ca = &w->build->cas[conf->ca_count];

	(void)rule;
	if (conf->ca_count == CONF_CAS_MAX)
		return conf_fail_many(w, s, CONF_CAS_MAX);
	*ca = (struct conf_ca){.challenges = {CHALLENGE_HTTP_01, CHALLENGE_TLS_ALPN_01},
	                       .challenge_count = 2,
	                       .max_orders = 64};
	if (!conf_block_name(w->cx, &s->words[1], "ca", ca->name))
		return false;
	for (size_t i = 0; i < conf->ca_count; i++)
		if (strcmp(conf->cas[i].name, ca->name) == 0)
			return conf_fail_again(w, s, i);
	if (!conf_walk(w, &ca_level, s->first, ca))
		return false;
	if (!ca->directory)
		return conf_fail(w->cx, &s->opened, "the CA's address is missing: directory URL;");
	conf_limits_defaults(ca);
	conf->ca_count++;
	return true;
}
