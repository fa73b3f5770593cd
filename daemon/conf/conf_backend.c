/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf/conf_build.h"

#include <string.h>

enum { MINUTE_MS = 60 * 1000 };

static bool
take_servers(const struct conf_walk *w, const struct conf_rule *rule,
             const struct conf_statement *s, void *into)
{
	struct conf_backend *b = into;

	(void)rule;
	for (size_t i = 1; i < s->word_count; i++) {
		struct conf_server *server = &b->servers[b->server_count];

		if (!conf_server(w->cx, &s->words[i], server))
			return false;
		for (size_t j = 0; j < b->server_count; j++)
			if (strcmp(b->servers[j].text, server->text) == 0)
				return conf_fail(w->cx, &s->words[i].at, "\"%s\" stands here twice",
				                 server->text);
		if (++w->build->server_count > CONF_SERVERS_ALL_MAX)
			return conf_fail(w->cx, &s->words[i].at,
			                 "more than %d servers in all backends",
			                 CONF_SERVERS_ALL_MAX);
		b->server_count++;
	}
	return true;
}

/* Which of WORDS, from 0; -1: none, told as an unknown WHAT. */
static int
choose(const struct conf_walk *w, const struct conf_token *word, const char *what,
       const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(word->text, words[i]) == 0)
			return i;
	(void)conf_fail_unknown(w->cx, word, what, nearest_in_list, words);
	return -1;
}

static bool
take_send_proxy(const struct conf_walk *w, const struct conf_rule *rule,
                const struct conf_statement *s, void *into)
{
	static const char *const words[] = {"v1", "v2", NULL};
	int which = choose(w, &s->words[1], "version of the PROXY protocol", words);

	(void)rule;
	if (which >= 0)
		((struct conf_backend *)into)->send_proxy = 1 + (uint32_t)which;
	return which >= 0;
}

static bool
take_balance(const struct conf_walk *w, const struct conf_rule *rule,
             const struct conf_statement *s, void *into)
{
	static const char *const words[] = {"least-connections", "first", NULL};
	int which = choose(w, &s->words[1], "balance", words);

	(void)rule;
	if (which >= 0)
		((struct conf_backend *)into)->balance = BALANCE_LEAST + (enum conf_balance)which;
	return which >= 0;
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

static bool
take_alpn(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
          void *into)
{
	struct conf_backend *backend = into;

	(void)rule;
	w->build->ends_tls = &s->words[0];
	return conf_alpn(w, s, backend->alpn, &backend->alpn_len);
}

static const struct conf_rule backend_rules[] = {
	CONF_RULE("server", "ADDRESS:PORT...", 1, CONF_SERVERS_MAX, take_servers),
	CONF_RULE("balance", "least-connections|first", 1, 1, take_balance),
	CONF_RULE("check", "connect|http METHOD PATH ...", 1, 13, conf_take_check),
	CONF_RULE("send-proxy", "v1|v2", 1, 1, take_send_proxy),
	CONF_RULE("tls", "", 0, 0, conf_take_tls),
	CONF_RULE("tls-name", "NAME", 1, 1, conf_take_tls_name),
	CONF_RULE("tls-ca", "FILE", 1, 1, conf_take_tls_ca),
	CONF_RULE("tls-verify", "on|off", 1, 1, conf_take_tls_verify),
	CONF_RULE("connect-timeout", "TIME", 1, 1, conf_take_span,
                  .offset = offsetof(struct conf_backend, connect_timeout_ms),
                  CONF_RANGE(10, 5 * MINUTE_MS)),
	CONF_RULE("connect", "immediately", 1, 1, take_connect),
	CONF_RULE("passthrough", "", 0, 0, conf_take_flag,
                  .offset = offsetof(struct conf_backend, passthrough)),
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
	*backend = (struct conf_backend){.balance = BALANCE_LEAST,
	                                 .check = {.every_ms = 5 * 1000, .fall = 3, .rise = 2},
	                                 .connect_timeout_ms = 5 * 1000,
	                                 .alpn = "\x08http/1.1",
	                                 .alpn_len = 9};
	if (!conf_block_name(w->cx, &s->words[1], "backend", backend->name))
		return false;
	for (size_t i = 0; i < conf->backend_count; i++)
		if (strcmp(conf->backends[i].name, backend->name) == 0)
			return conf_fail_again(w, s, i);
	w->build->ends_tls = NULL;
	if (!conf_walk(w, &backend_level, s->first, backend))
		return false;
	if (backend->passthrough && w->build->ends_tls)
		return conf_fail(w->cx, &w->build->ends_tls->at,
		                 "\"%s\" and \"passthrough\": the TLS is the server's own",
		                 w->build->ends_tls->text);
	if (!backend->server_count)
		return conf_fail(w->cx, &s->opened,
		                 "the backend's address is missing: server ADDRESS:PORT;");
	if (!backend->tls.on &&
	    (backend->tls.name || backend->tls.ca_file || backend->tls.unverified))
		return conf_fail(w->cx, &s->opened, "\"tls;\" is missing: tls-... needs it");
	conf->backend_count++;
	return true;
}
