/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean" for names: among those near in the list, and the first ones. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/nearest.h"
#include "ctl/ctl.h"
#include "ctl/names.h"
#include "ctl/parts.h"

enum { FROM_MAX = 64 };

static void
on_name(struct ctl *ctl, const cJSON *line, void *arg)
{
	const char *name = json_text(json_object(line, "item"), "name");

	(void)ctl;
	if (name)
		(void)names_add(arg, name);
}

static const char *
next_name(const void *names, size_t at)
{
	const struct names *n = names;

	return at < n->count ? n->list[at] : NULL;
}

/* Pages of names: from a quarter of NAME on, from its first two letters, and from the first one. */
static void
collect(struct ctl *ctl, const char *name, struct names *names)
{
	const int lengths[] = {(int)strlen(name) / 4, 2, 0};
	char from[FROM_MAX];
	enum err err = ERR_OK;

	for (size_t i = 0; !err && i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		cJSON *request = ctl_request("list"), *end = NULL;

		snprintf(from, sizeof(from), "%.*s", lengths[i], name);
		cJSON_AddNumberToObject(request, "limit", MSG_PAGE_MAX);
		if (*from)
			cJSON_AddStringToObject(request, "from", from);
		err = ctl_exchange(ctl, request, ctl_deadline(ctl), on_name, names, &end);
		cJSON_Delete(request);
		cJSON_Delete(end);
	}
}

void
suggest_name(struct ctl *ctl, const char *name)
{
	struct names names = {0};
	const char *near;

	collect(ctl, name, &names);
	near = nearest_word(name, next_name, &names);
	if (near)
		complain(NULL, "did you mean \"%s\"?", near);
	names_done(&names);
}
