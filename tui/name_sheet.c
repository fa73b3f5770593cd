/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/name_sheet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "ctl/print.h"
#include "tui/row.h"
#include "tui/spark.h"
#include "tui/text.h"

enum { FIELD_MAX = 2048, ATTEMPTS_SHOWN = 4, EVENTS_SHOWN = 8, LIFE_WIDTH = 50, LIFE_MARGIN = 30 };

struct page {
	struct sheet *sheet;
	const struct name_facts *facts;
};

static void
field(const struct page *p, enum tone tone, const char *label, const char *text)
{
	sheet_field(p->sheet, tone, label, text, p->facts->width);
}

/* "shop.example.com www.example.com" */
static void
field_list(const struct page *p, const char *label, const cJSON *list, const char *between)
{
	const cJSON *entry;
	struct buf all = {0};

	cJSON_ArrayForEach(entry, list) if (cJSON_IsString(entry))
		buf_printf(&all, "%s%s", all.len ? between : "", cJSON_GetStringValue(entry));
	if (all.len && buf_str(&all))
		field(p, TONE_PLAIN, label, buf_str(&all));
	buf_done(&all);
}

static void
field_time(const struct page *p, const char *label, const cJSON *object, const char *member)
{
	int64_t at = print_time_of(object, member);
	char text[FIELD_MAX], day[TEXT_NUMBER_MAX], relative[PRINT_TIME_MAX];

	if (at == 0)
		return;
	snprintf(text, sizeof(text), "%s (%s)", text_day(at, p->facts->now, day),
	         print_relative(at, p->facts->now, relative));
	field(p, TONE_PLAIN, label, text);
}

/* ---- why, and who must act ------------------------------------------------------------------ */

static void
add_state(const struct page *p)
{
	const cJSON *item = p->facts->item, *error = json_object(item, "error");
	const char *state = json_text(item, "state"), *step = json_text(item, "step");
	int64_t next = print_time_of(item, "next"), count = json_int(error, "count", 0);
	char text[FIELD_MAX], when[PRINT_TIME_MAX];
	int len = snprintf(text, sizeof(text), "%s", state ? state : "-");

	if (step)
		len += snprintf(text + len, sizeof(text) - (size_t)len, ", at work: %s", step);
	if (count > 1)
		len += snprintf(text + len, sizeof(text) - (size_t)len,
		                ", %" PRId64 " failures in a row", count);
	if (next)
		snprintf(text + len, sizeof(text) - (size_t)len, ", next %s",
		         next <= p->facts->now ? "now" : print_relative(next, p->facts->now, when));
	field(p, row_look(item, p->facts->now).tone, "state", text);
}

static void
add_diagnosis(const struct page *p, const cJSON *d)
{
	const char *code = json_text(d, "code"), *text = json_text(d, "text");
	const char *act = json_text(d, "act"), *label = "set";
	const cJSON *record;
	char line[FIELD_MAX], when[PRINT_TIME_MAX];

	if (!code)
		return;
	snprintf(line, sizeof(line), "%s: %s", code, text ? text : "");
	field(p, TONE_WARN, "diagnosis", line);
	if (act && strcmp(act, "nobody") != 0)
		field(p, TONE_TITLE, "who",
		      strcmp(act, "customer") == 0   ? "the customer, whose name it is, must act"
		      : strcmp(act, "operator") == 0 ? "the operator of this certd must act"
		                                     : "the CA must act");
	cJSON_ArrayForEach(record, json_array(d, "records"))
	{
		field(p, TONE_TITLE, label, cJSON_GetStringValue(record));
		label = "";
	}
	field_list(p, "seen", json_array(d, "findings"), "; ");
	field_time(p, "away since", d, "away_since");
	snprintf(line, sizeof(line), "%s",
	         print_relative(print_time_of(d, "at"), p->facts->now, when));
	field(p, TONE_DIM, "looked at", line);
}

static void
add_why(const struct page *p)
{
	const cJSON *error = json_object(p->facts->item, "error");
	const char *code = json_text(error, "code"), *detail = json_text(error, "detail");
	const char *type = json_text(error, "type");
	int64_t status = json_int(error, "status", 0);
	char text[FIELD_MAX];

	if (error) {
		snprintf(text, sizeof(text), "%s: %s", code ? code : "it failed",
		         detail ? detail : "");
		field(p, TONE_WARN, "WHY", text);
		field(p, TONE_TITLE, "do", json_text(error, "hint"));
		snprintf(text, sizeof(text), "%s, HTTP status %" PRId64, type ? type : "", status);
		field(p, TONE_DIM, "CA's word", type ? text : NULL);
	}
	add_diagnosis(p, json_object(p->facts->item, "diagnosis"));
}

/* ---- what is served ------------------------------------------------------------------------- */

static void
add_life(const struct page *p, const cJSON *cert)
{
	struct spark_life life = {
		.from = print_time_of(cert, "not_before"),
		.until = print_time_of(cert, "not_after"),
		.window_from = print_time_of(cert, "renewal_from"),
		.window_until = print_time_of(cert, "renewal_until"),
		.renewal = print_time_of(cert, "renewal_at"),
		.now = p->facts->now,
	};
	size_t width = p->facts->width > LIFE_MARGIN ? (size_t)(p->facts->width - LIFE_MARGIN) : 0;
	char picture[SPARK_ROOM(LIFE_WIDTH)], text[FIELD_MAX], left[TEXT_NUMBER_MAX];

	if (life.until == 0)
		return;
	if (life.renewal == 0 && cert == p->facts->item && !json_object(cert, "error"))
		life.renewal = print_time_of(cert, "next");
	snprintf(text, sizeof(text), "%s %d%% over, %s %s",
	         spark_life(&life, width < LIFE_WIDTH ? width : LIFE_WIDTH, picture),
	         spark_life_percent(&life), text_left(life.until, life.now, left),
	         life.until > life.now ? "left" : "EXPIRED");
	field(p, row_look(p->facts->item, life.now).tone, "life", text);
}

static void
add_cert(const struct page *p, const char *label, const cJSON *cert)
{
	const char *issuer = json_text(cert, "issuer"), *key = json_text(cert, "key");
	const char *serial = json_text(cert, "serial");
	int64_t from = print_time_of(cert, "not_before"), until = print_time_of(cert, "not_after");
	char text[FIELD_MAX], begin[TEXT_NUMBER_MAX], end[TEXT_NUMBER_MAX];

	if (until == 0) {
		field(p, TONE_WARN, label, "no certificate yet");
		return;
	}
	snprintf(text, sizeof(text), "%s  %s  %s to %s", issuer ? issuer : "?", key ? key : "",
	         text_day(from, p->facts->now, begin), text_day(until, p->facts->now, end));
	field(p, TONE_PLAIN, label, text);
	field(p, TONE_PLAIN, "serial", serial);
	field_list(p, "covers", json_array(cert, "names"), " ");
	add_life(p, cert);
	field_time(p, "CA window", cert, "renewal_from");
	field(p, TONE_PLAIN, "because of", json_text(cert, "renewal_why"));
	field_time(p, "OCSP until", cert, "ocsp_until");
}

/* What is stored, held against itself; what is served differs only with a mismatch event. */
static void
add_audit(const struct page *p)
{
	const cJSON *faults = json_array(p->facts->audit, "faults"), *fault;
	char text[FIELD_MAX];

	if (faults && !faults->child)
		field(p, TONE_PLAIN, "audit", "key, names, chain and dates of it are right");
	cJSON_ArrayForEach(fault, faults)
	{
		const char *what = json_text(fault, "what"), *detail = json_text(fault, "detail");

		snprintf(text, sizeof(text), "%s: %s", what ? what : "", detail ? detail : "");
		field(p, TONE_BAD, "audit", text);
	}
}

static void
add_settings(const struct page *p)
{
	const cJSON *item = p->facts->item, *cas = json_array(item, "cas"), *label;
	char text[FIELD_MAX];
	struct buf labels = {0};

	snprintf(text, sizeof(text), "%s, backend %s",
	         json_bool(item, "external", false) ? "none: external" : json_text(item, "ca"),
	         json_text(item, "backend"));
	field(p, TONE_PLAIN, "ca", text);
	field_list(p, "all CAs", cas, ", ");
	field_list(p, "with", json_array(item, "with"), " ");
	field(p, TONE_PLAIN, "shares", json_text(item, "lead"));
	cJSON_ArrayForEach(label, json_object(item, "labels"))
		buf_printf(&labels, "%s%s=%s", labels.len ? " " : "", label->string,
	                   cJSON_IsString(label) ? cJSON_GetStringValue(label) : "");
	if (labels.len && buf_str(&labels))
		field(p, TONE_PLAIN, "labels", buf_str(&labels));
	buf_done(&labels);
	field(p, TONE_PLAIN, "DNS record", json_text(item, "dns_record"));
	field_time(p, "  holds", item, "dns_record_until");
	field_time(p, "added", item, "created_at");
	field_time(p, "on demand", item, "used_at");
}

/* ---- what happened -------------------------------------------------------------------------- */

/* "new-order 201 > authz 200 x3 > ..." */
static void
add_steps(const struct page *p, const cJSON *steps)
{
	const cJSON *step;
	struct buf all = {0};

	cJSON_ArrayForEach(step, steps)
	{
		const char *word = json_text(step, "step");
		int64_t status = json_int(step, "status", 0), count = json_int(step, "count", 1);

		buf_printf(&all, "%s%s", all.len ? " > " : "", word ? word : "");
		if (status)
			buf_printf(&all, " %" PRId64, status);
		else
			buf_add_str(&all, " no answer");
		if (count > 1)
			buf_printf(&all, " x%" PRId64, count);
	}
	if (all.len && buf_str(&all))
		field(p, TONE_DIM, "", buf_str(&all));
	buf_done(&all);
}

static void
add_attempts(const struct page *p)
{
	char text[FIELD_MAX], day[TEXT_NUMBER_MAX];
	int count = cJSON_GetArraySize(p->facts->attempts);

	for (int i = count - 1; i >= 0 && i >= count - ATTEMPTS_SHOWN; i--) {
		const cJSON *attempt = cJSON_GetArrayItem(p->facts->attempts, i);
		const cJSON *error = json_object(attempt, "error");
		const char *ca = json_text(attempt, "ca"), *result = json_text(attempt, "result");
		const char *code = json_text(error, "code");

		snprintf(text, sizeof(text), "%s  %s  %s%s%s",
		         text_day(print_time_of(attempt, "began_at"), p->facts->now, day),
		         ca ? ca : "", result ? result : "", code ? ", " : "", code ? code : "");
		field(p, code ? TONE_WARN : TONE_PLAIN, i == count - 1 ? "attempts" : "", text);
		if (i == count - 1)
			add_steps(p, json_array(attempt, "steps"));
	}
}

static void
add_events(const struct page *p)
{
	char text[FIELD_MAX], day[TEXT_NUMBER_MAX];
	int count = cJSON_GetArraySize(p->facts->events);

	for (int i = count - 1; i >= 0 && i >= count - EVENTS_SHOWN; i--) {
		const cJSON *event = cJSON_GetArrayItem(p->facts->events, i);
		const char *type = json_text(event, "type"), *detail = json_text(event, "detail");

		snprintf(text, sizeof(text), "%s  %s  %s",
		         text_day(print_time_of(event, "at"), p->facts->now, day), type ? type : "",
		         detail ? detail : "");
		field(p, TONE_PLAIN, i == count - 1 ? "events" : "", text);
	}
}

void
name_sheet_fill(struct sheet *sheet, const struct name_facts *facts)
{
	struct page p = {sheet, facts};
	const cJSON *second = json_object(facts->item, "second");
	char text[FIELD_MAX];

	if (!facts->item) {
		field(&p, TONE_DIM, "",
		      !facts->is_asked ? "..."
		      : *facts->why    ? facts->why
		                       : "there is no such name here");
		return;
	}
	snprintf(text, sizeof(text), "%s",
	         json_text(facts->item, "display") ? json_text(facts->item, "display") : "");
	field(&p, TONE_PLAIN, "reads", text);
	add_state(&p);
	add_why(&p);
	add_cert(&p, "serving", facts->item);
	if (second)
		add_cert(&p, "second", second);
	if (print_time_of(facts->item, "not_after"))
		add_audit(&p);
	add_settings(&p);
	add_attempts(&p);
	add_events(&p);
}
