/* SPDX-License-Identifier: Apache-2.0 */
/* The way from the words of a call to its verb's function. */
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/nearest.h"
#include "ctl/ctl.h"
#include "ctl/parts.h"
#include "ctl/terminal.h"
#include "ctl/usage.h"

static const char *
next_verb(const void *unused, size_t at)
{
	const struct ctl_verb *v = ctl_verb_at(at);

	(void)unused;
	return v ? v->word : NULL;
}

static const struct ctl_verb *
find_verb(const char *word)
{
	const struct ctl_verb *v;
	const char *near;

	for (size_t i = 0; (v = ctl_verb_at(i)); i++)
		if (strcmp(v->word, word) == 0)
			return v;
	near = nearest_word(word, next_verb, NULL);
	complain(NULL, "unknown verb \"%s\"%s%s%s; see certctl --help", word,
	         near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	return NULL;
}

static bool
check_arguments(const struct ctl *ctl)
{
	const struct ctl_verb *v = ctl->verb;
	const char *near = ctl->arg_count ? usage_nearest(v->args, ctl->args[0]) : NULL;

	if (usage_matches(v->args, ctl->args, ctl->arg_count))
		return true;
	if (near && strcmp(near, ctl->args[0]) != 0)
		complain(NULL, "\"%s\": did you mean \"%s\"? See certctl %s --help", ctl->args[0],
		         near, v->word);
	complain(NULL, "usage: certctl %s%s%s; see certctl %s --help", v->word, *v->args ? " " : "",
	         v->args, v->word);
	return false;
}

static bool
check_options(const struct ctl *ctl)
{
	const struct ctl_verb *v = ctl->verb;
	uint64_t wrong = ctl->options.given & ~(v->options | OPTIONS_GLOBAL);

	for (int i = 0; i < OPTION_COUNT; i++)
		if (wrong & OPTION_BIT(i)) {
			complain(NULL, "\"%s\" takes no %s; see certctl %s --help", v->word,
			         option_word((enum option_id)i), v->word);
			return false;
		}
	return true;
}

/* What goes on without end, or draws its screen anew, is not for a pager. */
static bool
is_paged(const struct ctl *ctl)
{
	uint64_t endless = OPTION_BIT(OPTION_WATCH) | OPTION_BIT(OPTION_FOLLOW);

	return ctl->verb->pages && ctl->print.format == PRINT_TABLE &&
	       !(ctl->options.given & (endless | OPTION_BIT(OPTION_NO_PAGER)));
}

static bool
takes_one_name(const struct ctl *ctl)
{
	const char *args = ctl->verb->args;

	return ctl->arg_count == 1 &&
	       (strncmp(args, "NAME", 4) == 0 || strncmp(args, "[NAME", 5) == 0);
}

static enum msg_exit
run_verb(struct ctl *ctl)
{
	struct options *o = &ctl->options;
	enum msg_exit code;

	ctl->args = o->words + 1;
	ctl->arg_count = o->word_count - 1;
	if (!check_options(ctl) || !check_arguments(ctl) || print_init(&ctl->print, o->output))
		return MSG_EXIT_USAGE;
	if (is_paged(ctl))
		terminal_page();
	ctl->started_ms = clock_mono_ms();
	client_init(&ctl->client);
	code = ctl->verb->run(ctl);
	if (code == MSG_EXIT_NOTFOUND && terminal_hears() && takes_one_name(ctl))
		suggest_name(ctl, ctl->args[0]);
	client_close(&ctl->client);
	return code;
}

/* "certctl help [VERB]" is --help, and --version the verb, as people try them. */
static void
take_habits(struct options *o)
{
	static char version[] = "version", *word = version;

	if (o->word_count > 0 && strcmp(o->words[0], "help") == 0) {
		o->given |= OPTION_BIT(OPTION_HELP);
		o->words++;
		o->word_count--;
	} else if (o->word_count == 0 && option_is_given(o, OPTION_VERSION)) {
		o->words = &word;
		o->word_count = 1;
	}
}

static enum msg_exit
run(struct ctl *ctl)
{
	struct options *o = &ctl->options;
	bool help;

	take_habits(o);
	help = option_is_given(o, OPTION_HELP);
	if (o->word_count == 0 && !help) {
		complain(NULL, "a verb is missing; see certctl --help");
		return MSG_EXIT_USAGE;
	}
	ctl->verb = o->word_count ? find_verb(o->words[0]) : NULL;
	if (o->word_count && !ctl->verb)
		return MSG_EXIT_USAGE;
	if (!help)
		return run_verb(ctl);
	if (!option_is_given(o, OPTION_NO_PAGER))
		terminal_page();
	if (ctl->verb)
		ctl_help_verb(ctl->verb);
	else
		ctl_help();
	return MSG_EXIT_OK;
}

int
ctl_main(int argc, char **argv)
{
	struct ctl ctl = {0};
	enum msg_exit code;

	if (!options_parse(argc, argv, &ctl.options))
		return MSG_EXIT_USAGE;
	terminal_init(ctl.options.color);
	code = run(&ctl);
	if (!print_close() && code == MSG_EXIT_OK)
		code = MSG_EXIT_FAILED;
	terminal_end();
	return (int)code;
}
