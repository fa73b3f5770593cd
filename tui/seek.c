/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/seek.h"

#include <stdio.h>

#include "base/json.h"
#include "tui/console.h"

/* Requests for one key: each looks at 2,000 names where other filters leave no index. */
enum { PAGES_MAX = 200 };

static void ask(struct seek *s, const char *place);

static void
on_line(void *owner, const cJSON *line)
{
	struct seek *s = owner;
	const cJSON *item = json_object(line, "item");

	if (item)
		window_place(s->window, item, s->place);
}

static void
on_end(void *owner, const cJSON *end, enum err err)
{
	struct seek *s = owner;
	const char *on = json_text(end, s->is_backwards ? "before" : "after");

	console_on_end(s->view, end, err);
	if (s->place[0])
		window_go(s->window, s->place);
	else if (on && s->pages < PAGES_MAX) {
		ask(s, on);
		return;
	} else if (!err && !json_object(end, "error"))
		console_say(s->view->console, TONE_PLAIN,
		            on                ? "none that fails is near"
		            : s->is_backwards ? "none before it fails"
		                              : "none behind it fails");
	seek_done(s);
}

static void
ask(struct seek *s, const char *place)
{
	static const struct link_asker asker = {on_line, on_end};
	cJSON *request = cJSON_Duplicate(s->query, true);

	s->pages++;
	cJSON_AddStringToObject(request, s->is_backwards ? "before" : "after", place);
	if (!link_ask(s->window->link, request, &asker, s))
		seek_done(s);
}

void
seek_failing(struct seek *s, struct view *view, struct window *window, bool backwards)
{
	const cJSON *row = window_row(window);
	char place[WINDOW_PLACE_MAX];

	if (s->query || !row)
		return;
	*s = (struct seek){.view = view, .window = window, .is_backwards = backwards};
	if (json_text(window->query, "state")) { /* all of them are meant */
		window_request(window, backwards ? REQUEST_UP : REQUEST_DOWN);
		return;
	}
	s->query = cJSON_Duplicate(window->query, true);
	cJSON_AddStringToObject(s->query, "state", "failing");
	cJSON_AddNumberToObject(s->query, "limit", 1);
	window_place(window, row, place);
	ask(s, place);
}

void
seek_done(struct seek *s)
{
	if (s->window)
		link_forget(s->window->link, s);
	cJSON_Delete(s->query);
	s->query = NULL;
}
