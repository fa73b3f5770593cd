/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf/conf_schema.h"

#include <string.h>

static const char *
next_rule_word(const void *level, size_t at)
{
	const struct conf_level *l = level;

	return at < l->count ? l->rules[at].word : NULL;
}

static const struct conf_rule *
find_rule(const struct conf_level *level, const char *word)
{
	for (size_t i = 0; i < level->count; i++)
		if (strcmp(level->rules[i].word, word) == 0)
			return &level->rules[i];
	return NULL;
}

static bool
fail_word(const struct conf_walk *w, const struct conf_level *level, const struct conf_statement *s)
{
	const struct conf_token *word = &s->words[0];
	const char *near;

	if (level->name && find_rule(w->top, word->text))
		return conf_fail(
			w->cx, &word->at,
			"\"%s\" does not belong inside \"%s\": is a \"}\" missing before it?",
			word->text, level->name);
	near = nearest_word(word->text, next_rule_word, level);
	return conf_fail(w->cx, &word->at, "unknown word \"%s\"%s%s%s%s%s%s",
	                 conf_show(w->cx, word->text), level->name ? " in \"" : "",
	                 level->name ? level->name : "", level->name ? "\"" : "",
	                 near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* A word of this level that begins a line is hardly meant as an argument. */
static bool
check_semicolon(const struct conf_walk *w, const struct conf_level *level,
                const struct conf_statement *s)
{
	for (size_t i = 1; i < s->word_count; i++) {
		const struct conf_token *word = &s->words[i];

		if (word->kind == CONF_WORD && word->at.line > word[-1].at.line &&
		    find_rule(level, word->text))
			return conf_fail(w->cx, &word->at, "\";\" is missing before \"%s\"",
			                 word->text);
	}
	return true;
}

static bool
check_shape(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s)
{
	const char *block = rule->has_block ? " { ... }" : ";";
	const char *space = *rule->args ? " " : "";
	size_t args = s->word_count - 1;

	if (args < rule->args_min)
		return conf_fail(w->cx, &s->end, "an argument is missing, write: %s%s%s%s",
		                 rule->word, space, rule->args, block);
	if (args > rule->args_max)
		return conf_fail(w->cx, &s->words[rule->args_max + 1].at,
		                 "an argument too many, write: %s%s%s%s", rule->word, space,
		                 rule->args, block);
	if (rule->has_block && !s->has_block)
		return conf_fail(w->cx, &s->end, "a block is missing, write: %s%s%s%s", rule->word,
		                 space, rule->args, block);
	if (s->has_block && !rule->has_block)
		return conf_fail(w->cx, &s->opened, "\"%s\" takes no block, write: %s%s%s%s",
		                 rule->word, rule->word, space, rule->args, block);
	return true;
}

static void *
member(const struct conf_rule *rule, void *into)
{
	return (char *)into + rule->offset;
}

bool
conf_take_number(const struct conf_walk *w, const struct conf_rule *rule,
                 const struct conf_statement *s, void *into)
{
	return conf_number(w->cx, &s->words[1], &rule->range, member(rule, into));
}

bool
conf_take_span(const struct conf_walk *w, const struct conf_rule *rule,
               const struct conf_statement *s, void *into)
{
	return conf_span(w->cx, &s->words[1], &rule->range, member(rule, into));
}

bool
conf_take_path(const struct conf_walk *w, const struct conf_rule *rule,
               const struct conf_statement *s, void *into)
{
	return conf_path(w->cx, &s->words[1], rule->range.max, member(rule, into));
}

bool
conf_take_flag(const struct conf_walk *w, const struct conf_rule *rule,
               const struct conf_statement *s, void *into)
{
	(void)w;
	(void)s;
	*(bool *)member(rule, into) = true;
	return true;
}

bool
conf_walk(const struct conf_walk *w, const struct conf_level *level,
          const struct conf_statement *first, void *into)
{
	const struct conf_statement *seen[CONF_RULES_MAX] = {0};

	for (const struct conf_statement *s = first; s; s = s->next) {
		const struct conf_rule *rule = find_rule(level, s->words[0].text);
		const struct conf_statement **before;

		if (!rule)
			return fail_word(w, level, s);
		before = &seen[rule - level->rules];
		if (!check_semicolon(w, level, s) || !check_shape(w, rule, s))
			return false;
		if (*before && !rule->repeats)
			return conf_fail(w->cx, &s->words[0].at, "\"%s\" is already set at %s:%u",
			                 rule->word, (*before)->words[0].at.file,
			                 (*before)->words[0].at.line);
		*before = s;
		if (!rule->take(w, rule, s, into))
			return false;
	}
	return true;
}
