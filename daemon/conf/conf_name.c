/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of names that are not served, and of clients that give none. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/idna.h"
#include "daemon/conf/conf_build.h"

enum { WHY_MAX = 256 };

static bool
host_name(const struct conf_walk *w, const struct conf_token *word, struct hostname *ret)
{
	char why[WHY_MAX];

	if (idna_parse(word->text, ret, why, sizeof(why)) != ERR_OK)
		return conf_fail(w->cx, &word->at, "\"%s\": %s", conf_show(w->cx, word->text), why);
	if (!hostname_is_wildcard(ret))
		return true;
	return conf_fail(w->cx, &word->at, "\"%s\" stands for many names: give one of them",
	                 ret->name);
}

bool
conf_take_certificate(const struct conf_walk *w, const struct conf_rule *rule,
                      const struct conf_statement *s, void *into)
{
	(void)rule;
	return host_name(w, &s->words[1], &((struct conf_default *)into)->certificate);
}

bool
conf_unknown_sni(const struct conf_walk *w, const struct conf_statement *s,
                 enum conf_unknown_sni *ret)
{
	static const char *const words[] = {"reject", "default", "close", NULL};

	for (int i = 0; words[i]; i++) {
		if (strcmp(s->words[1].text, words[i]) != 0)
			continue;
		*ret = (enum conf_unknown_sni)(UNKNOWN_SNI_REJECT + i);
		if (*ret == UNKNOWN_SNI_DEFAULT && !w->build->wants_certificate)
			w->build->wants_certificate = &s->words[1];
		return true;
	}
	return conf_fail_unknown(w->cx, &s->words[1], "choice", nearest_in_list, words);
}

bool
conf_take_listen_unknown_sni(const struct conf_walk *w, const struct conf_rule *rule,
                             const struct conf_statement *s, void *into)
{
	(void)rule;
	conf_tls_word(w, s);
	return conf_unknown_sni(w, s, &((struct conf_listen *)into)->unknown_sni);
}

bool
conf_resolve_names(const struct conf_walk *w)
{
	const struct conf_token *word = w->build->wants_certificate;

	if (!word || w->build->conf->otherwise.certificate.len)
		return true;
	return conf_fail(w->cx, &word->at,
	                 "which certificate is missing: default { certificate NAME; }");
}

/* bind */

static bool
local_address(const struct conf_walk *w, const struct conf_token *word,
              struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, word->text, &in->sin_addr) == 1) {
		ret->ss_family = AF_INET;
		return true;
	}
	if (inet_pton(AF_INET6, word->text, &in6->sin6_addr) == 1) {
		ret->ss_family = AF_INET6;
		return true;
	}
	return conf_fail(w->cx, &word->at,
	                 "\"%s\" is not an address alone, as 192.0.2.1 or 2001:db8::1",
	                 conf_show(w->cx, word->text));
}

bool
conf_take_bind(const struct conf_walk *w, const struct conf_rule *rule,
               const struct conf_statement *s, void *into)
{
	struct conf *conf = into;
	struct conf_bind *bind = &w->build->binds[conf->bind_count];

	(void)rule;
	if (conf->bind_count == CONF_BINDS_MAX)
		return conf_fail_many(w, s, CONF_BINDS_MAX);
	if (!local_address(w, &s->words[1], &bind->address) ||
	    !host_name(w, &s->words[2], &bind->name))
		return false;
	for (size_t i = 0; i < conf->bind_count; i++)
		if (memcmp(&conf->binds[i].address, &bind->address, sizeof(bind->address)) == 0)
			return conf_fail_again(w, s, i);
	conf->bind_count++;
	return true;
}
