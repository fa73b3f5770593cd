/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf/conf_build.h"

#include <string.h>

#include "daemon/common/network.h"

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

/* Both notations of one network would be two entries, so bits behind the prefix are refused. */
static bool
take_network(const struct conf_walk *w, const struct conf_token *word, struct network *ret)
{
	const char *shown = conf_show(w->cx, word->text);

	switch (network_parse(word->text, ret)) {
	case ERR_OK:
		return true;
	case ERR_TOOBIG:
		return conf_fail(w->cx, &word->at,
		                 "\"%s\": a prefix has at most 32 bits, with IPv6 128", shown);
	case ERR_UNSUPPORTED:
		return conf_fail(w->cx, &word->at,
		                 "\"%s\": the address has bits behind its prefix, is the prefix "
		                 "right?",
		                 shown);
	default:
		return conf_fail(w->cx, &word->at,
		                 "\"%s\" is not a network, write 192.0.2.0/24, 2001:db8::/32, or "
		                 "an address alone",
		                 shown);
	}
}

static bool
take_proxy_protocol(const struct conf_walk *w, const struct conf_rule *rule,
                    const struct conf_statement *s, void *into)
{
	struct conf_listen *listen = into;
	size_t count = s->word_count - 2;
	struct network *proxies;

	(void)rule;
	if (strcmp(s->words[1].text, "from") != 0)
		return conf_fail(w->cx, &s->words[1].at,
		                 "\"%s\": who may send it is missing: \"proxy-protocol from "
		                 "NETWORK...;\"",
		                 conf_show(w->cx, s->words[1].text));
	proxies = conf_alloc(w->cx, count * sizeof(*proxies));
	if (!proxies)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!take_network(w, &s->words[i + 2], &proxies[i]))
			return false;
	listen->proxies = proxies;
	listen->proxy_count = count;
	return true;
}

static bool
take_on_demand(const struct conf_walk *w, const struct conf_rule *rule,
               const struct conf_statement *s, void *into)
{
	(void)rule;
	conf_tls_word(w, s);
	((struct conf_listen *)into)->no_demand = true;
	return strcmp(s->words[1].text, "off") == 0 ||
	       conf_fail(w->cx, &s->words[1].at, "write: on-demand off;");
}

static const struct conf_rule listen_rules[] = {
	CONF_RULE("tls", "", 0, 0, take_listen_kind),
	CONF_RULE("http", "", 0, 0, take_listen_kind),
	CONF_RULE("max-connections", "NUMBER", 1, 1, conf_take_number,
                  .offset = offsetof(struct conf_listen, max_connections), CONF_RANGE(1, 1000000)),
	CONF_RULE("connections-per-address", "NUMBER", 1, 1, conf_take_number,
                  .offset = offsetof(struct conf_listen, max_per_address), CONF_RANGE(1, 1000000)),
	CONF_RULE("proxy-protocol", "from NETWORK...", 2, 1 + CONF_PROXIES_MAX,
                  take_proxy_protocol),
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
	CONF_RULE("on-demand", "off", 1, 1, take_on_demand),
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
