/* SPDX-License-Identifier: Apache-2.0 */
/* check connect ...; check http METHOD PATH ...; with options in any order behind it. */
#include <stdlib.h>
#include <string.h>

#include "daemon/conf/conf_build.h"

enum { PATH_TEXT_MAX = 255, ROW_MAX = 100, HOUR_MS = 60 * 60 * 1000 };

/* Visible ASCII, so that it fits into a request line. */
static bool
is_visible(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static bool
take_http(const struct conf_walk *w, const struct conf_statement *s, struct conf_check *check)
{
	const struct conf_token *method = &s->words[2], *path = &s->words[3];

	if (s->word_count < 4)
		return conf_fail(w->cx, &s->end, "an argument is missing, write: check http GET /");
	if (strcmp(method->text, "GET") != 0 && strcmp(method->text, "HEAD") != 0)
		return conf_fail(w->cx, &method->at, "\"%s\": the method is GET or HEAD",
		                 conf_show(w->cx, method->text));
	if (*path->text != '/' || !is_visible(path->text) || strlen(path->text) > PATH_TEXT_MAX)
		return conf_fail(w->cx, &path->at,
		                 "\"%s\": a path begins with \"/\", has no blanks and at most %d "
		                 "bytes",
		                 conf_show(w->cx, path->text), PATH_TEXT_MAX);
	check->kind = CHECK_HTTP;
	check->method = method->text;
	check->path = path->text;
	check->expect_min = 200;
	check->expect_max = 399;
	return true;
}

/* "200" or "200-399" */
static bool
take_expect(const struct conf_walk *w, const struct conf_token *word, struct conf_check *check)
{
	char *end;
	unsigned long from = strtoul(word->text, &end, 10), to = from;

	if (*end == '-')
		to = strtoul(end + 1, &end, 10);
	if (*end || from < 100 || to > 599 || from > to)
		return conf_fail(w->cx, &word->at,
		                 "\"%s\": expected are status codes, as 200 or 200-399",
		                 conf_show(w->cx, word->text));
	check->expect_min = (uint32_t)from;
	check->expect_max = (uint32_t)to;
	return true;
}

static bool
take_host(const struct conf_walk *w, const struct conf_token *word, struct conf_check *check)
{
	if (!*word->text || !is_visible(word->text) || strlen(word->text) > PATH_TEXT_MAX)
		return conf_fail(w->cx, &word->at, "\"%s\" is no Host",
		                 conf_show(w->cx, word->text));
	check->host = word->text;
	return true;
}

static bool
take_option(const struct conf_walk *w, const struct conf_token *word, struct conf_check *check)
{
	static const struct conf_range every = {250, HOUR_MS}, row = {1, ROW_MAX};
	static const char *const words[] = {"every", "fall", "rise", NULL};
	static const char *const of_http[] = {"every", "fall", "rise", "expect", "host", NULL};
	const struct conf_token *value = word + 1;

	if (strcmp(word->text, "every") == 0)
		return conf_span(w->cx, value, &every, &check->every_ms);
	if (strcmp(word->text, "fall") == 0)
		return conf_number(w->cx, value, &row, &check->fall);
	if (strcmp(word->text, "rise") == 0)
		return conf_number(w->cx, value, &row, &check->rise);
	if (check->kind == CHECK_HTTP && strcmp(word->text, "expect") == 0)
		return take_expect(w, value, check);
	if (check->kind == CHECK_HTTP && strcmp(word->text, "host") == 0)
		return take_host(w, value, check);
	return conf_fail_unknown(w->cx, word, "word of a check", nearest_in_list,
	                         check->kind == CHECK_HTTP ? of_http : words);
}

bool
conf_take_check(const struct conf_walk *w, const struct conf_rule *rule,
                const struct conf_statement *s, void *into)
{
	static const char *const kinds[] = {"connect", "http", NULL};
	struct conf_check *check = &((struct conf_backend *)into)->check;
	const struct conf_token *kind = &s->words[1];
	size_t at = 2;

	(void)rule;
	if (strcmp(kind->text, "http") == 0) {
		if (!take_http(w, s, check))
			return false;
		at = 4;
	} else if (strcmp(kind->text, "connect") == 0) {
		check->kind = CHECK_CONNECT;
	} else {
		return conf_fail_unknown(w->cx, kind, "check", nearest_in_list, kinds);
	}
	for (; at < s->word_count; at += 2) {
		if (at + 1 == s->word_count)
			return conf_fail(w->cx, &s->end, "\"%s\" needs a value",
			                 conf_show(w->cx, s->words[at].text));
		if (!take_option(w, &s->words[at], check))
			return false;
	}
	return true;
}
