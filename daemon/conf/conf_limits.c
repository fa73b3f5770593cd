/* SPDX-License-Identifier: Apache-2.0 */
/* How much a CA gives us: `orders` and `limits` of a ca block. */
#include <string.h>

#include "base/nearest.h"
#include "daemon/conf/conf_build.h"

bool
conf_rate(const struct conf_walk *w, const struct conf_token *word, struct limits_rate *ret_rate)
{
	static const struct conf_range times = {1000, 31 * 86400u * 1000u}, counts = {1, 1000000};
	struct conf_token count = *word, period = *word;
	const char *slash = strchr(word->text, '/');
	char *number;
	uint32_t ms;

	if (!slash)
		return conf_fail(w->cx, &word->at, "\"%s\": so many in a time, as in 300/3h",
		                 conf_show(w->cx, word->text));
	period.text = slash + 1;
	number = conf_strdup(w->cx, word->text);
	if (!number)
		return false;
	number[slash - word->text] = '\0';
	count.text = number;
	if (!conf_number(w->cx, &count, &counts, &ret_rate->count) ||
	    !conf_span(w->cx, &period, &times, &ms))
		return false;
	ret_rate->period = ms / 1000;
	return true;
}

bool
conf_take_budget(const struct conf_walk *w, const struct conf_rule *rule,
                 const struct conf_statement *s, void *into)
{
	struct conf_ca *ca = into;
	struct limits_rate rate;

	(void)rule;
	if (!conf_rate(w, &s->words[1], &rate))
		return false;
	ca->budget = rate.count;
	ca->budget_period = rate.period;
	return true;
}

static const char *
next_profile(const void *unused, size_t at)
{
	(void)unused;
	return limits_profile_word(at);
}

/* The account's is said by `orders`. Behind the others come endpoints, per second. */
static const char *
next_scope(const void *unused, size_t at)
{
	(void)unused;
	if (at + 1 < LIMIT_SCOPES)
		return limit_scope_word((enum limit_scope)(at + 1));
	at -= LIMIT_SCOPES - 1;
	return at < PACE_ENDPOINTS ? pace_word((enum pace_endpoint)at) : NULL;
}

static bool
take_scope(const struct conf_walk *w, const struct conf_token *words, struct limits_rules *rules)
{
	struct limits_rate rate = {.count = 0};
	const char *word = NULL;
	size_t at = 0;

	while ((word = next_scope(NULL, at)) && strcmp(word, words[0].text) != 0)
		at++;
	if (!word)
		return conf_fail_unknown(w->cx, &words[0], "scope of a limit", next_scope, NULL);
	if (strcmp(words[1].text, "none") != 0 && !conf_rate(w, &words[1], &rate))
		return false;
	if (at + 1 < LIMIT_SCOPES)
		rules->rate[at + 1] = rate;
	else
		rules->requests[at + 1 - LIMIT_SCOPES] =
			(struct pace_rate){rate.count, rate.period};
	return true;
}

bool
conf_take_limits(const struct conf_walk *w, const struct conf_rule *rule,
                 const struct conf_statement *s, void *into)
{
	struct conf_ca *ca = into;

	(void)rule;
	if (!limits_profile(s->words[1].text, &ca->limits))
		return conf_fail_unknown(w->cx, &s->words[1], "profile of limits", next_profile,
		                         NULL);
	if (s->word_count % 2)
		return conf_fail(w->cx, &s->words[s->word_count - 1].at,
		                 "after a scope comes its limit: NUMBER/TIME, or none");
	for (size_t i = 2; i < s->word_count; i += 2)
		if (!take_scope(w, &s->words[i], &ca->limits))
			return false;
	ca->limits_are_said = true;
	return true;
}

void
conf_limits_defaults(struct conf_ca *ca)
{
	static const char production[] = "https://acme-v02.api.letsencrypt.org/";
	const struct limits_rate *account = &ca->limits.rate[LIMIT_ACCOUNT];
	bool known = strncmp(ca->directory, production, sizeof(production) - 1) == 0;

	if (!ca->limits_are_said)
		(void)limits_profile(known ? "letsencrypt" : "generic", &ca->limits);
	if (!ca->budget) {
		ca->budget = account->count;
		ca->budget_period = account->period;
	}
}
