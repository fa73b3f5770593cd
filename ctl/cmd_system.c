/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs about certd itself: status, reload, config, version. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/certd.h"
#include "ctl/ctl.h"
#include "ctl/parts.h"
#include "ctl/table.h"
#include "ctl/terminal.h"

enum { FIELD_MAX = 2048, EVENTS_SHOWN = 5 };

/* ---- status --------------------------------------------------------------------------------- */

/* "valid 12, failing 3": all numbers of OBJECT by their words, zeros left out when MANY. */
static void
field_numbers(const char *label, const cJSON *object, bool many)
{
	struct buf text = {0};

	for (const cJSON *m = object ? object->child : NULL; m; m = m->next)
		if (cJSON_IsNumber(m) && (m->valuedouble != 0 || !many))
			buf_printf(&text, "%s%s %" PRId64, text.len ? ", " : "", m->string,
			           json_int(object, m->string, 0));
	print_field(label, text.len ? buf_str(&text) : "nothing yet");
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

/* WIDE: with all that the front has counted since certd started. */
static void
print_status(const cJSON *s, bool wide)
{
	const cJSON *store = json_object(s, "store");
	char field[FIELD_MAX], up[PRINT_TIME_MAX];
	int64_t started = print_time_of(s, "started_at");

	snprintf(field, sizeof(field), "%.64s, pid %" PRId64 ", up %s",
	         json_text(s, "version") ? json_text(s, "version") : "?", json_int(s, "pid", 0),
	         started ? print_span(clock_wall() - started, up) : "?");
	print_field("certd", field);
	snprintf(field, sizeof(field), "%" PRId64 ", restarted %" PRId64 " times",
	         json_int(s, "workers", 0), json_int(s, "worker_restarts", 0));
	print_field("workers", field);
	field_numbers("names", json_object(s, "names"), false);
	field_numbers("expiring", json_object(s, "expiring"), false);
	if (json_int(s, "faults", 0)) {
		snprintf(field, sizeof(field), "%" PRId64 " names: see certctl faults",
		         json_int(s, "faults", 0));
		print_field("faults", field);
	}
	print_frontend(s);
	if (wide)
		field_numbers("counters", json_object(s, "front"), true);
	snprintf(field, sizeof(field), "%.1f of %.0f MiB, %" PRId64 " readers%s%s",
	         (double)json_int(store, "used_bytes", 0) / 1048576,
	         (double)json_int(store, "map_bytes", 0) / 1048576, json_int(store, "readers", 0),
	         json_bool(store, "takes_orders", true) ? ""
	                                                : ", takes no orders: see certctl db stat",
	         json_int(store, "put_aside", 0) ? ", damaged names put aside: see certctl db stat"
	                                         : "");
	print_field("store", field);
	snprintf(field, sizeof(field), "%" PRId64, json_int(s, "events_last", 0));
	print_field("last event", field);
	print_cas(json_array(s, "cas"));
}

static void
on_status(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *status = json_object(line, "status");

	(void)arg;
	if (status && ctl->print.format == PRINT_TABLE)
		print_status(status, ctl->print.wide);
	else if (status)
		print_single(&ctl->print, status);
}

enum msg_exit
cmd_status(struct ctl *ctl)
{
	if (ctl->arg_count)
		return show_name(ctl, EVENTS_SHOWN);
	return ctl_ask(ctl, ctl_request("status"), on_status, NULL, NULL);
}

/* ---- reload --------------------------------------------------------------------------------- */

/* Reload has no half-way answer, so it is the same with --wait and without. */
enum msg_exit
cmd_reload(struct ctl *ctl)
{
	cJSON *request = ctl_request("reload"), *end;
	const cJSON *error;
	enum msg_exit code;
	enum err err = ctl_exchange(ctl, request, ctl_deadline(ctl), NULL, NULL, &end);

	cJSON_Delete(request);
	if (err == ERR_TIMEOUT) {
		complain(NULL, "the reload is not done yet; see certctl events");
		return MSG_EXIT_TIMEOUT;
	}
	if (err)
		return ctl_fail(ctl, err);
	error = json_object(end, "error");
	if (error)
		complain_json(NULL, error);
	print_outcome(&ctl->print, "reloaded", error);
	code = ctl_code(end);
	cJSON_Delete(end);
	return code;
}

/* ---- upgrade -------------------------------------------------------------------------------- */

struct upgraded {
	int64_t pid; /* of the new certd; 0: not told yet */
	char version[32];
};

static void
on_upgrade(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *json = json_object(line, "upgrade");
	struct upgraded *u = arg;

	(void)ctl;
	if (!json)
		return;
	u->pid = json_int(json, "pid", 0);
	snprintf(u->version, sizeof(u->version), "%s",
	         json_text(json, "version") ? json_text(json, "version") : "?");
}

static void
on_pid(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *version = json_object(line, "version");

	(void)ctl;
	if (version)
		*(int64_t *)arg = json_int(version, "pid", 0);
}

/* The control socket's queue holds us until the new keeper reads it; should that socket be lost on
 * the way, it opens another. Answers the pid of the certd that answers; 0: none. */
static int64_t
who_answers(struct ctl *ctl, int64_t deadline)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000000L};
	cJSON *request = ctl_request("version"), *end = NULL;
	int64_t pid = 0;

	client_close(&ctl->client);
	while (!pid && clock_mono_ms() < deadline) {
		if (ctl_exchange(ctl, request, deadline, on_pid, &pid, &end))
			nanosleep(&pause, NULL);
		cJSON_Delete(end);
		end = NULL;
	}
	cJSON_Delete(request);
	return pid;
}

static enum msg_exit
end_upgrade(struct ctl *ctl, const struct upgraded *u, int64_t deadline)
{
	int64_t pid = who_answers(ctl, deadline);
	char done[128];

	if (!pid) {
		complain(NULL,
		         "certd %s, pid %" PRId64 ", serves, but does not answer here yet; see "
		         "its log",
		         u->version, u->pid);
		return MSG_EXIT_TIMEOUT;
	}
	if (pid != u->pid) {
		complain(NULL,
		         "the new certd has ended, and the old one, pid %" PRId64
		         ", serves again; see certctl events",
		         pid);
		return MSG_EXIT_FAILED;
	}
	snprintf(done, sizeof(done), "upgraded to certd %s, pid %" PRId64, u->version, u->pid);
	print_outcome(&ctl->print, done, NULL);
	return MSG_EXIT_OK;
}

/* As with reload, --wait changes nothing: it ends when the new keeper answers. */
enum msg_exit
cmd_upgrade(struct ctl *ctl)
{
	int64_t deadline = ctl_deadline(ctl);
	cJSON *request = ctl_request("upgrade"), *end = NULL;
	struct upgraded u = {0};
	const cJSON *error;
	enum msg_exit code;
	enum err err = ctl_exchange(ctl, request, deadline, on_upgrade, &u, &end);

	cJSON_Delete(request);
	error = json_object(end, "error");
	if (err == ERR_TIMEOUT) {
		complain(NULL, "the upgrade is not done yet; see certctl events");
		code = MSG_EXIT_TIMEOUT;
	} else if (err && !u.pid) {
		code = ctl_fail(ctl, err);
	} else if (error) {
		complain_json(NULL, error);
		print_outcome(&ctl->print, "", error);
		code = ctl_code(end);
	} else {
		code = end_upgrade(ctl, &u, deadline);
	}
	cJSON_Delete(end);
	return code;
}

/* ---- version -------------------------------------------------------------------------------- */

static void
on_version(struct ctl *ctl, const cJSON *line, void *arg)
{
	const char *version = json_text(json_object(line, "version"), "version");

	(void)ctl;
	if (version)
		cJSON_AddStringToObject(arg, "certd", version);
}

/* certd's too when it runs; that it does not is no error here. */
enum msg_exit
cmd_version(struct ctl *ctl)
{
	cJSON *versions = cJSON_CreateObject(), *request = ctl_request("version"), *end = NULL;
	enum err err;

	cJSON_AddStringToObject(versions, "certctl", CERTD_VERSION);
	err = ctl_exchange(ctl, request, clock_mono_ms() + CTL_REPLY_MS, on_version, versions,
	                   &end);
	if (err || !json_text(versions, "certd"))
		cJSON_AddNullToObject(versions, "certd");
	if (ctl->print.format == PRINT_JSON || ctl->print.format == PRINT_NDJSON) {
		print_single(&ctl->print, versions);
	} else {
		print_field("certctl", CERTD_VERSION);
		print_field("certd", json_text(versions, "certd") ? json_text(versions, "certd")
		                                                  : "does not answer");
	}
	cJSON_Delete(end);
	cJSON_Delete(request);
	cJSON_Delete(versions);
	return MSG_EXIT_OK;
}
