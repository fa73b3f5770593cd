/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf_build.h"

#include <string.h>

enum { MINUTE_MS = 60 * 1000 };

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

void
conf_tls_word(const struct conf_walk *w, const struct conf_statement *s)
{
	w->build->tls_word = &s->words[0];
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
	CONF_RULE("protocols", "TLSv1.2 TLSv1.3", 1, 2, conf_take_protocols),
	CONF_RULE("ciphers", "NAME...", 1, CONF_ARGS_MAX - 1, conf_take_tls_list),
	CONF_RULE("ciphersuites", "NAME...", 1, CONF_ARGS_MAX - 1, conf_take_tls_list),
	CONF_RULE("groups", "NAME...", 1, CONF_ARGS_MAX - 1, conf_take_tls_list),
	CONF_RULE("alpn", "PROTOCOL...", 1, CONF_ALPN_MAX / 2, conf_take_listen_alpn),
	CONF_RULE("unknown-sni", "reject|default|close", 1, 1, conf_take_listen_unknown_sni),
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
	w->build->tls_word = NULL;
	if (!conf_walk(w, &listen_level, s->first, listen))
		return false;
	if (!listen->kind)
		return conf_fail(w->cx, &s->opened,
		                 "what to speak there is missing: \"tls;\" or \"http;\"");
	if (listen->kind == LISTEN_HTTP && w->build->tls_word)
		return conf_fail(w->cx, &w->build->tls_word->at, "\"%s\" is for \"tls\" only",
		                 w->build->tls_word->text);
	conf->listen_count++;
	return true;
}
