/* SPDX-License-Identifier: Apache-2.0 */
/* What --help says, made of the tables of verbs and options. */
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/usage.h"

static const char exit_codes[] =
	"Exit codes: 0 done, 1 failed, 2 bad usage or input, 3 no such name, 4 certd not "
	"reachable,\n"
	"5 not permitted, 6 conflict, 7 waiting timed out, 8 the CA refused, 9 partly done.\n";

void
ctl_help(void)
{
	const struct ctl_verb *v;
	char left[64], word[USAGE_WORD_MAX];

	printf("certctl - talks to certd, which gets, renews and serves certificates\n\nExamples:\n"
	       "  certctl add shop.example.com --wait\n"
	       "  certctl list --state failing\n"
	       "  certctl show shop.example.com\n\nUsage: certctl [OPTION...] VERB "
	       "[ARGUMENT...]\n\n");
	for (size_t i = 0; (v = ctl_verb_at(i)); i++) {
		snprintf(left, sizeof(left), "%s %s", v->word,
		         usage_word(v->args, 0, word) ? "WORD..." : v->args);
		printf("  %-20s %s\n", left, v->help);
	}
	printf("\nOptions of every verb:\n");
	options_print(OPTIONS_GLOBAL);
	printf("\n\"--\" ends options. certctl VERB --help tells more about a verb.\n%s",
	       exit_codes);
}

void
ctl_help_verb(const struct ctl_verb *v)
{
	printf("certctl %s - %s\n\nExamples:\n%s\nUsage: certctl %s%s%s [OPTION...]\n\nOptions:\n",
	       v->word, v->help, v->examples, v->word, *v->args ? " " : "", v->args);
	options_print(v->options | OPTIONS_GLOBAL);
	printf("\n%s", exit_codes);
}
