/* SPDX-License-Identifier: Apache-2.0 */
/* Of a dns block: signed updates, and where to look; resolver ADDRESS...; */
#include "daemon/conf/conf_dns_update.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "daemon/conf/conf_build.h"
#include "daemon/dns/dns.h"

enum { PORT = 53, TTL_MAX_S = 24 * 60 * 60 };

/* 192.0.2.1, 2001:db8::1 or [2001:db8::1], each at port 53; or an address with its port. */
static bool
take_address(struct conf_context *cx, const struct conf_token *word, struct conf_address *ret)
{
	struct conf_address a = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a.sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a.sa;
	char host[INET6_ADDRSTRLEN];
	size_t len = strlen(word->text);
	bool brackets = len > 2 && word->text[0] == '[' && word->text[len - 1] == ']';

	snprintf(host, sizeof(host), "%.*s", (int)(brackets ? len - 2 : len),
	         word->text + brackets);
	if (!brackets && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(PORT);
		a.len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(PORT);
		a.len = sizeof(*v6);
	} else {
		return conf_socket_address(cx, word, ret);
	}
	snprintf(a.text, sizeof(a.text), "%s", host);
	*ret = a;
	return true;
}

bool
conf_take_resolver(const struct conf_walk *w, const struct conf_rule *rule,
                   const struct conf_statement *s, void *into)
{
	struct conf_dns_resolvers *r = &((struct conf *)into)->resolvers;

	(void)rule;
	for (size_t i = 1; i < s->word_count; i++)
		if (!take_address(w->cx, &s->words[i], &r->addresses[r->count++]))
			return false;
	return true;
}

bool
conf_take_dns_server(const struct conf_walk *w, const struct conf_rule *rule,
                     const struct conf_statement *s, void *into)
{
	(void)rule;
	return take_address(w->cx, &s->words[1], &((struct conf_dns *)into)->update.server);
}

/* A DNS name in lower case, without final dot; zones and keys may have "_". */
static bool
take_name(struct conf_context *cx, const struct conf_token *word, const char *what,
          const char **ret_name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
	char *name = conf_strdup(cx, word->text);
	size_t len = name ? strlen(name) : 0;

	if (!name)
		return false;
	if (len > 1 && name[len - 1] == '.')
		name[--len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] = (char)(name[i] - 'A' + 'a');
	if (len == 0 || *name == '.' || len > DNS_NAME_MAX || strspn(name, letters) != len ||
	    !dns_is_name(name))
		return conf_fail(cx, &word->at, "\"%s\" is not the name of a %s",
		                 conf_show(cx, word->text), what);
	*ret_name = name;
	return true;
}

bool
conf_take_dns_zone(const struct conf_walk *w, const struct conf_rule *rule,
                   const struct conf_statement *s, void *into)
{
	(void)rule;
	return take_name(w->cx, &s->words[1], "zone", &((struct conf_dns *)into)->update.zone);
}

static const char *
next_hmac(const void *unused, size_t at)
{
	(void)unused;
	return at < DNS_HMAC_SHA512 ? dns_hmac_word((enum dns_hmac)(at + 1)) : NULL;
}

/* A name in $CREDENTIALS_DIRECTORY: no path. */
static bool
take_credential(struct conf_context *cx, const struct conf_token *word, const char **ret_name)
{
	if (!*word->text || strchr(word->text, '/') || word->text[0] == '.')
		return conf_fail(cx, &word->at, "\"%s\" is not the name of a credential",
		                 conf_show(cx, word->text));
	*ret_name = word->text;
	return true;
}

bool
conf_take_dns_key(const struct conf_walk *w, const struct conf_rule *rule,
                  const struct conf_statement *s, void *into)
{
	struct conf_dns_update *u = &((struct conf_dns *)into)->update;
	const char *algorithm = s->words[2].text, *where = s->words[3].text;

	(void)rule;
	if (!take_name(w->cx, &s->words[1], "key", &u->key_name))
		return false;
	if (strcmp(algorithm, "hmac-md5") == 0 || strcmp(algorithm, "hmac-sha1") == 0)
		return conf_fail(w->cx, &s->words[2].at,
		                 "%s is too weak: make a key with hmac-sha256", algorithm);
	if (dns_hmac_parse(algorithm, &u->key_algorithm))
		return conf_fail_unknown(w->cx, &s->words[2], "algorithm", next_hmac, NULL);
	if (strcmp(where, "file") == 0)
		return conf_path(w->cx, &s->words[4], CONF_PATH_MAX, &u->key_file);
	if (strcmp(where, "credential") == 0)
		return take_credential(w->cx, &s->words[4], &u->key_credential);
	return conf_fail(w->cx, &s->words[3].at, "\"%s\": a key is in a \"file\" or \"credential\"",
	                 conf_show(w->cx, where));
}

bool
conf_take_dns_ttl(const struct conf_walk *w, const struct conf_rule *rule,
                  const struct conf_statement *s, void *into)
{
	static const struct conf_range range = {.min = 1000, .max = TTL_MAX_S * 1000};
	uint32_t ms;

	(void)rule;
	if (!conf_span(w->cx, &s->words[1], &range, &ms))
		return false;
	if (ms % 1000 != 0)
		return conf_fail(w->cx, &s->words[1].at, "a TTL is of whole seconds");
	((struct conf_dns *)into)->update.ttl_s = ms / 1000;
	return true;
}

bool
conf_take_dns_check_at(const struct conf_walk *w, const struct conf_rule *rule,
                       const struct conf_statement *s, void *into)
{
	struct conf_dns_update *u = &((struct conf_dns *)into)->update;

	(void)rule;
	if (s->word_count == 2 && strcmp(s->words[1].text, "none") == 0) {
		u->unchecked = true;
		return true;
	}
	for (size_t i = 1; i < s->word_count; i++)
		if (!take_address(w->cx, &s->words[i], &u->check_at[u->check_at_count++]))
			return false;
	return true;
}

bool
conf_dns_is_whole(const struct conf_walk *w, const struct conf_statement *s,
                  const struct conf_dns *dns)
{
	const struct conf_dns_update *u = &dns->update;
	const char *missing = NULL;

	if (!dns->hook && !u->server.len)
		missing = "how records are set is missing: hook PATH [ARGUMENT...]; "
			  "or server ADDRESS; and key";
	else if (dns->hook && (u->server.len || u->key_name || u->zone))
		missing = "records are set by a hook or by updates of a server, not by both";
	else if (u->server.len && !u->key_name)
		missing = "the key is missing: key NAME hmac-sha256 file PATH;";
	else if (u->server.len && !u->zone && (u->unchecked || u->check_at_count))
		missing = "with \"check-at\" the zone must be said: zone NAME;";
	return !missing || conf_fail(w->cx, &s->opened, "%s", missing);
}
