/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/front_sheet.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "ctl/print.h"
#include "tui/draw.h"
#include "tui/spark.h"
#include "tui/text.h"

enum { LINE_BYTES = 1024, SPARK_MOST = 60, SPARK_MARGIN = 46, NARROW = 60, LISTED = 75, WIDE = 90 };

/* ---- rates and totals ----------------------------------------------------------------------- */

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

static double
number(const cJSON *object, const char *member)
{
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(object, member);

	return cJSON_IsNumber(n) ? n->valuedouble : 0;
}

/* "p50 1.8 ms  p99 6.2 ms" of a "handshake" or "connecting"; "" without one. */
static const char *
quantiles(const cJSON *times, char text[LINE_BYTES])
{
	char half[TEXT_NUMBER_MAX], most[TEXT_NUMBER_MAX];

	text[0] = '\0';
	if (times)
		snprintf(text, LINE_BYTES, "p50 %s  p99 %s",
		         text_seconds(number(times, "p50"), half),
		         text_seconds(number(times, "p99"), most));
	return text;
}

/* The last minute: how long handshakes took, and where certificates came from. */
static void
add_minute(struct sheet *sheet, const cJSON *minute, int width)
{
	static const char *const words[][2] = {
		{"sni_cache", "cache"},     {"sni_store", "store"},
		{"sni_unknown", "unknown"}, {"sni_unreadable", "unreadable"},
		{"sni_invalid", "invalid"}, {"sni_absent", "no name"}};
	const cJSON *shares = json_object(minute, "shares");
	char text[LINE_BYTES] = "";
	size_t len = 0;

	sheet_field(sheet, TONE_PLAIN, "handshake",
	            quantiles(json_object(minute, "handshake"), text), width);
	if (cJSON_GetObjectItemCaseSensitive(shares, "resumed")) {
		snprintf(text, sizeof(text), "%.0f%% of the handshakes in the last minute",
		         100 * number(shares, "resumed"));
		sheet_field(sheet, TONE_PLAIN, "resumed", text, width);
	}
	text[0] = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		double share = number(shares, words[i][0]);

		if (share > 0 && len < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %.*f%%",
			                        len ? "  " : "", words[i][1], share < 0.001 ? 2 : 1,
			                        100 * share);
	}
	sheet_field(sheet, TONE_PLAIN, "SNI", text, width);
}

static void
add_top(struct sheet *sheet, const cJSON *top, int width)
{
	double seconds = number(top, "seconds");
	struct buf line = {0};
	const cJSON *one;

	cJSON_ArrayForEach(one, json_array(top, "names"))
	{
		const char *name = json_text(one, "name");

		buf_printf(&line, "%s%s %.1f/s", line.len ? "  " : "", name ? name : "",
		           seconds > 0 ? number(one, "count") / seconds : 0);
	}
	if (line.len && buf_str(&line))
		sheet_field(sheet, TONE_PLAIN, "top", buf_str(&line), width);
	buf_done(&line);
}

static void
add_tickets(struct sheet *sheet, const cJSON *tickets, const struct front_facts *f)
{
	int64_t made = print_time_of(tickets, "made_at"), next = print_time_of(tickets, "next_at");
	char line[LINE_BYTES], age[PRINT_TIME_MAX], left[PRINT_TIME_MAX];

	if (!made)
		return;
	snprintf(line, sizeof(line), "key %s old, the next one in %s",
	         print_span(f->now - made, age),
	         print_span(next > f->now ? next - f->now : 0, left));
	sheet_field(sheet, TONE_PLAIN, "tickets", line, f->width);
}

static void
add_totals(struct sheet *sheet, const struct front_facts *f)
{
	const struct model *m = f->model;
	char handshakes[TEXT_NUMBER_MAX], entries[TEXT_NUMBER_MAX], line[LINE_BYTES];

	add_minute(sheet, json_object(f->front, "last_minute"), f->width);
	add_top(sheet, json_object(f->front, "top"), f->width);
	add_tickets(sheet, json_object(f->front, "tickets"), f);
	snprintf(line, sizeof(line), "%s handshakes, %s certificates in the cache",
	         text_count(model_number(m, "front", "handshakes"), handshakes),
	         text_count(model_number(m, "front", "credential_entries"), entries));
	sheet_field(sheet, TONE_PLAIN, "in all", line, f->width);
	add_refusals(sheet, m);
}

/* ---- listeners ------------------------------------------------------------------------------ */

void
front_rates_take(struct front_rates *rates, const cJSON *front, int64_t now_ms)
{
	struct front_rates before = *rates;
	double seconds = (double)(now_ms - before.at_ms) / 1000;
	const cJSON *one;

	if (!front || print_time_of(front, "at") == before.at)
		return;
	*rates = (struct front_rates){.at_ms = now_ms, .at = print_time_of(front, "at")};
	cJSON_ArrayForEach(one, json_array(front, "listeners"))
	{
		const char *address = json_text(one, "address");
		double accepted = number(one, "accepted");

		if (rates->count == FRONT_LISTENERS_MAX)
			break;
		snprintf(rates->of[rates->count].address, FRONT_ADDRESS_MAX, "%s",
		         address ? address : "");
		for (size_t i = 0; address && seconds > 0 && i < before.count; i++)
			if (strcmp(before.of[i].address, address) == 0 &&
			    accepted >= before.of[i].accepted)
				rates->of[rates->count].rate =
					(accepted - before.of[i].accepted) / seconds;
		rates->of[rates->count++].accepted = accepted;
	}
}

static double
rate_of(const struct front_rates *rates, const char *address)
{
	for (size_t i = 0; i < rates->count; i++)
		if (strcmp(rates->of[i].address, address) == 0)
			return rates->of[i].rate;
	return 0;
}

static void
add_listener(struct sheet *sheet, const cJSON *one, const struct front_facts *f)
{
	const char *address = json_text(one, "address"), *kind = json_text(one, "kind");
	int64_t rejected = json_int(one, "rejected", 0);
	char open[TEXT_NUMBER_MAX], most[TEXT_NUMBER_MAX], half[TEXT_NUMBER_MAX],
		not [TEXT_NUMBER_MAX];
	struct buf line = {0};

	buf_add_str(&line, rejected ? "! " : "  ");
	text_pad(&line, address ? address : "", f->width < LISTED ? 20 : 26, draw_is_ascii());
	buf_printf(&line, " %-5.20s %7s %6.0f %6s %6s", kind ? kind : "",
	           text_count(json_int(one, "connections", 0), open),
	           rate_of(f->rates, address ? address : ""),
	           text_count(json_int(one, "half_open", 0), half), text_count(rejected, not ));
	if (f->width >= LISTED)
		buf_printf(&line, " %10s%s", text_count(json_int(one, "max_connections", 0), most),
		           json_bool(one, "proxy_protocol", false) ? "  PROXY" : "");
	if (buf_str(&line))
		sheet_add(sheet, rejected ? TONE_WARN : TONE_PLAIN, "%s", buf_str(&line));
	buf_done(&line);
}

static void
add_listeners(struct sheet *sheet, const struct front_facts *f)
{
	const cJSON *from = f->front ? f->front : f->model->status, *one;

	sheet_add(sheet, TONE_TITLE, "  %-*s %-5s %7s %6s %6s %6s%s", f->width < LISTED ? 20 : 26,
	          "LISTENER", "KIND", "OPEN", "RATE", "HALF", "REJ",
	          f->width >= LISTED ? "    AT MOST" : "");
	cJSON_ArrayForEach(one, json_array(from, "listeners")) add_listener(sheet, one, f);
}

/* ---- backends ------------------------------------------------------------------------------- */

static void
add_server(struct sheet *sheet, const char *backend, const cJSON *server, int width)
{
	const char *name = json_text(server, "server"), *state = json_text(server, "state");
	const char *health = json_text(server, "health"), *why = json_text(server, "last_failure");
	const cJSON *connecting = json_object(server, "connecting");
	bool is_down = health && strcmp(health, "down") == 0;
	bool is_off = state && strcmp(state, "ready") != 0;
	char key[LINE_BYTES], open[TEXT_NUMBER_MAX], all[TEXT_NUMBER_MAX], failed[TEXT_NUMBER_MAX],
		slow[TEXT_NUMBER_MAX];
	struct buf line = {0};

	snprintf(key, sizeof(key), "%.255s %.255s", backend, name ? name : "");
	buf_add_str(&line, is_down ? "! " : is_off ? "p " : "  ");
	text_pad(&line, backend, 12, draw_is_ascii());
	buf_add_str(&line, " ");
	text_pad(&line, name ? name : "", 22, draw_is_ascii());
	buf_printf(&line, " %-7.20s %-8.20s %6s %6s %7s", health ? health : "", state ? state : "",
	           text_count(json_int(server, "connections", 0), open),
	           text_count(json_int(server, "failures", 0), failed),
	           connecting ? text_seconds(number(connecting, "p99"), slow) : "-");
	if (width >= WIDE)
		buf_printf(&line, " %11s", text_count(json_int(server, "connects", 0), all));
	if (buf_str(&line))
		sheet_add_key(sheet,
		              is_down  ? TONE_WARN
		              : is_off ? TONE_DIM
		                       : TONE_PLAIN,
		              key, buf_str(&line));
	buf_done(&line);
	if (is_down)
		sheet_field(sheet, TONE_WARN, "  why", why, width);
}

static void
add_backends(struct sheet *sheet, const struct front_facts *f)
{
	const cJSON *backend, *server;

	sheet_add(sheet, TONE_TITLE, "  %-12s %-22s %-7s %-8s %6s %6s %7s%s", "BACKEND", "SERVER",
	          "HEALTH", "STATE", "OPEN", "FAILED", "P99",
	          f->width >= WIDE ? "         ALL" : "");
	cJSON_ArrayForEach(backend, f->backends)
	{
		const char *name = json_text(backend, "name");

		cJSON_ArrayForEach(server, json_array(backend, "servers"))
			add_server(sheet, name ? name : "", server, f->width);
	}
}

void
front_sheet_fill(struct sheet *sheet, const struct front_facts *f)
{
	add_rates(sheet, f->model, f->width);
	add_totals(sheet, f);
	sheet_add(sheet, TONE_PLAIN, "%s", "");
	add_listeners(sheet, f);
	sheet_add(sheet, TONE_PLAIN, "%s", "");
	add_backends(sheet, f);
}
