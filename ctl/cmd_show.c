/* SPDX-License-Identifier: Apache-2.0 */
/* The verb show. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/parts.h"

enum { FIELD_MAX = 2048 };

static const char *const show_members[] = {"display",
                                           "ca",
                                           "cas",
                                           "labels",
                                           "lead",
                                           "with",
                                           "used_at",
                                           "not_before",
                                           "not_after",
                                           "generation",
                                           "serial",
                                           "issuer",
                                           "key",
                                           "names",
                                           "second",
                                           "ocsp_until",
                                           "ocsp_next",
                                           "renewal_from",
                                           "renewal_until",
                                           "renewal_at",
                                           "renewal_asked",
                                           "renewal_why",
                                           "next",
                                           "step",
                                           "order",
                                           "error",
                                           "diagnosis",
                                           "dns_record",
                                           "dns_record_until",
                                           NULL};

/* "2026-11-29T04:40:00Z (in 7d 2h)" */
static void
field_time(const char *label, const cJSON *object, const char *member, int64_t now)
{
	const char *text = json_text(object, member);
	char relative[PRINT_TIME_MAX], field[FIELD_MAX];

	if (!text)
		return;
	snprintf(field, sizeof(field), "%s (%s)", text,
	         print_relative(print_time_of(object, member), now, relative));
	print_field(label, field);
}

static void
field_list(const char *title, const cJSON *item, const char *member)
{
	const cJSON *name, *names = json_array(item, member);
	struct buf all = {0};

	cJSON_ArrayForEach(name, names) if (cJSON_GetStringValue(name))
		buf_printf(&all, "%s%s", all.len ? " " : "", cJSON_GetStringValue(name));
	print_field(title, all.len ? buf_str(&all) : NULL);
	buf_done(&all);
}

static void
field_labels(const cJSON *item)
{
	const cJSON *label;
	struct buf all = {0};

	cJSON_ArrayForEach(label, json_object(item, "labels")) if (cJSON_GetStringValue(label))
		buf_printf(&all, "%s%s=%s", all.len ? ", " : "", label->string,
	                   cJSON_GetStringValue(label));
	print_field("labels", all.len ? buf_str(&all) : NULL);
	buf_done(&all);
}

/* "one (of one, two)": the one that is asked next, of several. */
static void
field_cas(const cJSON *item)
{
	const cJSON *name, *names = json_array(item, "cas");
	const char *ca = json_text(item, "ca");
	struct buf all = {0};

	buf_printf(&all, "%s", ca ? ca : "");
	cJSON_ArrayForEach(name, names) if (cJSON_GetStringValue(name)) buf_printf(
		&all, "%s%s", name == names->child ? " (of " : ", ", cJSON_GetStringValue(name));
	if (names)
		buf_printf(&all, ")");
	print_field("ca", all.len ? buf_str(&all) : NULL);
	buf_done(&all);
}

static void
field_error(const cJSON *error, int64_t now)
{
	const char *code = json_text(error, "code"), *detail = json_text(error, "detail");
	int64_t count = json_int(error, "count", 0), status = json_int(error, "status", 0);
	const char *type = json_text(error, "type");
	char field[FIELD_MAX], relative[PRINT_TIME_MAX];

	if (!error)
		return;
	snprintf(field, sizeof(field), "%s: %s", code ? code : "failed", detail ? detail : "");
	print_field("error", field);
	if (type && status) {
		snprintf(field, sizeof(field), "%s, HTTP status %" PRId64, type, status);
		print_field("CA's word", field);
	}
	if (count) {
		snprintf(field, sizeof(field), "%" PRId64 " in a row, the last %s", count,
		         print_relative(print_time_of(error, "at"), now, relative));
		print_field("failures", field);
	}
	print_field("hint", json_text(error, "hint"));
}

/* What the CA says about when (RFC 9773). */
static void
field_renewal(const cJSON *object, int64_t now)
{
	const char *from = json_text(object, "renewal_from"),
		   *until = json_text(object, "renewal_until");
	char field[FIELD_MAX];

	if (from && until) {
		snprintf(field, sizeof(field), "%s to %s", from, until);
		print_field("CA's window", field);
	}
	field_time("renewal", object, "renewal_at", now);
	print_field("because of", json_text(object, "renewal_why"));
	field_time("asked next", object, "renewal_asked", now);
}

/* The certificate with the other type of key. */
static void
field_second(const cJSON *second, int64_t now)
{
	const char *key = json_text(second, "key"), *serial = json_text(second, "serial");
	char field[FIELD_MAX];

	if (!second)
		return;
	snprintf(field, sizeof(field), "%s, serial %s", key ? key : "", serial ? serial : "");
	print_field("second", field);
	field_time("  expires", second, "not_after", now);
	field_time("  OCSP until", second, "ocsp_until", now);
	field_time("  OCSP next", second, "ocsp_next", now);
	field_renewal(second, now);
}

static void
show_person(const cJSON *item)
{
	const char *display = json_text(item, "display"), *name = json_text(item, "name");
	int64_t now = clock_wall(), generation = json_int(item, "generation", 0);
	bool is_external = json_bool(item, "external", false);
	char field[FIELD_MAX];

	snprintf(field, sizeof(field), display ? "%s (%s)" : "%s", name ? name : "", display);
	print_field("name", field);
	print_field("state", json_text(item, "state"));
	if (is_external)
		print_field("ca", "none: no certificate is ordered or renewed here");
	else
		field_cas(item);
	print_field("backend", json_text(item, "backend"));
	field_labels(item);
	field_list("with", item, "with");
	print_field("shares that of", json_text(item, "lead"));
	field_time("added", item, "created_at", now);
	field_time("last used", item, "used_at", now);
	field_time("valid from", item, "not_before", now);
	field_time("expires", item, "not_after", now);
	print_field("issuer", json_text(item, "issuer"));
	print_field("serial", json_text(item, "serial"));
	print_field("key", json_text(item, "key"));
	field_list("covers", item, "names");
	field_second(json_object(item, "second"), now);
	field_time("OCSP until", item, "ocsp_until", now);
	field_time("OCSP next", item, "ocsp_next", now);
	field_renewal(item, now);
	print_field("DNS record", json_text(item, "dns_record"));
	field_time("good until", item, "dns_record_until", now);
	snprintf(field, sizeof(field), "%" PRId64, generation);
	print_field("generation", generation ? field : NULL);
	print_field("order", json_text(item, "order"));
	print_field("step", json_text(item, "step"));
	field_time("next", item, "next", now);
	field_error(json_object(item, "error"), now);
	print_diagnosis(json_object(item, "diagnosis"), now, false);
}

static void
on_show(struct ctl *ctl, const cJSON *line, void *arg)
{
	cJSON **item = arg;

	(void)ctl;
	if (!*item)
		*item = cJSON_Duplicate(json_object(line, "item"), true);
}

static enum msg_exit
ask_show(struct ctl *ctl, cJSON **ret_item)
{
	cJSON *request = ctl_request("show"), *end;
	enum msg_exit code;
	enum err err;

	cJSON_AddStringToObject(request, "name", ctl->args[0]);
	err = ctl_exchange(ctl, request, clock_mono_ms() + CTL_REPLY_MS, on_show, ret_item, &end);
	cJSON_Delete(request);
	if (err)
		return ctl_fail(ctl, err);
	if (json_object(end, "error"))
		complain_json(ctl->args[0], json_object(end, "error"));
	code = ctl_code(end);
	cJSON_Delete(end);
	return code;
}

enum msg_exit
cmd_show(struct ctl *ctl)
{
	return show_name(ctl, 0);
}

enum msg_exit
show_name(struct ctl *ctl, size_t events)
{
	cJSON *item = NULL, *last = NULL;
	enum msg_exit code = ask_show(ctl, &item);

	if (code == MSG_EXIT_OK && item && events)
		code = events_last(ctl, json_text(item, "name"), events, &last);
	if (code == MSG_EXIT_OK && item && ctl->print.format == PRINT_TABLE) {
		show_person(item);
		events_print(last);
	} else if (code == MSG_EXIT_OK && item) {
		if (last)
			cJSON_AddItemToObject(item, "events", cJSON_Duplicate(last, true));
		print_whole(&ctl->print, item, show_members);
		print_end(&ctl->print, NULL);
	}
	cJSON_Delete(item);
	cJSON_Delete(last);
	return code;
}
