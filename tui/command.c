/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/command.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "ctl/ctl.h"
#include "tui/child.h"

/* What is no option. */
struct words {
	char *list[CHILD_WORDS_MAX];
	int count;
	bool wants_help, goes_elsewhere;
};

/* The option that WORD is, also shortened or with its value behind it; OPTION_COUNT: none. */
static enum option_id
option_of(const char *word)
{
	size_t len = strcspn(word, "=");
	int found = OPTION_COUNT;

	for (int i = 0; i < OPTION_COUNT; i++) {
		const char *whole = option_word((enum option_id)i);

		if (word[1] != '-' && option_letter((enum option_id)i) == word[1])
			return (enum option_id)i;
		if (word[1] == '-' && strncmp(whole, word, len) == 0)
			found = i;
		if (word[1] == '-' && found == i && strlen(whole) == len)
			break;
	}
	return (enum option_id)found;
}

/* Whether the value of ID, which is in WORD, is the next word. */
static bool
has_value_behind(enum option_id id, const char *word)
{
	if (id == OPTION_COUNT || !option_argument(id))
		return false;
	return word[1] == '-' ? !strchr(word, '=') : word[2] == '\0';
}

static void
leave_options_out(char **all, struct words *ret_words)
{
	bool is_over = false;

	*ret_words = (struct words){0};
	for (; *all; all++) {
		enum option_id id;

		if (is_over || **all != '-' || (*all)[1] == '\0') {
			ret_words->list[ret_words->count++] = *all;
			continue;
		}
		is_over = strcmp(*all, "--") == 0;
		id = is_over ? OPTION_COUNT : option_of(*all);
		ret_words->wants_help |= id == OPTION_HELP;
		ret_words->goes_elsewhere |= id == OPTION_SOCKET;
		if (has_value_behind(id, *all) && all[1])
			all++;
	}
}

static const char *
next_verb(const void *unused, size_t at)
{
	const struct ctl_verb *v = ctl_verb_at(at);

	(void)unused;
	return v ? v->word : NULL;
}

/* The kind of the verb FIRST, or of FIRST with the argument SECOND. */
static enum command_kind
kind_of(const char *first, const char *second)
{
	static const struct {
		const char *words;
		enum command_kind kind;
	} kinds[] = {
		{"list", COMMAND_LOOKS},         {"faults", COMMAND_LOOKS},
		{"inspect", COMMAND_LOOKS},      {"show", COMMAND_LOOKS},
		{"order", COMMAND_LOOKS},        {"events", COMMAND_LOOKS},
		{"status", COMMAND_LOOKS},       {"check", COMMAND_LOOKS},
		{"wait", COMMAND_LOOKS},         {"limits", COMMAND_LOOKS},
		{"version", COMMAND_LOOKS},      {"completion", COMMAND_LOOKS},
		{"metrics", COMMAND_LOOKS},      {"config show", COMMAND_LOOKS},
		{"config diff", COMMAND_LOOKS},  {"config check", COMMAND_LOOKS},
		{"ca list", COMMAND_LOOKS},      {"ca show", COMMAND_LOOKS},
		{"db stat", COMMAND_LOOKS},      {"backend list", COMMAND_LOOKS},
		{"key status", COMMAND_LOOKS},   {"diagnose", COMMAND_TRIES},
		{"ca test", COMMAND_TRIES},      {"db check", COMMAND_TRIES},
		{"remove", COMMAND_ENDS},        {"revoke", COMMAND_ENDS},
		{"ca deactivate", COMMAND_ENDS},
	};
	char both[COMMAND_MAX];

	snprintf(both, sizeof(both), "%s %s", first, second);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].words, first) == 0 || strcmp(kinds[i].words, both) == 0)
			return kinds[i].kind;
	return COMMAND_CHANGES;
}

/* What is to be typed once more: all words behind the verb are names, or the CA's is the second. */
static void
name_what_ends(const struct words *words, struct command *c)
{
	int from = strcmp(words->list[0], "ca") == 0 ? 2 : 1;

	if (words->count <= from) { /* certctl will complain */
		c->kind = COMMAND_CHANGES;
		return;
	}
	c->is_count = words->count > from + 1;
	if (c->is_count)
		snprintf(c->about, sizeof(c->about), "%d", words->count - from);
	else
		snprintf(c->about, sizeof(c->about), "%s", words->list[from]);
}

static void
judge(const struct words *words, struct command *c)
{
	const char *verb = words->count ? words->list[0] : "";
	const char *near = nearest_word(verb, next_verb, NULL);

	if (*verb && (!near || strcmp(near, verb) != 0)) {
		c->near = near;
		return;
	}
	c->kind = words->wants_help || !*verb
	                  ? COMMAND_LOOKS
	                  : kind_of(verb, words->count > 1 ? words->list[1] : "");
	if (words->goes_elsewhere && c->kind < COMMAND_CHANGES)
		c->kind = COMMAND_CHANGES; /* not this certd's */
	if (c->kind == COMMAND_ENDS)
		name_what_ends(words, c);
}

bool
command_read(const char *line, struct command *ret_command)
{
	char copy[COMMAND_MAX + 2], *all[CHILD_WORDS_MAX];
	struct words words;

	*ret_command = (struct command){.kind = COMMAND_UNKNOWN};
	if (strlen(line) >= COMMAND_MAX || child_split(line, copy, all) < 0)
		return false;
	leave_options_out(all, &words);
	judge(&words, ret_command);
	return true;
}
