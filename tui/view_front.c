/* SPDX-License-Identifier: Apache-2.0 */
/* The screen Frontend: connections and handshakes, and the servers behind us. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tui/console.h"
#include "tui/gather.h"
#include "tui/sheet.h"
#include "tui/spark.h"
#include "tui/text.h"

enum { LINE_BYTES = 2048, SPARK_MOST = 60, SPARK_MARGIN = 46, NARROW = 60 };

struct view_state {
	struct sheet sheet;
	struct gather backends;
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

	gather_ask(&s->backends, v, console_request("backend.list"), "backend");
}

/* ---- lines ---------------------------------------------------------------------------------- */

static int
label_cells(int width)
{
	return width < NARROW ? 20 : 28;
}

static void
add_spark(struct sheet *sheet, const struct model *m, const char *label, const double *values,
          int width)
{
	size_t room = width > SPARK_MARGIN ? (size_t)(width - SPARK_MARGIN) : 0;
	char picture[SPARK_ROOM(SPARK_MOST)], number[TEXT_NUMBER_MAX];
	double now = m->samples ? values[m->samples - 1] : 0;

	sheet_add(sheet, TONE_PLAIN, "  %-*.*s %10s  %s", label_cells(width), label_cells(width),
	          label, text_count((int64_t)(now + 0.5), number),
	          spark_line(values, m->samples, room < SPARK_MOST ? room : SPARK_MOST,
	                     draw_has_blocks(), picture));
}

static void
add_rates(struct sheet *sheet, const struct model *m, int width)
{
	static const struct {
		const char *label;
		enum model_rate rate;
	} rates[] = {{"connections a second", MODEL_ACCEPTED},
	             {"handshakes a second", MODEL_HANDSHAKES},
	             {"  of them resumed", MODEL_RESUMED},
	             {"handshakes failed a second", MODEL_FAILED},
	             {"unknown names a second", MODEL_UNKNOWN},
	             {"bytes in a second", MODEL_BYTES_IN},
	             {"bytes out a second", MODEL_BYTES_OUT}};

	sheet_add(sheet, TONE_TITLE, "  %-*s %10s  the last minutes", label_cells(width),
	          "FRONTEND", "now");
	add_spark(sheet, m, "open connections", m->connections, width);
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		add_spark(sheet, m, rates[i].label, m->rates[rates[i].rate], width);
}

static double
percent(int64_t part, int64_t whole)
{
	return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

/* What limits have cost clients since certd started, only where it is something. */
static void
add_refusals(struct sheet *sheet, const struct model *m)
{
	static const struct {
		const char *counter, *text;
	} refusals[] = {{"rejected_limit", "beyond max-connections"},
	                {"rejected_address", "beyond connections-per-address"},
	                {"proxy_refused", "without a PROXY header we believe"},
	                {"timeouts", "too slow"},
	                {"hello_malformed", "with a malformed ClientHello"},
	                {"sni_invalid", "for what is no host name"},
	                {"on_demand_refused", "for names that the permission hook refused"},
	                {"on_demand_over_budget", "for names on demand, over a budget"},
	                {"on_demand_hook_failed", "for names on demand, the hook did not answer"},
	                {"on_demand_crowded", "for names on demand, too many were waiting"},
	                {"no_certificate", "for names without a certificate yet"},
	                {"credentials_failed", "for names whose certificate did not load"},
	                {"backend_failed", "whose server could not be reached"},
	                {"records_cut", "cut: TLS records without data"}};
	char number[TEXT_NUMBER_MAX];

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		int64_t n = model_number(m, "front", refusals[i].counter);

		if (n)
			sheet_add(sheet, TONE_WARN, "! %10s  %s", text_count(n, number),
			          refusals[i].text);
	}
}

static void
add_totals(struct sheet *sheet, const struct model *m)
{
	int64_t handshakes = model_number(m, "front", "handshakes");
	int64_t cached = model_number(m, "front", "credentials_cached");
	int64_t loaded = model_number(m, "front", "credentials_loaded");
	char number[TEXT_NUMBER_MAX], entries[TEXT_NUMBER_MAX];

	sheet_add(sheet, TONE_PLAIN,
	          "  %s handshakes, %.0f%% resumed; from the cache %.1f%%, %s in it",
	          text_count(handshakes, number),
	          percent(model_number(m, "front", "resumed"), handshakes),
	          percent(cached, cached + loaded),
	          text_count(model_number(m, "front", "credential_entries"), entries));
	add_refusals(sheet, m);
}

static void
add_listeners(struct sheet *sheet, const struct model *m)
{
	const cJSON *one;
	char most[TEXT_NUMBER_MAX];

	sheet_add(sheet, TONE_TITLE, "  LISTENER                   KIND      AT MOST");
	cJSON_ArrayForEach(one, json_array(m->status, "listeners"))
	{
		const char *address = json_text(one, "address"), *kind = json_text(one, "kind");

		sheet_add(sheet, TONE_PLAIN, "  %-26.100s %-6.20s %10s%s", address ? address : "",
		          kind ? kind : "", text_count(json_int(one, "max_connections", 0), most),
		          json_bool(one, "proxy_protocol", false) ? "  PROXY" : "");
	}
}

static void
add_server(struct sheet *sheet, const char *backend, const cJSON *server, int width)
{
	const char *name = json_text(server, "server"), *state = json_text(server, "state");
	const char *health = json_text(server, "health"), *why = json_text(server, "last_failure");
	bool is_down = health && strcmp(health, "down") == 0;
	bool is_off = state && strcmp(state, "ready") != 0;
	char line[LINE_BYTES], key[LINE_BYTES], open[TEXT_NUMBER_MAX], all[TEXT_NUMBER_MAX],
		failed[TEXT_NUMBER_MAX];

	snprintf(key, sizeof(key), "%.255s %.255s", backend, name ? name : "");
	snprintf(line, sizeof(line), "%c %-12.100s %-22.255s %-7.20s %-8.20s %7s %9s %7s",
	         is_down  ? '!'
	         : is_off ? 'p'
	                  : ' ',
	         backend, name ? name : "", health ? health : "", state ? state : "",
	         text_count(json_int(server, "connections", 0), open),
	         text_count(json_int(server, "connects", 0), all),
	         text_count(json_int(server, "failures", 0), failed));
	sheet_add_key(sheet, is_down ? TONE_WARN : is_off ? TONE_DIM : TONE_PLAIN, key, line);
	if (is_down)
		sheet_field(sheet, TONE_WARN, "  why", why, width);
}

static void
fill(struct view *v, int width)
{
	struct view_state *s = v->state;
	const cJSON *backend, *server;

	sheet_clear(&s->sheet);
	add_rates(&s->sheet, &v->console->model, width);
	add_totals(&s->sheet, &v->console->model);
	sheet_add(&s->sheet, TONE_PLAIN, "%s", "");
	add_listeners(&s->sheet, &v->console->model);
	sheet_add(&s->sheet, TONE_PLAIN, "%s", "");
	sheet_add(&s->sheet, TONE_TITLE, "  %-12s %-22s %-7s %-8s %7s %9s %7s", "BACKEND", "SERVER",
	          "HEALTH", "STATE", "OPEN", "ALL", "FAILED");
	cJSON_ArrayForEach(backend, s->backends.list)
	{
		const char *name = json_text(backend, "name");

		cJSON_ArrayForEach(server, json_array(backend, "servers"))
			add_server(&s->sheet, name ? name : "", server, width);
	}
	sheet_settle(&s->sheet);
}

/* ---- the view ------------------------------------------------------------------------------- */

static void
front_draw(struct view *v, struct area area)
{
	struct view_state *s = v->state;

	fill(v, area.width); /* rates are new each second */
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

	gather_done(&s->backends);
	sheet_done(&s->sheet);
}

const struct view_ops view_front = {VIEW_FRONT,    "Frontend", sizeof(struct view_state),
                                    front_open,    front_load, front_draw,
                                    front_request, NULL,       front_done,
                                    NULL,          NULL};
