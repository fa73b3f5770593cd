/* SPDX-License-Identifier: Apache-2.0 */
/* metrics ADDRESS:PORT; expiry-events STEP...; on event TYPE... { exec ...; webhook ...; } */
#include "daemon/conf/conf_tell.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/url.h"
#include "daemon/common/event_types.h"
#include "daemon/conf/conf_build.h"

enum { DAY_S = 86400, STEP_MAX_MS_DAYS = 45, FRACTION_MAX = 100 };

/* ---- metrics -------------------------------------------------------------------------------- */

static bool
is_loopback(const struct conf_address *a)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->sa;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->sa;

	if (a->sa.ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

bool
conf_take_metrics(const struct conf_walk *w, const struct conf_rule *rule,
                  const struct conf_statement *s, void *into)
{
	struct conf_address *address = &((struct conf *)into)->tell.metrics;
	bool exposed = s->word_count > 2;

	(void)rule;
	if (exposed && strcmp(s->words[2].text, "exposed") != 0)
		return conf_fail(w->cx, &s->words[2].at, "\"%s\": only \"exposed\" may stand here",
		                 conf_show(w->cx, s->words[2].text));
	if (!conf_socket_address(w->cx, &s->words[1], address))
		return false;
	if (!exposed && !is_loopback(address))
		return conf_fail(w->cx, &s->words[1].at,
		                 "%s is no loopback address: everybody who reaches it may read the "
		                 "metrics; write \"exposed\" behind it if that is meant",
		                 address->text);
	return true;
}

/* ---- expiry-events -------------------------------------------------------------------------- */

static bool
take_step(const struct conf_walk *w, const struct conf_token *word, struct conf_expiry *step)
{
	static const struct conf_range range = {1000, STEP_MAX_MS_DAYS * DAY_S * 1000u};
	unsigned long num, den;
	uint32_t ms;
	char *end;

	if (strlen(word->text) >= sizeof(step->text))
		return conf_fail(w->cx, &word->at, "\"%s\" is too long",
		                 conf_show(w->cx, word->text));
	snprintf(step->text, sizeof(step->text), "%s", word->text);
	if (!strchr(word->text, '/')) {
		step->num = 0;
		if (!conf_span(w->cx, word, &range, &ms))
			return false;
		step->seconds = ms / 1000;
		return true;
	}
	num = strtoul(word->text, &end, 10);
	den = *end == '/' ? strtoul(end + 1, &end, 10) : 0;
	if (*end || word->text[0] == '-' || num == 0 || den <= num || den > FRACTION_MAX)
		return conf_fail(
			w->cx, &word->at,
			"\"%s\": a part of a certificate's life is written as 1/6, below 1",
			conf_show(w->cx, word->text));
	step->num = (uint32_t)num;
	step->den = (uint32_t)den;
	return true;
}

bool
conf_take_expiry(const struct conf_walk *w, const struct conf_rule *rule,
                 const struct conf_statement *s, void *into)
{
	struct conf_tell *tell = &((struct conf *)into)->tell;

	(void)rule;
	tell->expiry_count = 0;
	if (s->word_count == 2 && strcmp(s->words[1].text, "none") == 0)
		return true;
	for (size_t i = 1; i < s->word_count; i++)
		if (!take_step(w, &s->words[i], &tell->expiry[tell->expiry_count++]))
			return false;
	return true;
}

void
conf_tell_defaults(struct conf_tell *tell)
{
	*tell = (struct conf_tell){.expiry = {{.num = 1, .den = 6, .text = "1/6"},
	                                      {.seconds = 14 * DAY_S, .text = "14d"},
	                                      {.seconds = 7 * DAY_S, .text = "7d"},
	                                      {.seconds = 3 * DAY_S, .text = "3d"},
	                                      {.seconds = 1 * DAY_S, .text = "1d"}},
	                           .expiry_count = 5};
}

/* ---- on event ------------------------------------------------------------------------------- */

static bool
same_target(const struct conf_target *a, const struct conf_target *b)
{
	size_t i = 0;

	if (a->url || b->url)
		return a->url && b->url && strcmp(a->url, b->url) == 0;
	while (a->argv[i] && b->argv[i] && strcmp(a->argv[i], b->argv[i]) == 0)
		i++;
	return !a->argv[i] && !b->argv[i];
}

/* How far a target has got is kept under what it is, so there is only one of each. */
static bool
add_target(const struct conf_walk *w, const struct conf_statement *s, struct conf_target *target)
{
	struct conf_tell *tell = &w->build->conf->tell;

	target->types = w->build->on_types;
	target->type_count = w->build->on_type_count;
	for (size_t i = 0; i < tell->target_count; i++)
		if (same_target(target, &w->build->targets[i]))
			return conf_fail(w->cx, &s->words[1].at,
			                 "\"%s\" stands here twice: write all its types in one "
			                 "block",
			                 conf_show(w->cx, s->words[1].text));
	if (tell->target_count == CONF_TARGETS_MAX)
		return conf_fail(w->cx, &s->words[0].at, "more than %d \"exec\" and \"webhook\"",
		                 CONF_TARGETS_MAX);
	w->build->targets[tell->target_count++] = *target;
	return true;
}

static bool
take_exec(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
          void *into)
{
	const char **argv = conf_alloc(w->cx, (s->word_count + 1) * sizeof(*argv));
	struct conf_target target = {.argv = argv};

	(void)rule;
	(void)into;
	if (!argv || !conf_path(w->cx, &s->words[1], CONF_PATH_MAX, &argv[0]))
		return false;
	for (size_t i = 2; i < s->word_count; i++)
		argv[i - 1] = s->words[i].text;
	return add_target(w, s, &target);
}

/* http only where nobody can listen in. */
static bool
is_own_http(const char *url)
{
	static const char *const hosts[] = {"http://127.", "http://[::1]:", "http://[::1]/",
	                                    "http://localhost:", "http://localhost/"};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		if (strncmp(url, hosts[i], strlen(hosts[i])) == 0)
			return url_is_foreign(url);
	return false;
}

static bool
take_url(const struct conf_walk *w, const struct conf_token *word, const char **ret_url)
{
	if (!url_is_sane(word->text) && !is_own_http(word->text))
		return conf_fail(w->cx, &word->at,
		                 "\"%s\" is no URL of a webhook: https://HOST/..., or http:// to a "
		                 "loopback address",
		                 conf_show(w->cx, word->text));
	*ret_url = word->text;
	return true;
}

static bool
take_secret(const struct conf_walk *w, const struct conf_token *kind, struct conf_target *target)
{
	target->secret_is_credential = strcmp(kind->text, "credential") == 0;
	if (!target->secret_is_credential && strcmp(kind->text, "file") != 0)
		return conf_fail(w->cx, &kind->at,
		                 "\"%s\": the secret is in a file, write: secret file PATH or "
		                 "secret credential NAME",
		                 conf_show(w->cx, kind->text));
	if (!target->secret_is_credential)
		return conf_path(w->cx, kind + 1, CONF_PATH_MAX, &target->secret);
	if (!*kind[1].text || strchr(kind[1].text, '/') || kind[1].text[0] == '.')
		return conf_fail(w->cx, &kind[1].at, "\"%s\" is not the name of a credential",
		                 conf_show(w->cx, kind[1].text));
	target->secret = kind[1].text;
	return true;
}

/* webhook URL secret file PATH [ca-file PATH] */
static bool
take_webhook(const struct conf_walk *w, const struct conf_rule *rule,
             const struct conf_statement *s, void *into)
{
	struct conf_target target = {0};

	(void)into;
	if (strcmp(s->words[2].text, "secret") != 0 ||
	    (s->word_count > 5 && (s->word_count != 7 || strcmp(s->words[5].text, "ca-file") != 0)))
		return conf_fail(w->cx, &s->words[2].at, "write: webhook %s", rule->args);
	if (!take_url(w, &s->words[1], &target.url) || !take_secret(w, &s->words[3], &target))
		return false;
	if (s->word_count == 7 && !conf_path(w->cx, &s->words[6], CONF_PATH_MAX, &target.ca_file))
		return false;
	return add_target(w, s, &target);
}

static const struct conf_rule on_rules[] = {
	CONF_RULE("exec", "PATH [ARGUMENT...]", 1, CONF_EXEC_MAX, take_exec, .repeats = true),
	CONF_RULE("webhook", "URL secret file|credential PATH|NAME [ca-file PATH]", 4, 6,
                  take_webhook, .repeats = true),
};

static const struct conf_level on_level = CONF_LEVEL("on event", on_rules);

static const char *
next_type(const void *unused, size_t at)
{
	(void)unused;
	return at < event_type_count ? event_types[at].word : NULL;
}

static bool
take_types(const struct conf_walk *w, const struct conf_statement *s)
{
	const char **types = conf_alloc(w->cx, s->word_count * sizeof(*types));

	if (!types)
		return false;
	for (size_t i = 2; i < s->word_count; i++) {
		if (!event_pattern_is_known(s->words[i].text))
			return conf_fail_unknown(w->cx, &s->words[i], "event", next_type, NULL);
		types[i - 2] = s->words[i].text;
	}
	w->build->on_types = types;
	w->build->on_type_count = s->word_count - 2;
	return true;
}

bool
conf_take_on(const struct conf_walk *w, const struct conf_rule *rule,
             const struct conf_statement *s, void *into)
{
	struct conf_tell *tell = &((struct conf *)into)->tell;
	size_t before = tell->target_count;

	if (strcmp(s->words[1].text, "event") != 0)
		return conf_fail(w->cx, &s->words[1].at, "write: on %s { ... }", rule->args);
	if (!w->build->targets)
		w->build->targets =
			conf_alloc(w->cx, CONF_TARGETS_MAX * sizeof(*w->build->targets));
	if (!w->build->targets)
		return false;
	tell->targets = w->build->targets;
	if (!take_types(w, s) || !conf_walk(w, &on_level, s->first, into))
		return false;
	if (tell->target_count == before)
		return conf_fail(w->cx, &s->opened,
		                 "nobody is told: exec PATH; or webhook URL ...;");
	return true;
}
