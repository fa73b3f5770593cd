/* SPDX-License-Identifier: Apache-2.0 */
/* The screen of a name: why it fails, what it serves, its life, its attempts, its last events. */
#include <stdio.h>

#include "base/clock.h"
#include "tui/console.h"
#include "tui/gather.h"
#include "tui/name_sheet.h"
#include "tui/sheet.h"

enum { EVENTS_LOOKED_AT = 1000 };

struct view_state {
	struct sheet sheet;
	struct gather item, audit, attempts, events;
	int64_t filled_at; /* times go on */
};

static void
name_open(struct view *v)
{
	struct view_state *s = v->state;

	v->sheet = &s->sheet;
}

static cJSON *
request_for(const struct view *v, const char *verb)
{
	cJSON *request = console_request(verb);

	cJSON_AddStringToObject(request, "name", v->about);
	return request;
}

static void
name_load(struct view *v)
{
	struct view_state *s = v->state;
	int64_t last = v->console->model.events_last;
	cJSON *events = request_for(v, "events");

	cJSON_AddNumberToObject(events, "limit", EVENTS_LOOKED_AT);
	cJSON_AddNumberToObject(events, "after",
	                        (double)(last > EVENTS_LOOKED_AT ? last - EVENTS_LOOKED_AT : 0));
	gather_ask(&s->item, v, request_for(v, "show"), "item");
	gather_ask(&s->audit, v, request_for(v, "inspect"), "inspect");
	gather_ask(&s->attempts, v, request_for(v, "order"), "attempt");
	gather_ask(&s->events, v, events, "event");
}

/* ---- drawing and requests ------------------------------------------------------------------- */

static void
name_draw(struct view *v, struct area area)
{
	struct view_state *s = v->state;
	struct name_facts facts = {
		.item = gather_one(&s->item),
		.why = s->item.why,
		.audit = gather_one(&s->audit),
		.attempts = s->attempts.list,
		.events = s->events.list,
		.is_asked = s->item.list != NULL,
		.now = clock_wall(),
		.width = area.width,
	};

	if (v->is_old || v->width != area.width || s->filled_at != facts.now) {
		s->filled_at = facts.now;
		v->width = area.width;
		v->is_old = false;
		sheet_clear(&s->sheet);
		name_sheet_fill(&s->sheet, &facts);
		sheet_settle(&s->sheet);
	}
	sheet_draw(&s->sheet, area);
}

static bool
name_request(struct view *v, enum request request)
{
	static const struct names none;
	static const struct {
		enum request request;
		const char *verb;
	} verbs[] = {{REQUEST_RENEW, "renew"},
	             {REQUEST_RETRY, "retry"},
	             {REQUEST_PAUSE, "pause"},
	             {REQUEST_RESUME, "resume"}},
	  looks[] = {{REQUEST_DIAGNOSE, "diagnose"},
	             {REQUEST_RAW, "order"},
	             {REQUEST_CHAIN, "inspect"}};
	struct view_state *s = v->state;
	char line[CONSOLE_MESSAGE_MAX];

	if (sheet_request(&s->sheet, request))
		return true;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (verbs[i].request == request) {
			console_do_names(v->console, verbs[i].verb, &none, v->about);
			return true;
		}
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		if (looks[i].request == request) {
			snprintf(line, sizeof(line), "%s %s", looks[i].verb, v->about);
			console_run(v->console, line);
			return true;
		}
	if (request == REQUEST_EVENTS_OF) {
		console_events_of(v->console, v->about);
	} else if (request == REQUEST_COPY) {
		console_copy(v->console, v->about);
	} else {
		return false;
	}
	return true;
}

static void
name_done(struct view *v)
{
	struct view_state *s = v->state;

	sheet_done(&s->sheet);
	gather_done(&s->item);
	gather_done(&s->audit);
	gather_done(&s->attempts);
	gather_done(&s->events);
}

const struct view_ops view_name = {VIEW_NAME,    "",        sizeof(struct view_state),
                                   name_open,    name_load, name_draw,
                                   name_request, NULL,      name_done,
                                   NULL,         NULL};
