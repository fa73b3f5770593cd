/* SPDX-License-Identifier: Apache-2.0 */
/* The verb status: how certd is doing, in a screen. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/parts.h"
#include "ctl/table.h"
#include "ctl/terminal.h"

enum { FIELD_MAX = 2048, EVENTS_SHOWN = 5, NUMBER_MAX = 32 };

/* "1,000,000" */
static const char *
grouped(int64_t n, char text[NUMBER_MAX])
{
	char digits[NUMBER_MAX];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, n), at = 0;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = '\0';
	return text;
}

/* "valid 12, failing 3": the numbers of OBJECT by their words, behind what TEXT has; zeros and
 * EXCEPT (may be NULL) left out. */
static void
add_numbers(struct buf *text, const cJSON *object, const char *except)
{
	char number[NUMBER_MAX];

	for (const cJSON *m = object ? object->child : NULL; m; m = m->next)
		if (cJSON_IsNumber(m) && m->valuedouble != 0 &&
		    (!except || strcmp(m->string, except) != 0))
			buf_printf(text, "%s%s %s", text->len ? ", " : "", m->string,
			           grouped(json_int(object, m->string, 0), number));
}

static void
field_numbers(const char *label, const cJSON *object)
{
	struct buf text = {0};

	add_numbers(&text, object, NULL);
	print_field(label, text.len ? buf_str(&text) : "nothing yet");
	buf_done(&text);
}

/* "1,000 in all, valid 990, ..." */
static void
print_names(const cJSON *s)
{
	const cJSON *names = json_object(s, "names"), *expiring = json_object(s, "expiring");
	struct buf text = {0};
	char number[NUMBER_MAX];

	buf_printf(&text, "%s in all", grouped(json_int(names, "total", 0), number));
	add_numbers(&text, names, "total");
	print_field("names", buf_str(&text));
	buf_reset(&text);
	add_numbers(&text, expiring, NULL);
	if (json_int(s, "late", 0))
		buf_printf(&text, "%srenewed late %s", text.len ? ", " : "",
		           grouped(json_int(s, "late", 0), number));
	print_field("expiring", text.len ? buf_str(&text) : "nothing within 30 days");
	buf_reset(&text);
	if (json_int(s, "faults", 0))
		buf_printf(&text, "%s names: see certctl faults",
		           grouped(json_int(s, "faults", 0), number));
	print_field("faults", text.len ? buf_str(&text) : NULL);
	buf_done(&text);
}

static void
print_cas(const cJSON *cas)
{
	static const char *const titles[] = {"CA", "STATE", "NAMES", "ORDERS", "HOLD", "REASON"};
	struct table *table =
		table_new(titles, sizeof(titles) / sizeof(titles[0]), terminal_width());
	const cJSON *ca;

	if (!table)
		return;
	cJSON_ArrayForEach(ca, cas)
	{
		char names[24], orders[24], hold[PRINT_TIME_MAX];

		snprintf(names, sizeof(names), "%" PRId64, json_int(ca, "names", 0));
		snprintf(orders, sizeof(orders), "%" PRId64, json_int(ca, "orders", 0));
		print_relative(print_time_of(ca, "hold_until"), clock_wall(), hold);
		table_row(table, (const char *[]){json_text(ca, "name"), json_text(ca, "state"),
		                                  names, orders, hold,
		                                  json_text(json_object(ca, "error"), "detail")});
	}
	print_line("%s", "");
	table_flush(table);
	table_free(table);
}

/* "18 ms" from seconds. */
static const char *
short_time(double seconds, char text[32])
{
	if (seconds < 0.01)
		snprintf(text, 32, "%.1f ms", seconds * 1e3);
	else if (seconds < 1)
		snprintf(text, 32, "%.0f ms", seconds * 1e3);
	else
		snprintf(text, 32, "%.1f s", seconds);
	return text;
}

static double
number(const cJSON *object, const char *member)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, member);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* What happens now, by what the last minute has brought. */
static void
print_frontend(const cJSON *s)
{
	const cJSON *front = json_object(s, "front"), *minute = json_object(s, "last_minute");
	const cJSON *handshake = json_object(minute, "handshake");
	const cJSON *shares = json_object(minute, "shares");
	double seconds = number(minute, "seconds");
	struct buf text = {0};
	char p50[32], p99[32];

	if (seconds > 0)
		buf_printf(&text, "%.1f conn/s, ", number(minute, "accepted") / seconds);
	buf_printf(&text, "%" PRId64 " open, %" PRId64 " half-open",
	           json_int(front, "connections", 0), json_int(front, "half_open", 0));
	if (handshake)
		buf_printf(&text, ", handshake p50 %s p99 %s, %.0f %% resumed",
		           short_time(number(handshake, "p50"), p50),
		           short_time(number(handshake, "p99"), p99),
		           100 * number(shares, "resumed"));
	if (number(minute, "sni_unknown") > 0)
		buf_printf(&text, ", unknown SNI %.1f/s", number(minute, "sni_unknown") / seconds);
	if (number(minute, "backend_failed") > 0)
		buf_printf(&text, ", %.0f backend failures", number(minute, "backend_failed"));
	print_field("frontend", buf_str(&text));
	buf_done(&text);
}

/* "6.1 GiB" */
static const char *
size_of(int64_t bytes, char text[NUMBER_MAX])
{
	if (bytes >= 1 << 30)
		snprintf(text, NUMBER_MAX, "%.1f GiB", (double)bytes / (1 << 30));
	else
		snprintf(text, NUMBER_MAX, "%.1f MiB", (double)bytes / (1 << 20));
	return text;
}

static void
print_store(const cJSON *store)
{
	const cJSON *backup = json_object(store, "last_backup");
	char used[NUMBER_MAX], map[NUMBER_MAX], free_bytes[NUMBER_MAX], when[PRINT_TIME_MAX];
	struct buf text = {0};

	buf_printf(
		&text, "%s of %s, %s of the disk free, last backup %s",
		size_of(json_int(store, "used_bytes", 0), used),
		size_of(json_int(store, "map_bytes", 0), map),
		size_of(json_int(store, "free_bytes", 0), free_bytes),
		backup ? print_relative(print_time_of(backup, "at"), clock_wall(), when) : "never");
	if (!json_bool(store, "takes_orders", true))
		buf_printf(&text, ", takes no orders: see certctl db stat");
	if (json_int(store, "put_aside", 0))
		buf_printf(&text, ", damaged names put aside: see certctl db stat");
	print_field("store", buf_str(&text));
	buf_done(&text);
}

/* ---- what is wide --------------------------------------------------------------------------- */

/* Answers of the verbs frontend and due; NULL: none. */
struct wide {
	cJSON *frontend, *due;
};

struct wish {
	const char *verb;
	cJSON *got;
};

static void
on_wish(struct ctl *ctl, const cJSON *line, void *arg)
{
	struct wish *wish = arg;

	(void)ctl;
	if (!wish->got)
		wish->got = cJSON_Duplicate(json_object(line, wish->verb), true);
}

/* What is not answered is left out. */
static cJSON *
get(struct ctl *ctl, const char *verb)
{
	struct wish wish = {.verb = verb};
	cJSON *request = ctl_request(verb), *end = NULL;

	if (ctl_exchange(ctl, request, clock_mono_ms() + CTL_REPLY_MS, on_wish, &wish, &end)) {
		cJSON_Delete(wish.got);
		wish.got = NULL;
	}
	cJSON_Delete(request);
	cJSON_Delete(end);
	return wish.got;
}

/* "0 now, 702 renewals within 24h, at most 33 in an hour: in 5h" */
static void
print_due(const cJSON *due)
{
	int64_t most = 0, total = 0, at = 0, hour = 0;
	const cJSON *count;
	char field[FIELD_MAX], in_all[NUMBER_MAX], now[NUMBER_MAX], renewals[NUMBER_MAX];

	cJSON_ArrayForEach(count, json_array(due, "hours"))
	{
		int64_t n = cJSON_IsNumber(count) ? (int64_t)count->valuedouble : 0;

		total += n;
		at = n > most ? hour : at;
		most = n > most ? n : most;
		hour++;
	}
	snprintf(field, sizeof(field), "%s now, %s within 24h, of which %s renewals",
	         grouped(json_int(due, "waiting", 0), now), grouped(total, in_all),
	         grouped(json_int(due, "renewals", 0), renewals));
	if (most)
		snprintf(field + strlen(field), sizeof(field) - strlen(field),
		         "; at most %s an hour, in %" PRId64 "h", grouped(most, in_all), at);
	if (!json_bool(due, "complete", false))
		strcat(field, "; not all are counted yet");
	print_field("due", due ? field : NULL);
}

/* Connections by name, the last minute or two. */
static void
print_top(const cJSON *top)
{
	struct buf text = {0};
	const cJSON *one;
	char number[NUMBER_MAX];

	cJSON_ArrayForEach(one, json_array(top, "names")) if (json_text(one, "name"))
		buf_printf(&text, "%s%s %s", text.len ? ", " : "", json_text(one, "name"),
	                   grouped(json_int(one, "count", 0), number));
	if (text.len)
		buf_printf(&text, " (in %" PRId64 "s)", json_int(top, "seconds", 0));
	print_field("asked for", text.len ? buf_str(&text) : NULL);
	buf_done(&text);
}

static void
print_listeners(const cJSON *listeners)
{
	static const char *const titles[] = {"LISTENER", "KIND",     "OPEN",   "HALF",
	                                     "ACCEPTED", "REJECTED", "AT MOST"};
	static const char *const numbers[] = {"connections", "half_open", "accepted", "rejected",
	                                      "max_connections"};
	struct table *table = table_new(titles, sizeof(titles) / sizeof(titles[0]), 0);
	const cJSON *one;

	if (!table)
		return;
	print_line("%s", "");
	cJSON_ArrayForEach(one, listeners)
	{
		char n[sizeof(numbers) / sizeof(numbers[0])][NUMBER_MAX];

		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
			grouped(json_int(one, numbers[i], 0), n[i]);
		table_row(table, (const char *[]){json_text(one, "address"), json_text(one, "kind"),
		                                  n[0], n[1], n[2], n[3], n[4]});
	}
	table_flush(table);
	table_free(table);
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* WIDE, if not NULL: with all that the front has counted since certd started, and more. */
static void
print_status(const cJSON *s, const struct wide *wide)
{
	int64_t started = print_time_of(s, "started_at"),
		restarts = json_int(s, "worker_restarts", 0);
	char field[FIELD_MAX], up[PRINT_TIME_MAX];

	snprintf(field, sizeof(field), "%.64s, pid %" PRId64 ", up %s, %" PRId64 " workers",
	         json_text(s, "version") ? json_text(s, "version") : "?", json_int(s, "pid", 0),
	         started ? print_span(clock_wall() - started, up) : "?", json_int(s, "workers", 0));
	print_field("certd", field);
	snprintf(field, sizeof(field), "%" PRId64 " times: see its log", restarts);
	print_field("restarted", restarts ? field : NULL);
	print_names(s);
	print_frontend(s);
	if (wide) {
		field_numbers("counters", json_object(s, "front"));
		print_top(json_object(wide->frontend, "top"));
		print_due(wide->due);
	}
	print_store(json_object(s, "store"));
	snprintf(field, sizeof(field), "%" PRId64, json_int(s, "events_last", 0));
	print_field("last event", field);
	print_cas(json_array(s, "cas"));
	if (wide && wide->frontend)
		print_listeners(json_array(wide->frontend, "listeners"));
}

static void
on_status(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *status = json_object(line, "status");

	if (status && ctl->print.format == PRINT_TABLE)
		print_status(status, ctl->print.wide ? arg : NULL);
	else if (status)
		print_single(&ctl->print, status);
}

enum msg_exit
cmd_status(struct ctl *ctl)
{
	struct wide wide = {0};
	enum msg_exit code;

	if (ctl->arg_count)
		return show_name(ctl, EVENTS_SHOWN);
	if (ctl->print.format == PRINT_TABLE && ctl->print.wide)
		wide.frontend = get(ctl, "frontend");
	if (wide.frontend)
		wide.due = get(ctl, "due");
	code = ctl_ask(ctl, ctl_request("status"), on_status, &wide, NULL);
	cJSON_Delete(wide.frontend);
	cJSON_Delete(wide.due);
	return code;
}
