/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/model.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

static const char *const words[] = {
#define X(name, word) word,
	MODEL_RATES(X)
#undef X
};

void
model_init(struct model *m, struct link *link, struct link *watch)
{
	*m = (struct model){.link = link, .watch = watch, .may_change = true};
}

void
model_done(struct model *m)
{
	link_forget(m->link, m);
	link_forget(m->watch, m);
	cJSON_Delete(m->status);
	m->status = NULL;
}

static void
push(double *values, size_t samples, double value)
{
	if (samples == MODEL_SAMPLES)
		memmove(values, values + 1, (MODEL_SAMPLES - 1) * sizeof(*values));
	values[samples == MODEL_SAMPLES ? samples - 1 : samples] = value;
}

/* Counters begin at 0 with a new certd: its first second counts for nothing. */
static void
add_sample(struct model *m, const cJSON *front, bool is_new)
{
	int64_t now = clock_mono_ms();
	double seconds = (double)(now - m->got_ms) / 1000;

	for (int i = 0; i < MODEL_RATE_COUNT; i++) {
		double value = (double)json_int(front, words[i], 0);
		double more = is_new || value < m->last[i] ? 0 : value - m->last[i];

		push(m->rates[i], m->samples, seconds > 0 ? more / seconds : 0);
		m->last[i] = value;
	}
	push(m->connections, m->samples, (double)json_int(front, "connections", 0));
	m->samples += m->samples < MODEL_SAMPLES;
	m->got_ms = now;
}

static void
on_line(void *owner, const cJSON *line)
{
	struct model *m = owner;
	const cJSON *status = json_object(line, "status");
	bool is_new = !m->is_here;
	int64_t last = json_int(status, "events_last", 0);

	if (!status)
		return;
	add_sample(m, json_object(status, "front"), is_new);
	m->has_news |= last != m->events_last;
	m->events_last = last;
	m->may_change = json_bool(status, "may_change", true);
	m->is_here = true;
	m->is_watched_enough &= !is_new;
	cJSON_Delete(m->status);
	m->status = cJSON_Duplicate(status, true);
	if (m->on_change)
		m->on_change(m->owner, is_new);
}

static void
on_end(void *owner, const cJSON *end, enum err err)
{
	struct model *m = owner;
	const char *detail = json_text(json_object(end, "error"), "detail");

	m->is_asked = false;
	if (!err && !detail)
		return;
	m->is_here = false;
	snprintf(m->trouble, sizeof(m->trouble), "%s",
	         detail                   ? detail
	         : err == ERR_UNREACHABLE ? "nobody listens there"
	                                  : err_text(err));
}

/* ---- watching ------------------------------------------------------------------------------- */

static void
on_watch(void *owner, const cJSON *line)
{
	struct model *m = owner;
	const cJSON *watch = json_object(line, "watch");
	int64_t names = json_int(watch, "names", 0), events = json_int(watch, "events", 0);

	m->has_news |= names != m->names_revision || events != m->events_last;
	m->names_revision = names;
	m->events_last = events > m->events_last ? events : m->events_last;
}

static void
on_watch_end(void *owner, const cJSON *end, enum err err)
{
	struct model *m = owner;

	(void)err;
	m->is_watching = false;
	m->is_watched_enough = end != NULL;
}

static void
ask(struct link *link, const char *verb, const struct link_asker *asker, struct model *m,
    bool *is_out)
{
	cJSON *request = *is_out ? NULL : cJSON_CreateObject();

	if (!request)
		return;
	cJSON_AddStringToObject(request, "verb", verb);
	*is_out = link_ask(link, request, asker, m);
}

void
model_tick(struct model *m)
{
	static const struct link_asker status = {on_line, on_end}, watch = {on_watch, on_watch_end};

	ask(m->link, "status", &status, m, &m->is_asked);
	if (m->is_here && !m->is_watched_enough)
		ask(m->watch, "watch", &watch, m, &m->is_watching);
}

bool
model_take_news(struct model *m)
{
	bool news = m->has_news;

	m->has_news = false;
	return news;
}

bool
model_is_stale(const struct model *m)
{
	return !m->status || clock_mono_ms() - m->got_ms > MODEL_STALE_MS;
}

double
model_rate(const struct model *m, enum model_rate rate)
{
	return m->samples ? m->rates[rate][m->samples - 1] : 0;
}

int64_t
model_number(const struct model *m, const char *object, const char *member)
{
	return json_int(object ? json_object(m->status, object) : m->status, member, 0);
}
