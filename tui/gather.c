/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/gather.h"

#include <stdio.h>

#include "base/json.h"
#include "tui/console.h"

static void
on_line(void *owner, const cJSON *line)
{
	struct gather *g = owner;
	const cJSON *object = json_object(line, g->member);

	if (object)
		cJSON_AddItemToArray(g->fresh, cJSON_Duplicate(object, true));
}

static void
on_end(void *owner, const cJSON *end, enum err err)
{
	struct gather *g = owner;
	const char *detail;

	g->is_asked = false;
	if (err) { /* what is known stays */
		cJSON_Delete(g->fresh);
	} else {
		cJSON_Delete(g->list);
		g->list = g->fresh;
		detail = json_text(json_object(end, "error"), "detail");
		snprintf(g->why, sizeof(g->why), "%s", detail ? detail : "");
		g->has_failed = json_object(end, "error") != NULL;
		view_is_old(g->view);
	}
	g->fresh = NULL;
}

void
gather_ask(struct gather *g, struct view *view, cJSON *request, const char *member)
{
	static const struct link_asker asker = {on_line, on_end};

	if (g->is_asked) {
		cJSON_Delete(request);
		return;
	}
	g->view = view;
	g->member = member;
	cJSON_Delete(g->fresh); /* of a request that had no place in the queue */
	g->fresh = cJSON_CreateArray();
	g->is_asked = link_ask(&view->console->ask, request, &asker, g);
}

const cJSON *
gather_one(const struct gather *g)
{
	return g->list ? g->list->child : NULL;
}

void
gather_done(struct gather *g)
{
	if (g->view)
		link_forget(&g->view->console->ask, g);
	cJSON_Delete(g->list);
	cJSON_Delete(g->fresh);
	*g = (struct gather){0};
}
