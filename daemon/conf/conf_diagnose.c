/* SPDX-License-Identifier: Apache-2.0 */
/* diagnose { ... }, and what a ca block makes of it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "daemon/conf/conf_build.h"

enum {
	AGAIN_MS = 60 * 1000,
	AGAIN_MIN_MS = 1000,
	AGAIN_MAX_MS = 24 * 60 * 60 * 1000,
	MOVED_AFTER_MS = 7 * AGAIN_MAX_MS,
	HTTP_PORT = 80,
	TLS_PORT = 443,
	PORT_MAX = 65535,
};

#define MOVED_MAX_MS (45u * AGAIN_MAX_MS) /* more than an int */

static bool
take_own(const struct conf_walk *w, const struct conf_token *word, struct conf_address *ret)
{
	struct conf_address a = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a.sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a.sa;

	if (inet_pton(AF_INET, word->text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		a.len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, word->text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		a.len = sizeof(*v6);
	} else {
		return conf_fail(w->cx, &word->at,
		                 "\"%s\" is not an address, as in 192.0.2.1 or 2001:db8::1",
		                 conf_show(w->cx, word->text));
	}
	inet_ntop(a.sa.ss_family,
	          v4->sin_family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr,
	          a.text, sizeof(a.text));
	*ret = a;
	return true;
}

static bool
take_addresses(const struct conf_walk *w, const struct conf_rule *rule,
               const struct conf_statement *s, void *into)
{
	struct conf_diagnose *d = into;

	(void)rule;
	for (size_t i = 1; i < s->word_count; i++)
		if (!take_own(w, &s->words[i], &d->addresses[d->address_count++]))
			return false;
	return true;
}

static bool
take_ports(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
           void *into)
{
	struct conf_diagnose *d = into;

	return conf_number(w->cx, &s->words[1], &rule->range, &d->http_port) &&
	       conf_number(w->cx, &s->words[2], &rule->range, &d->tls_port);
}

static bool
take_moved(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
           void *into)
{
	struct conf_diagnose *d = into;

	d->moved_after_ms = 0;
	return strcmp(s->words[1].text, "never") == 0 ||
	       conf_span(w->cx, &s->words[1], &rule->range, &d->moved_after_ms);
}

static const struct conf_rule diagnose_rules[] = {
	CONF_RULE("off", "", 0, 0, conf_take_flag, .offset = offsetof(struct conf_diagnose, off)),
	CONF_RULE("addresses", "ADDRESS...", 1, CONF_OWN_MAX, take_addresses),
	CONF_RULE("from-root", "", 0, 0, conf_take_flag,
                  .offset = offsetof(struct conf_diagnose, from_root)),
	CONF_RULE("trust-anchor", "PATH", 1, 1, conf_take_path,
                  .offset = offsetof(struct conf_diagnose, trust_anchor),
                  CONF_RANGE(1, CONF_PATH_MAX)),
	CONF_RULE("again", "TIME", 1, 1, conf_take_span,
                  .offset = offsetof(struct conf_diagnose, again_ms),
                  CONF_RANGE(AGAIN_MIN_MS, AGAIN_MAX_MS)),
	CONF_RULE("moved-after", "TIME|never", 1, 1, take_moved, CONF_RANGE(1000, MOVED_MAX_MS)),
	CONF_RULE("probe-private", "", 0, 0, conf_take_flag,
                  .offset = offsetof(struct conf_diagnose, probe_private)),
	CONF_RULE("probe-ports", "HTTP TLS", 2, 2, take_ports, CONF_RANGE(1, PORT_MAX)),
};

static const struct conf_level diagnose_level = CONF_LEVEL("diagnose", diagnose_rules);

bool
conf_take_diagnose(const struct conf_walk *w, const struct conf_rule *rule,
                   const struct conf_statement *s, void *into)
{
	(void)rule;
	return conf_walk(w, &diagnose_level, s->first, &((struct conf *)into)->diagnose);
}

bool
conf_take_ca_diagnose(const struct conf_walk *w, const struct conf_rule *rule,
                      const struct conf_statement *s, void *into)
{
	static const char *const words[] = {"advise", "require", NULL};
	const char *word = s->words[1].text;

	(void)rule;
	((struct conf_ca *)into)->diagnose_first = strcmp(word, "require") == 0;
	if (strcmp(word, "require") == 0 || strcmp(word, "advise") == 0)
		return true;
	return conf_fail_unknown(w->cx, &s->words[1], "way to use diagnoses", nearest_in_list,
	                         words);
}

void
conf_diagnose_defaults(struct conf_diagnose *d)
{
	*d = (struct conf_diagnose){.again_ms = AGAIN_MS,
	                            .moved_after_ms = MOVED_AFTER_MS,
	                            .http_port = HTTP_PORT,
	                            .tls_port = TLS_PORT};
}
