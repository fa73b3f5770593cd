/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of arguments: what it takes, its words, and the word that was meant. */
#include "ctl/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/ctl.h"

enum { WORDS_MAX = 8 };

static const char ca[] = "list | show NAME | deactivate NAME --confirm NAME";
static const char set[] = "list [NAME] | set NAME SERVER ready|drain|disabled";

static const struct {
	const char *args;
	const char *words;
	bool matches;
} cases[] = {
	{"", "", true},
	{"", "x", false},
	{"NAME", "x", true},
	{"NAME", "", false},
	{"NAME", "x y", false},
	{"NAME...", "x", true},
	{"NAME...", "a b c d", true},
	{"NAME...", "", false},
	{"[NAME...]", "", true},
	{"[NAME...]", "a b c", true},
	{"[PATH]", "", true},
	{"[PATH]", "x", true},
	{"[PATH]", "x y", false},
	{"NAME|ID...", "1 a", true},
	{ca, "", false},
	{ca, "list", true},
	{ca, "list x", false},
	{ca, "lis", false},
	{ca, "listx", false},
	{ca, "show", false},
	{ca, "show x", true},
	{ca, "deactivate x", true},
	{ca, "deactivate x y", false},
	{ca, "--confirm x", false},
	{set, "list", true},
	{set, "list app", true},
	{set, "set app s ready", true},
	{set, "set app s drain", true},
	{set, "set app s disabled", true},
	{set, "set app s read", false},
	{set, "set app s ready|drain", false},
	{set, "set app s", false},
	{set, "set app s ready x", false},
	{"bash | zsh | fish", "zsh", true},
	{"bash | zsh | fish", "bash | zsh", false},
};

static size_t
split(const char *text, char *copy, char *words[WORDS_MAX])
{
	size_t n = 0;
	char *word;

	strcpy(copy, text);
	while ((word = strsep(&copy, " ")))
		if (*word)
			words[n++] = word;
	return n;
}

static void
test_matches(void **state)
{
	char copy[128], *words[WORDS_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = split(cases[i].words, copy, words);

		if (usage_matches(cases[i].args, words, n) != cases[i].matches)
			fail_msg("\"%s\" and \"%s\"", cases[i].args, cases[i].words);
	}
}

static void
test_words(void **state)
{
	char word[USAGE_WORD_MAX];

	(void)state;
	assert_string_equal(usage_word(ca, 0, word), "list");
	assert_string_equal(usage_word(ca, 2, word), "deactivate");
	assert_null(usage_word(ca, 3, word));
	assert_null(usage_word("NAME...", 0, word));
	assert_null(usage_word("", 0, word));
	assert_null(usage_word("[FILE]", 0, word));
	assert_string_equal(usage_nearest(ca, "shwo"), "show");
	assert_string_equal(usage_nearest(ca, "list"), "list");
	assert_null(usage_nearest(ca, "frobnicate"));
	assert_null(usage_nearest("NAME", "NAME"));
}

/* Of the table itself: usage_nearest() looks at so many words, and help has two columns. */
static void
test_table(void **state)
{
	const struct ctl_verb *v;
	char word[USAGE_WORD_MAX];

	(void)state;
	for (size_t i = 0; (v = ctl_verb_at(i)); i++) {
		size_t words = 0;

		while (usage_word(v->args, words, word))
			words++;
		assert_true(words <= USAGE_WORDS_MAX);
		assert_true(strlen(v->word) < USAGE_WORD_MAX);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(v->word, ctl_verb_at(k)->word);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
