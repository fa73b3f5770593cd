/* SPDX-License-Identifier: Apache-2.0 */
/* Which CAs a request or one of its items names. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "daemon/conf/conf.h"
#include "daemon/control/command_inside.h"
#include "store/domain_cas.h"

static const char *
take_ca(const struct conf *conf, const cJSON *word, struct ca_choice *choice, char *why,
        size_t size)
{
	const char *name = cJSON_GetStringValue(word);
	const struct conf_ca *ca = name ? conf_ca(conf, name) : NULL;
	char text[NO_BLOCK_MAX];

	snprintf(why, size, "\"ca\" is a name, or a list of 1 to %d names that differ",
	         DOMAIN_CAS_MAX);
	if (!name || choice->count == DOMAIN_CAS_MAX)
		return "invalid";
	for (size_t i = 0; i < choice->count; i++)
		if (choice->cas[i] == ca)
			return "invalid";
	if (!ca) {
		snprintf(why, size, "%s", no_ca(conf, name, text));
		return "unknown-ca";
	}
	choice->cas[choice->count++] = ca;
	return NULL;
}

const char *
choose_cas(const struct conf *conf, const cJSON *object, struct ca_choice *ret_choice, char *why,
           size_t size)
{
	const cJSON *ca = cJSON_GetObjectItemCaseSensitive(object, "ca"), *one;
	struct ca_choice choice = {.count = 0};
	const char *word = NULL;

	if (ca && !cJSON_IsArray(ca))
		word = take_ca(conf, ca, &choice, why, size);
	for (one = cJSON_IsArray(ca) ? ca->child : NULL; one && !word; one = one->next)
		word = take_ca(conf, one, &choice, why, size);
	if (!word && cJSON_IsArray(ca) && choice.count == 0)
		word = take_ca(conf, NULL, &choice, why, size);
	if (!word)
		*ret_choice = choice;
	return word;
}

static size_t
names_of(const struct ca_choice *choice, const char *names[DOMAIN_CAS_MAX])
{
	for (size_t i = 0; i < choice->count; i++)
		names[i] = choice->cas[i]->name;
	return choice->count;
}

void
choice_put(const struct ca_choice *choice, struct domain *d)
{
	const char *names[DOMAIN_CAS_MAX];
	size_t count = names_of(choice, names);

	if (count)
		domain_set_cas(d, names, count);
	else
		domain_make_external(d);
}

bool
choice_is(const struct ca_choice *choice, const struct domain *d)
{
	const char *names[DOMAIN_CAS_MAX];
	size_t count = names_of(choice, names);

	return domain_has_cas(d, names, count);
}

const char *
choice_text(const struct ca_choice *choice, char text[DOMAIN_CAS_TEXT_MAX + 1])
{
	struct domain d = {.failures = 0};

	if (choice->count)
		choice_put(choice, &d);
	snprintf(text, DOMAIN_CAS_TEXT_MAX + 1, "%s", *d.cas ? d.cas : d.ca);
	return text;
}
