/* SPDX-License-Identifier: Apache-2.0 */
/* ownership { ... }; keep-removed TIME [NUMBER]; audit TIME [PERCENT] */
#include <stdio.h>
#include <string.h>

#include "daemon/conf/conf_build.h"
#include "store/label.h"

enum { TXT_MAX = 63, PATH_LEN_MAX = 96 };

static const char txt_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
static const char path_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-_.~/";

static bool
take_txt(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
         void *into)
{
	const char *text = s->words[1].text;
	size_t len = strlen(text);

	(void)rule;
	if (len == 0 || len > TXT_MAX || text[strspn(text, txt_letters)] || *text == '.' ||
	    text[len - 1] == '.' || strstr(text, ".."))
		return conf_fail(w->cx, &s->words[1].at,
		                 "\"%s\" is not what may stand in front of a name, as "
		                 "_certd-challenge",
		                 conf_show(w->cx, text));
	((struct conf_ownership *)into)->txt = text;
	return true;
}

static bool
take_http(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
          void *into)
{
	const char *text = s->words[1].text;

	(void)rule;
	if (*text != '/' || strlen(text) > PATH_LEN_MAX || text[strspn(text, path_letters)])
		return conf_fail(w->cx, &s->words[1].at,
		                 "\"%s\" is not a path of at most %d letters, as "
		                 "/.well-known/certd-ownership",
		                 conf_show(w->cx, text), PATH_LEN_MAX);
	((struct conf_ownership *)into)->http = text;
	return true;
}

static bool
take_label(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
           void *into)
{
	char text[LABEL_TEXT_MAX + 1];
	struct label label;

	(void)rule;
	if (snprintf(text, sizeof(text), "%s=x", s->words[1].text) >= (int)sizeof(text) ||
	    label_parse(text, &label, NULL) || strcmp(label.value, "x") != 0)
		return conf_fail(w->cx, &s->words[1].at, "\"%s\" is not the key of a label",
		                 conf_show(w->cx, s->words[1].text));
	((struct conf_ownership *)into)->label = s->words[1].text;
	return true;
}

static const struct conf_rule ownership_rules[] = {
	CONF_RULE("txt", "LABEL", 1, 1, take_txt),
	CONF_RULE("http", "PATH", 1, 1, take_http),
	CONF_RULE("label", "KEY", 1, 1, take_label),
};

static const struct conf_level ownership_level = CONF_LEVEL("ownership", ownership_rules);

bool
conf_take_ownership(const struct conf_walk *w, const struct conf_rule *rule,
                    const struct conf_statement *s, void *into)
{
	struct conf_ownership *o = &((struct conf *)into)->ownership;

	(void)rule;
	if (!conf_walk(w, &ownership_level, s->first, o))
		return false;
	if (!o->txt && !o->http)
		return conf_fail(w->cx, &s->words[0].at,
		                 "what is the owner to show? \"txt\", \"http\" or both");
	return true;
}

bool
conf_take_keep_removed(const struct conf_walk *w, const struct conf_rule *rule,
                       const struct conf_statement *s, void *into)
{
	static const struct conf_range times = {1000, 45 * 86400u * 1000u};
	struct conf_removed *removed = &((struct conf *)into)->removed;

	return conf_span(w->cx, &s->words[1], &times, &removed->keep_ms) &&
	       (s->word_count < 3 ||
	        conf_number(w->cx, &s->words[2], &rule->range, &removed->most));
}

bool
conf_take_audit(const struct conf_walk *w, const struct conf_rule *rule,
                const struct conf_statement *s, void *into)
{
	static const struct conf_range times = {600 * 1000, 45 * 86400u * 1000u};
	struct conf_audit *audit = &((struct conf *)into)->audit;

	return conf_span(w->cx, &s->words[1], &times, &audit->within_ms) &&
	       (s->word_count < 3 || conf_number(w->cx, &s->words[2], &rule->range, &audit->cpu));
}
