/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/complete.h"

#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/usage.h"

enum { WORD_MAX = 256 };

void
complete_add(struct completion *c, const char *typed, const char *word)
{
	size_t len = strlen(typed), have = strlen(c->words), same = 0;

	if (strncmp(word, typed, len) != 0)
		return;
	if (c->count++ == 0) {
		snprintf(c->common, sizeof(c->common), "%s", word + len);
	} else {
		while (c->common[same] && c->common[same] == word[len + same])
			same++;
		c->common[same] = '\0';
	}
	snprintf(c->words + have, sizeof(c->words) - have, "%s%s", have ? "  " : "", word);
}

static const struct ctl_verb *
verb_of(const char *line)
{
	const struct ctl_verb *v;
	size_t len = strcspn(line, " ");

	for (size_t i = 0; (v = ctl_verb_at(i)); i++)
		if (strlen(v->word) == len && strncmp(v->word, line, len) == 0)
			return v;
	return NULL;
}

static void
add_options(struct completion *c, const char *typed, const struct ctl_verb *v)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (v->options & OPTION_BIT(i))
			complete_add(c, typed, option_word((enum option_id)i));
}

/* The option whose value the last word is; NULL when it is none. BEFORE: the word before it. */
static const char *const *
choices_behind(const char *before)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (strcmp(option_word((enum option_id)i), before) == 0)
			return option_choices((enum option_id)i);
	return NULL;
}

/* The last word of LINE that ends at END, which is not in it. */
static void
word_at(const char *line, size_t end, char ret_word[WORD_MAX])
{
	size_t from;

	while (end && line[end - 1] == ' ')
		end--;
	for (from = end; from && line[from - 1] != ' ';)
		from--;
	snprintf(ret_word, WORD_MAX, "%.*s", (int)(end - from), line + from);
}

/* The words that alternatives begin with, else names where a verb takes names only. */
static void
add_arguments(struct completion *c, const struct ctl_verb *v, bool is_first)
{
	char word[USAGE_WORD_MAX];
	size_t at = 0;

	for (; usage_word(v->args, at, word); at++)
		if (is_first)
			complete_add(c, c->name, word);
	c->wants_name = at == 0 && strstr(v->args, "NAME");
}

void
complete(const char *line, struct completion *c)
{
	const char *last = strrchr(line, ' ');
	const struct ctl_verb *v = verb_of(line);
	const char *const *choices;
	char before[WORD_MAX];

	*c = (struct completion){0};
	last = last ? last + 1 : line;
	snprintf(c->name, sizeof(c->name), "%s", last);
	if (last == line) {
		for (size_t i = 0; (v = ctl_verb_at(i)); i++)
			complete_add(c, last, v->word);
		return;
	}
	word_at(line, (size_t)(last - line), before);
	choices = choices_behind(before);
	for (size_t i = 0; choices && choices[i]; i++)
		complete_add(c, last, choices[i]);
	if (choices || !v)
		return;
	if (*last == '-')
		add_options(c, last, v);
	else
		add_arguments(c, v, strcmp(before, v->word) == 0);
}
