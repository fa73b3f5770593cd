/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certctl completion SHELL: scripts made from the tables of verbs and options
 *
 * Names are asked of certd when one is to be completed, a thousand at most: with more of them a
 * list is of no help.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/usage.h"

#define NAMES "certctl list -o names --limit 1000 2>/dev/null"

/* TEXT inside single quotes, a quote in it as the shell's ESCAPE. */
static void
put_quoted(const char *text, const char *escape)
{
	putchar('\'');
	for (; *text; text++)
		if (*text == '\'')
			fputs(escape, stdout);
		else
			putchar(*text);
	putchar('\'');
}

static void
put_choices(enum option_id id)
{
	const char *const *choices = option_choices(id);

	for (size_t i = 0; choices && choices[i]; i++)
		printf("%s%s", i ? " " : "", choices[i]);
}

static bool
has_words(const struct ctl_verb *v)
{
	char word[USAGE_WORD_MAX];

	return usage_word(v->args, 0, word) != NULL;
}

/* The words of which the first argument is one. */
static void
put_words(const struct ctl_verb *v)
{
	char word[USAGE_WORD_MAX];

	for (size_t i = 0; usage_word(v->args, i, word); i++)
		printf("%s%s", i ? " " : "", word);
}

static bool
takes_file(enum option_id id)
{
	return id == OPTION_SOCKET || id == OPTION_FILE || id == OPTION_CONFIG;
}

static bool
takes_names(const struct ctl_verb *v)
{
	return strncmp(v->args, "NAME", 4) == 0 || strncmp(v->args, "[NAME", 5) == 0;
}

static bool
takes_files(const struct ctl_verb *v)
{
	return strstr(v->args, "PATH") || strstr(v->args, "FILE") || strstr(v->args, "DIR");
}

/* ---- bash ----------------------------------------------------------------------------------- */

/* BEFORE, and "--file|-f". */
static void
bash_option(enum option_id id, const char *before)
{
	printf("%s%s", before, option_word(id));
	if (option_letter(id))
		printf("|-%c", option_letter(id));
}

/* "--file|-f" of the options without choices that take a file (KIND 'f') or anything ('o'). */
static void
bash_pattern(char kind)
{
	size_t n = 0;

	for (enum option_id id = 0; id < OPTION_COUNT; id++) {
		if (!option_argument(id) || kind != (takes_file(id) ? 'f' : 'o') ||
		    option_choices(id))
			continue;
		bash_option(id, n++ ? "|" : "\t");
	}
}

static void
bash_values(void)
{
	for (enum option_id id = 0; id < OPTION_COUNT; id++) {
		if (!option_choices(id))
			continue;
		bash_option(id, "\t");
		fputs(") words='", stdout);
		put_choices(id);
		puts("' ;;");
	}
	bash_pattern('f');
	puts(") return ;;");
	bash_pattern('o');
	puts(") compopt +o default; return ;;");
}

static void
put_options(uint64_t options)
{
	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		if (options & OPTION_BIT(id))
			printf("%s ", option_word(id));
}

static void
bash_verb(const struct ctl_verb *v)
{
	printf("\t%s) options='", v->word);
	put_options(v->options | OPTIONS_GLOBAL);
	fputs("'", stdout);
	if (has_words(v)) {
		fputs("; [[ $given == 0 ]] && words='", stdout);
		put_words(v);
		putchar('\'');
	}
	if (takes_names(v))
		fputs("; [[ $cur != -* ]] && words=$(" NAMES ")", stdout);
	if (!takes_files(v))
		fputs("; compopt +o default", stdout);
	puts(" ;;");
}

static void
print_bash(void)
{
	const struct ctl_verb *v;

	fputs("# bash completion of certctl, made by `certctl completion bash`\n"
	      "_certctl()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} "
	      "prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tlocal verb='' given=0 words='' options='",
	      stdout);
	put_options(OPTIONS_GLOBAL);
	puts("' i\n"
	     "\tCOMPREPLY=()\n\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	     "\t\tcase ${COMP_WORDS[i]} in");
	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		if (option_argument(id)) {
			bash_option(id, "\t\t");
			puts(") ((i++)) ;;");
		}
	puts("\t\t-?*) ;;\n\t\t*) if [[ $verb ]]; then ((given++)); else "
	     "verb=${COMP_WORDS[i]}; fi ;;\n"
	     "\t\tesac\n\tdone\n\tcase $prev in");
	bash_values();
	fputs("\tesac\n\tif [[ $words ]]; then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	      "\t\tcompopt +o default\n\t\treturn\n\tfi\n\tcase $verb in\n"
	      "\t'') compopt +o default; words='",
	      stdout);
	for (size_t i = 0; (v = ctl_verb_at(i)); i++)
		printf("%s ", v->word);
	puts("' ;;");
	for (size_t i = 0; (v = ctl_verb_at(i)); i++)
		bash_verb(v);
	puts("\tesac\n\t[[ $cur == -* ]] && words=$options\n"
	     "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\n"
	     "complete -o default -F _certctl certctl");
}

/* ---- zsh ------------------------------------------------------------------------------------ */

static void
zsh_option(enum option_id id)
{
	char spec[512];

	snprintf(spec, sizeof(spec), "%s%s[%s]%s%s",
	         id == OPTION_LABEL || id == OPTION_TYPE ? "*" : "", option_word(id),
	         option_help(id), option_argument(id) ? ":" : "",
	         option_argument(id) ? option_argument(id) : "");
	fputs(" \\\n\t\t\t", stdout);
	put_quoted(spec, "'\\''");
	if (option_choices(id)) {
		fputs("':(", stdout);
		put_choices(id);
		fputs(")'", stdout);
	} else if (option_argument(id)) {
		fputs(takes_file(id) ? "':_files'" : "': '", stdout);
	}
}

static void
zsh_verb(const struct ctl_verb *v)
{
	printf("\t%s)\n\t\t_arguments -s", v->word);
	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		if ((v->options | OPTIONS_GLOBAL) & OPTION_BIT(id))
			zsh_option(id);
	if (has_words(v)) {
		fputs(" \\\n\t\t\t'1:word:(", stdout);
		put_words(v);
		fputs(")'", stdout);
	}
	if (takes_names(v))
		fputs(" \\\n\t\t\t'*:name:_certctl_names'", stdout);
	if (takes_files(v))
		fputs(" \\\n\t\t\t'*:file:_files'", stdout);
	puts(" ;;");
}

static void
print_zsh(void)
{
	const struct ctl_verb *v;

	puts("#compdef certctl\n# zsh completion of certctl, made by `certctl completion zsh`\n"
	     "_certctl_names()\n{\n\tlocal -a names\n\tnames=(${(f)\"$(" NAMES ")\"})\n"
	     "\tcompadd -a names\n}\n\n_certctl()\n{\n\tlocal state line curcontext=$curcontext\n"
	     "\tlocal -a verbs\n\tverbs=(");
	for (size_t i = 0; (v = ctl_verb_at(i)); i++) {
		char row[256];

		snprintf(row, sizeof(row), "%s:%s", v->word, v->help);
		fputs("\t\t", stdout);
		put_quoted(row, "'\\''");
		putchar('\n');
	}
	puts("\t)\n\t_arguments -C '1:verb:->verb' '*::argument:->argument' && return\n"
	     "\tif [[ $state == verb ]]; then\n\t\t_describe verb verbs\n\t\treturn\n\tfi\n"
	     "\tcase $words[1] in");
	for (size_t i = 0; (v = ctl_verb_at(i)); i++)
		zsh_verb(v);
	puts("\tesac\n}\n\nif [[ $funcstack[1] == _certctl ]]; then\n\t_certctl \"$@\"\nelse\n"
	     "\tcompdef _certctl certctl\nfi");
}

/* ---- fish ----------------------------------------------------------------------------------- */

static void
fish_option(const struct ctl_verb *v, enum option_id id)
{
	fputs("complete -c certctl", stdout);
	if (v)
		printf(" -n '__fish_seen_subcommand_from %s'", v->word);
	printf(" -l %s", option_word(id) + 2);
	if (option_letter(id))
		printf(" -s %c", option_letter(id));
	if (option_argument(id))
		fputs(takes_file(id) ? " -rF" : " -x", stdout);
	if (option_choices(id)) {
		fputs(" -a '", stdout);
		put_choices(id);
		putchar('\'');
	}
	fputs(" -d ", stdout);
	put_quoted(option_help(id), "\\'");
	putchar('\n');
}

static void
fish_verb(const struct ctl_verb *v)
{
	printf("complete -c certctl -n __fish_use_subcommand -a %s -d ", v->word);
	put_quoted(v->help, "\\'");
	putchar('\n');
	if (has_words(v)) {
		printf("complete -c certctl -n '__fish_seen_subcommand_from %s; and not "
		       "__fish_seen_subcommand_from ",
		       v->word);
		put_words(v);
		fputs("' -a '", stdout);
		put_words(v);
		puts("'");
	}
	if (takes_names(v))
		printf("complete -c certctl -n '__fish_seen_subcommand_from %s' -a '(" NAMES ")'\n",
		       v->word);
	if (takes_files(v))
		printf("complete -c certctl -n '__fish_seen_subcommand_from %s' -F\n", v->word);
	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		if (v->options & OPTION_BIT(id))
			fish_option(v, id);
}

static void
print_fish(void)
{
	const struct ctl_verb *v;

	puts("# fish completion of certctl, made by `certctl completion fish`\n"
	     "complete -c certctl -f");
	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		if (OPTIONS_GLOBAL & OPTION_BIT(id))
			fish_option(NULL, id);
	for (size_t i = 0; (v = ctl_verb_at(i)); i++)
		fish_verb(v);
}

enum msg_exit
cmd_completion(struct ctl *ctl)
{
	const char *shell = ctl->args[0];

	if (strcmp(shell, "bash") == 0)
		print_bash();
	else if (strcmp(shell, "zsh") == 0)
		print_zsh();
	else
		print_fish();
	return MSG_EXIT_OK;
}
