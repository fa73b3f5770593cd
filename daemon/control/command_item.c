/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/command_item.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/idna.h"
#include "base/json.h"
#include "daemon/conf/conf.h"

void
wish_refuse(struct wish *w, const char *word, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(w->detail, sizeof(w->detail), format, ap);
	va_end(ap);
	w->word = word;
}

static void
read_blocks(const struct conf *conf, const cJSON *item, struct wish *w)
{
	const char *backend = json_text(item, "backend"), *word;
	char why[NO_BLOCK_MAX];

	word = choose_cas(conf, item, &w->cas, why, sizeof(why));
	w->backend = backend ? conf_backend(conf, backend) : NULL;
	w->external = external_of(item);
	if (word)
		wish_refuse(w, word, "%s", why);
	else if (w->cas.count && w->external == EXTERNAL_YES)
		wish_refuse(w, "invalid", "%s", ca_or_external);
	else if (backend && !w->backend)
		wish_refuse(w, "unknown-backend", "%s", no_backend(conf, backend, why));
}

static bool
has_type(const cJSON *member)
{
	if (strcmp(member->string, "labels") == 0)
		return cJSON_IsObject(member);
	if (strcmp(member->string, "with") == 0)
		return cJSON_IsArray(member);
	if (strcmp(member->string, "external") == 0)
		return cJSON_IsBool(member);
	return cJSON_IsString(member) ||
	       (strcmp(member->string, "ca") == 0 && cJSON_IsArray(member));
}

/* A member that nobody knows is a slip of the pen, and must not pass as done. */
static const char *
unknown_member(const cJSON *item)
{
	static const char *const known[] = {"name",  "ca",       "backend", "labels",
	                                    "state", "external", "with"};
	const cJSON *member;

	cJSON_ArrayForEach(member, item)
	{
		bool found = false;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			found = found || strcmp(member->string, known[i]) == 0;
		if (!found || !has_type(member))
			return member->string;
	}
	return NULL;
}

void
wish_read(const struct conf *conf, const cJSON *item, struct wish *w)
{
	const char *state = json_text(item, "state"), *odd;
	const cJSON *labels = json_object(item, "labels");
	char why[SET_WHY_MAX];

	w->given = json_text(item, "name");
	odd = cJSON_IsObject(item) ? unknown_member(item) : NULL;
	w->absent = state && strcmp(state, "absent") == 0;
	w->relabel = labels != NULL;
	if (!w->given)
		wish_refuse(w, "invalid", "an item is an object with a \"name\"");
	else if (odd)
		wish_refuse(w, "invalid", "\"%.40s\" is no member of an item, or of another type",
		            odd);
	else if (state && !w->absent && strcmp(state, "present") != 0)
		wish_refuse(w, "invalid", "\"state\" is \"present\" or \"absent\"");
	else if (idna_parse(w->given, &w->name, why, sizeof(why)))
		wish_refuse(w, "invalid-name", "%s", why);
	else if (labels && labels_from_json(labels, &w->labels, why, sizeof(why)))
		wish_refuse(w, "invalid", "%s", why);
	else if (set_wish_read(item, &w->name, &w->with, why))
		wish_refuse(w, "invalid", "%s", why);
	else
		read_blocks(conf, item, w);
}
