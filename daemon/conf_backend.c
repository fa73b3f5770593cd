/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf_build.h"

#include <string.h>

enum { MINUTE_MS = 60 * 1000 };

static bool
take_servers(const struct conf_walk *w, const struct conf_rule *rule,
             const struct conf_statement *s, void *into)
{
	struct conf_backend *backend = into;

	(void)rule;
	for (size_t i = 1; i < s->word_count; i++)
		if (!conf_socket_address(w->cx, &s->words[i],
		                         &backend->servers[backend->server_count++]))
			return false;
	return true;
}

static bool
take_send_proxy(const struct conf_walk *w, const struct conf_rule *rule,
                const struct conf_statement *s, void *into)
{
	(void)rule;
	if (strcmp(s->words[1].text, "v2") != 0)
		return conf_fail(w->cx, &s->words[1].at,
		                 "\"%s\": only v2 of the PROXY protocol is sent",
		                 conf_show(w->cx, s->words[1].text));
	((struct conf_backend *)into)->send_proxy = 2;
	return true;
}

static bool
take_connect(const struct conf_walk *w, const struct conf_rule *rule,
             const struct conf_statement *s, void *into)
{
	(void)rule;
	if (strcmp(s->words[1].text, "immediately") != 0)
		return conf_fail(w->cx, &s->words[1].at,
		                 "\"%s\": the one choice is \"connect immediately\"",
		                 conf_show(w->cx, s->words[1].text));
	((struct conf_backend *)into)->connect_immediately = true;
	return true;
}

/* Whether the protocols noted so far have NAME. */
static bool
has_alpn(const struct conf_backend *backend, const char *name, size_t len)
{
	for (size_t at = 0; at < backend->alpn_len; at += 1u + backend->alpn[at])
		if (backend->alpn[at] == len && memcmp(&backend->alpn[at + 1], name, len) == 0)
			return true;
	return false;
}

/* Wire format: each name behind a byte with its length (RFC 7301, 3.1). */
static bool
take_alpn(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
          void *into)
{
	struct conf_backend *backend = into;

	(void)rule;
	backend->alpn_len = 0;
	for (size_t i = 1; i < s->word_count; i++) {
		const struct conf_token *word = &s->words[i];
		size_t len = strlen(word->text);

		if (!len || strcmp(word->text, "acme-tls/1") == 0)
			return conf_fail(w->cx, &word->at, "\"%s\" cannot be a backend's protocol",
			                 word->text);
		if (has_alpn(backend, word->text, len))
			return conf_fail(w->cx, &word->at, "\"%s\" stands here twice", word->text);
		if (len + 1 > CONF_ALPN_MAX - backend->alpn_len)
			return conf_fail(w->cx, &word->at, "more than %d bytes of protocol names",
			                 CONF_ALPN_MAX);
		backend->alpn[backend->alpn_len] = (unsigned char)len;
		memcpy(&backend->alpn[backend->alpn_len + 1], word->text, len);
		backend->alpn_len += len + 1;
	}
	return true;
}

static const struct conf_rule backend_rules[] = {
	CONF_RULE("server", "ADDRESS:PORT...", 1, CONF_SERVERS_MAX, take_servers),
	CONF_RULE("send-proxy", "v2", 1, 1, take_send_proxy),
	CONF_RULE("connect-timeout", "TIME", 1, 1, conf_take_span,
                  .offset = offsetof(struct conf_backend, connect_timeout_ms),
                  CONF_RANGE(10, 5 * MINUTE_MS)),
	CONF_RULE("connect", "immediately", 1, 1, take_connect),
	CONF_RULE("alpn", "PROTOCOL...", 1, CONF_ALPN_MAX / 2, take_alpn),
	CONF_RULE("client-certificate", "required|optional FILE", 2, 2,
                  conf_take_client_certificate),
};

static const struct conf_level backend_level = CONF_LEVEL("backend", backend_rules);

bool
conf_take_backend(const struct conf_walk *w, const struct conf_rule *rule,
                  const struct conf_statement *s, void *into)
{
	struct conf *conf = into;
	struct conf_backend *backend = &w->build->backends[conf->backend_count];

	(void)rule;
	if (conf->backend_count == CONF_BACKENDS_MAX)
		return conf_fail_many(w, s, CONF_BACKENDS_MAX);
	*backend = (struct conf_backend){
		.connect_timeout_ms = 5 * 1000, .alpn = "\x08http/1.1", .alpn_len = 9};
	if (!conf_block_name(w->cx, &s->words[1], "backend", backend->name))
		return false;
	for (size_t i = 0; i < conf->backend_count; i++)
		if (strcmp(conf->backends[i].name, backend->name) == 0)
			return conf_fail_again(w, s, i);
	if (!conf_walk(w, &backend_level, s->first, backend))
		return false;
	if (!backend->server_count)
		return conf_fail(w->cx, &s->opened,
		                 "the backend's address is missing: server ADDRESS:PORT;");
	conf->backend_count++;
	return true;
}
