/* SPDX-License-Identifier: Apache-2.0 */
/* check: one line and an exit code as monitoring plugins have them, which are not those of the
 * other verbs: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/ctl.h"

enum { DAY_S = 86400, HOUR_S = 3600, WARN_S = 14 * DAY_S, CRIT_S = 3 * DAY_S, SPAN_MAX = 32 };
enum { ANSWER_MS = 8000 }; /* monitors wait 10 s, as a rule */
enum level { OK, WARNING, CRITICAL, UNKNOWN };

static const char *const level_words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

static const char *
span(int64_t seconds, char text[SPAN_MAX])
{
	if (seconds % DAY_S == 0)
		snprintf(text, SPAN_MAX, "%" PRId64 "d", seconds / DAY_S);
	else if (seconds % HOUR_S == 0)
		snprintf(text, SPAN_MAX, "%" PRId64 "h", seconds / HOUR_S);
	else
		snprintf(text, SPAN_MAX, "%" PRId64 "s", seconds);
	return text;
}

static enum level
judge(const cJSON *check)
{
	if (json_int(check, "expired", 1) || json_int(check, "crit", 1))
		return CRITICAL;
	if (json_int(check, "warn", 1) || json_int(check, "late", 1) ||
	    !json_bool(check, "takes_orders", false) || json_bool(check, "clock_suspect", true))
		return WARNING;
	return OK;
}

/* What is wrong first, then numbers for whoever draws them. */
static void
print_check(const cJSON *check, enum level level, int64_t warn_s, int64_t crit_s)
{
	int64_t expired = json_int(check, "expired", 0), crit = json_int(check, "crit", 0);
	int64_t warn = json_int(check, "warn", 0), late = json_int(check, "late", 0);
	struct buf line = {0};
	char warn_text[SPAN_MAX], crit_text[SPAN_MAX];

	span(warn_s, warn_text);
	span(crit_s, crit_text);
	buf_printf(&line,
	           "CERT %s: %" PRId64 " names, %" PRId64 " expired, %" PRId64 " under %s, %" PRId64
	           " under %s, late renewals %" PRId64 "%s%s",
	           level_words[level], json_int(check, "names", 0), expired, crit, crit_text,
	           crit + warn, warn_text, late,
	           json_bool(check, "takes_orders", true) ? "" : ", the store takes no orders",
	           json_bool(check, "clock_suspect", false) ? ", the clock is in doubt" : "");
	buf_printf(&line, " | names=%" PRId64 ";;;0 expired=%" PRId64 ";;0;0 lt%s=%" PRId64 ";;0;0",
	           json_int(check, "names", 0), expired, crit_text, crit);
	buf_printf(&line, " lt%s=%" PRId64 ";0;;0 late=%" PRId64 ";0;;0 failing=%" PRId64 ";;;0",
	           warn_text, crit + warn, late, json_int(check, "failing", 0));
	if (buf_str(&line))
		print_line("%s", buf_str(&line));
	buf_done(&line);
}

static void
on_check(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *check = json_object(line, "check");

	(void)ctl;
	if (check && !*(cJSON **)arg)
		*(cJSON **)arg = cJSON_Duplicate(check, true);
}

/* Whoever watches reads stdout, so what keeps us from knowing is said there. */
static enum level
fail(struct ctl *ctl, enum err err, const cJSON *end)
{
	const char *detail = json_text(json_object(end, "error"), "detail");
	enum level level = err == ERR_UNREACHABLE || err == ERR_CLOSED ? CRITICAL : UNKNOWN;
	char shown[512];

	if (err)
		snprintf(shown, sizeof(shown), "%s at %.200s%s%s",
		         level == CRITICAL ? "no certd answers" : "certd cannot be asked",
		         ctl->options.socket, ctl->client.error ? ": " : "",
		         ctl->client.error ? strerror(ctl->client.error) : "");
	else
		snprintf(shown, sizeof(shown), "%s",
		         detail ? detail : "certd's answer makes no sense");
	print_line("CERT %s: %s", level_words[level], shown);
	return level;
}

enum msg_exit
cmd_check(struct ctl *ctl)
{
	const struct options *o = &ctl->options;
	int64_t warn = o->warn_s >= 0 ? o->warn_s : WARN_S;
	int64_t crit = o->crit_s >= 0 ? o->crit_s : warn < CRIT_S ? warn : CRIT_S;
	cJSON *request = ctl_request("check"), *check = NULL, *end = NULL;
	enum level level;
	enum err err;

	cJSON_AddNumberToObject(request, "warn", (double)warn);
	cJSON_AddNumberToObject(request, "crit", (double)crit);
	err = ctl_exchange(ctl, request, clock_mono_ms() + ANSWER_MS, on_check, &check, &end);
	if (err || !check) {
		level = fail(ctl, err, end);
	} else {
		level = judge(check);
		cJSON_AddStringToObject(check, "level", level_words[level]);
		if (ctl->print.format == PRINT_TABLE || ctl->print.format == PRINT_NAMES)
			print_check(check, level, warn, crit);
		else
			print_single(&ctl->print, check);
	}
	cJSON_Delete(request);
	cJSON_Delete(check);
	cJSON_Delete(end);
	return (enum msg_exit)level;
}
