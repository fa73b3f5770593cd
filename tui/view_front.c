/* SPDX-License-Identifier: Apache-2.0 */
/* The screen Frontend: connections and handshakes, and the servers behind us. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "tui/console.h"
#include "tui/front_sheet.h"
#include "tui/gather.h"
#include "tui/sheet.h"

enum { LINE_BYTES = 2048 };

struct view_state {
	struct sheet sheet;
	struct gather front, backends;
	struct front_rates rates;
};

static void
front_open(struct view *v)
{
	struct view_state *s = v->state;

	v->sheet = &s->sheet;
}

static void
front_load(struct view *v)
{
	struct view_state *s = v->state;

	gather_ask(&s->front, v, console_request("frontend"), "frontend");
	gather_ask(&s->backends, v, console_request("backend.list"), "backend");
}

/* ---- the view ------------------------------------------------------------------------------- */

static void
front_draw(struct view *v, struct area area)
{
	struct view_state *s = v->state;

	struct front_facts facts = {
		.model = &v->console->model,
		.front = gather_one(&s->front),
		.backends = s->backends.list,
		.rates = &s->rates,
		.now = clock_wall(),
		.width = area.width,
	};

	if (v->is_old)
		front_rates_take(&s->rates, facts.front, clock_mono_ms());
	v->is_old = false;
	sheet_clear(&s->sheet); /* what it shows is new each second */
	front_sheet_fill(&s->sheet, &facts);
	sheet_settle(&s->sheet);
	sheet_draw(&s->sheet, area);
}

static bool
front_request(struct view *v, enum request request)
{
	struct view_state *s = v->state;
	const char *key = sheet_key(&s->sheet), *blank = key ? strchr(key, ' ') : NULL;
	const char *state = request == REQUEST_DRAIN ? "drain" : "ready";
	char backend[256], question[LINE_BYTES];
	cJSON *set;

	if (sheet_request(&s->sheet, request))
		return true;
	if (!blank || (request != REQUEST_DRAIN && request != REQUEST_READY))
		return false;
	snprintf(backend, sizeof(backend), "%.*s", (int)(blank - key), key);
	snprintf(question, sizeof(question), "%s server %.200s of %.100s? (y/n)",
	         request == REQUEST_DRAIN ? "drain" : "use again", blank + 1, backend);
	set = console_request("backend.set");
	cJSON_AddStringToObject(set, "backend", backend);
	cJSON_AddStringToObject(set, "server", blank + 1);
	cJSON_AddStringToObject(set, "state", state);
	console_do(v->console, set, question);
	return true;
}

static void
front_done(struct view *v)
{
	struct view_state *s = v->state;

	gather_done(&s->front);
	gather_done(&s->backends);
	sheet_done(&s->sheet);
}

const struct view_ops view_front = {VIEW_FRONT,    "Frontend", sizeof(struct view_state),
                                    front_open,    front_load, front_draw,
                                    front_request, NULL,       front_done,
                                    NULL,          NULL};
