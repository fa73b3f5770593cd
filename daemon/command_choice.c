/* SPDX-License-Identifier: Apache-2.0 */
/* Which CAs and which backend a request means. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "daemon/conf.h"
#include "daemon/command_inside.h"
#include "store/domain_cas.h"

static const char *
take_ca(const struct conf *conf, const cJSON *word, struct ca_choice *choice, char *why,
        size_t size)
{
	const char *name = cJSON_GetStringValue(word);
	const struct conf_ca *ca = name ? conf_ca(conf, name) : NULL;

	snprintf(why, size, "\"ca\" is a name, or a list of 1 to %d names that differ",
	         DOMAIN_CAS_MAX);
	if (!name || choice->count == DOMAIN_CAS_MAX)
		return "invalid";
	for (size_t i = 0; i < choice->count; i++)
		if (choice->cas[i] == ca)
			return "invalid";
	if (!ca) {
		snprintf(why, size, "the configuration has no ca \"%.100s\"", name);
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

	domain_set_cas(d, names, count);
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

	choice_put(choice, &d);
	snprintf(text, DOMAIN_CAS_TEXT_MAX + 1, "%s", *d.cas ? d.cas : d.ca);
	return text;
}

static void
choose_default(const struct conf *conf, struct ca_choice *choice)
{
	for (size_t i = 0; i < conf->otherwise.ca_count; i++)
		choice->cas[choice->count++] = conf->otherwise.cas[i];
}

static bool
stay(const struct conf *next, const struct ca_choice *choice, const struct conf_backend *backend)
{
	for (size_t i = 0; i < choice->count; i++)
		if (!conf_ca(next, choice->cas[i]->name))
			return false;
	return conf_backend(next, backend->name) != NULL;
}

bool
choose_blocks(struct control_client *cl, const cJSON *request, struct ca_choice *ret_cas,
              const struct conf_backend **ret_backend)
{
	const struct conf *conf = cl->control->conf, *next = cl->control->next_conf;
	const char *backend = json_text(request, "backend"), *word;
	char why[256];

	*ret_cas = (struct ca_choice){.count = 0};
	*ret_backend = backend ? conf_backend(conf, backend) : conf->otherwise.backend;
	word = choose_cas(conf, request, ret_cas, why, sizeof(why));
	if (!word && ret_cas->count == 0)
		choose_default(conf, ret_cas);
	if (word)
		reply_error(cl, MSG_EXIT_USAGE, word, "%s", why);
	else if (ret_cas->count == 0)
		reply_error(cl, MSG_EXIT_USAGE, "unknown-ca",
		            "no ca given, and the configuration has no default");
	else if (!*ret_backend)
		reply_error(cl, MSG_EXIT_USAGE, "unknown-backend",
		            backend ? "the configuration has no backend \"%s\""
		                    : "no backend given, and the configuration has no default%s",
		            backend ? backend : "");
	if (word || ret_cas->count == 0 || !*ret_backend)
		return false;
	if (next && !stay(next, ret_cas, *ret_backend)) {
		reply_error(cl, MSG_EXIT_CONFLICT, "busy",
		            "a reload is in work that drops this ca or backend");
		return false;
	}
	return true;
}
