/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/bulk.h"
#include "ctl/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"

enum { SHOWN_MAX = 1024, LINE_ROOM = 64, AWAY_MS = 30000, AWAY_PAUSE_MS = 50 };

void
bulk_text(struct buf *out, const void *text, size_t len)
{
	const unsigned char *p = text;

	buf_add(out, "\"", 1);
	for (size_t i = 0, from = 0; i <= len; i++) {
		bool plain = i < len && p[i] >= ' ' && p[i] < 0x7f && p[i] != '"' && p[i] != '\\';

		if (plain)
			continue;
		buf_add(out, p + from, i - from);
		from = i + 1;
		if (i == len)
			break;
		if (p[i] == '\n')
			buf_add(out, "\\n", 2);
		else if (p[i] == '"' || p[i] == '\\')
			buf_printf(out, "\\%c", p[i]);
		else
			buf_add(out, p[i] == '\t' || p[i] == '\r' ? " " : "?", 1);
	}
	buf_add(out, "\"", 1);
}

void
bulk_init(struct bulk *bulk, struct ctl *ctl, cJSON *request, const char *list, double bytes)
{
	*bulk = (struct bulk){.ctl = ctl, .list = list, .lane_count = BULK_LANES};
	progress_begin(&bulk->progress, option_is_given(&ctl->options, OPTION_PROGRESS), bytes);
	for (size_t i = 0; i < BULK_LANES; i++) {
		client_init(&bulk->lanes[i].client);
		bulk->lanes[i].line.secret = true;
	}
	if (json_print(request, &bulk->head))
		bulk->head.failed = true;
	if (bulk->head.len)
		bulk->head.len--; /* the closing brace */
	buf_printf(&bulk->head, ",\"%s\":[", list);
	cJSON_Delete(request);
}

void
bulk_seen(struct bulk *bulk, enum msg_exit code)
{
	bulk->seen |= 1u << code;
}

/* ---- replies -------------------------------------------------------------------------------- */

/* SIZE_MAX: it is about no item of the request. */
static size_t
item_of(const struct bulk_lane *lane, const cJSON *object)
{
	int64_t at = json_int(object, "at", -1);

	return at >= 0 && (size_t)at < lane->labels.count ? (size_t)at : SIZE_MAX;
}

/* Without the item's number, which nobody else knows, and with where it came from. */
static void
print_result(struct ctl *ctl, const cJSON *result, const char *label)
{
	cJSON *copy = cJSON_Duplicate(result, true);

	cJSON_DeleteItemFromObjectCaseSensitive(copy, "at");
	if (label)
		cJSON_AddStringToObject(copy, "source", label);
	print_item(&ctl->print, copy);
	cJSON_Delete(copy);
}

static void
take_failure(struct bulk *b, const cJSON *result, const char *label)
{
	const char *name = json_text(result, "name");
	const cJSON *error = json_object(result, "error");
	const char *code = json_text(error, "code");
	char both[SHOWN_MAX];

	snprintf(both, sizeof(both), "%s%s%s", label ? label : "", label && name ? ": " : "",
	         name ? name : "");
	complain_json(both, error);
	bulk_seen(b, msg_exit_of_code(code ? code : ""));
	if (b->ctl->print.format != PRINT_NAMES)
		print_result(b->ctl, result, label);
}

static void
take_result(struct bulk *b, const cJSON *result, const char *label)
{
	const char *name = json_text(result, "name"), *change = json_text(result, "change");
	const char *detail = json_text(result, "detail");

	if (!json_bool(result, "ok", false)) {
		take_failure(b, result, label);
		return;
	}
	if (b->ctl->print.format == PRINT_TABLE && name)
		print_line("%s: %s%s%s", name, change ? change : "done", detail ? ", " : "",
		           detail ? detail : "");
	if (b->waits && name && !json_bool(result, "absent", false)) {
		if (!names_add(&b->accepted, name))
			bulk_seen(b, MSG_EXIT_FAILED);
		return; /* its steps tell the rest */
	}
	bulk_seen(b, MSG_EXIT_OK);
	print_result(b->ctl, result, label);
}

static void
take_note(const cJSON *note, const char *label)
{
	const char *name = json_text(note, "name"), *detail = json_text(note, "detail");

	complain(label, "%s: %s%s", name ? name : "", detail ? detail : "",
	         strcmp(json_text(note, "code") ? json_text(note, "code") : "", "left-out") == 0
	                 ? ": left out"
	                 : "");
}

/* What was told before the connection broke is not told again. */
static void
take_line(struct bulk *b, struct bulk_lane *lane, const cJSON *line, const bool *known)
{
	const cJSON *result = json_object(line, "result"), *note = json_object(line, "note");
	size_t at = item_of(lane, result ? result : note);
	const char *label = at < lane->labels.count ? lane->labels.list[at] : NULL;

	if (label && known[at])
		return;
	if (result && label)
		lane->answered[at] = true;
	if (result)
		take_result(b, result, label);
	else if (note)
		take_note(note, label);
	if (result)
		progress_step(&b->progress,
		              b->bytes * (double)(b->progress.done + 1) / (double)b->items);
}

static void
fail(struct bulk *b, struct bulk_lane *lane, enum err err)
{
	b->ctl->client.error = lane->client.error;
	bulk_seen(b, ctl_fail(b->ctl, err));
	b->broken = true;
}

static enum err
read_reply(struct bulk *b, struct bulk_lane *lane, cJSON **ret_end)
{
	bool known[BULK_ITEMS_MAX];
	int64_t deadline = clock_mono_ms() + CTL_REPLY_MS;
	cJSON *line = NULL, *end = NULL;
	enum err err = ERR_OK;

	memcpy(known, lane->answered, sizeof(known));
	while (!err && !end) {
		err = client_read(&lane->client, deadline, &line);
		if (err)
			break;
		end = cJSON_DetachItemFromObjectCaseSensitive(line, "end");
		if (!end)
			take_line(b, lane, line, known);
		cJSON_Delete(line);
	}
	*ret_end = end;
	return err;
}

/* certd was restarted, or is being upgraded: what has no answer is asked again, which is safe: what
 * is done already is found so. */
static void
pause_away(void)
{
	nanosleep(&(struct timespec){.tv_nsec = AWAY_PAUSE_MS * 1000000L}, NULL);
}

static enum err
ask_again(struct bulk *b, struct bulk_lane *lane)
{
	int64_t until = clock_mono_ms() + AWAY_MS;
	enum err err;

	for (;;) {
		err = client_open(&lane->client, b->ctl->options.socket, until);
		if (err != ERR_UNREACHABLE || clock_mono_ms() >= until)
			break;
		pause_away();
	}
	return err ? err
	           : client_send_line(&lane->client, &lane->line, clock_mono_ms() + CTL_REPLY_MS);
}

static bool
is_turned_away(enum err err, const cJSON *end)
{
	const char *code = json_text(json_object(end, "error"), "code");

	return err == ERR_CLOSED || err == ERR_IO || (code && strcmp(code, "busy") == 0);
}

static void
collect(struct bulk *b, struct bulk_lane *lane)
{
	int64_t until = clock_mono_ms() + AWAY_MS;
	cJSON *end = NULL;
	enum err err = lane->asked ? read_reply(b, lane, &end) : ERR_OK;

	while (!b->broken && is_turned_away(err, end) && clock_mono_ms() < until) {
		cJSON_Delete(end);
		end = NULL;
		pause_away();
		err = ask_again(b, lane);
		if (!err)
			err = read_reply(b, lane, &end);
	}
	if (err && !b->broken)
		fail(b, lane, err);
	if (json_object(end, "error")) {
		complain_json(NULL, json_object(end, "error"));
		bulk_seen(b, ctl_code(end));
		b->broken = true;
	}
	cJSON_Delete(end);
	lane->asked = false;
	memset(lane->answered, 0, sizeof(lane->answered));
	names_done(&lane->labels);
	buf_reset(&lane->line);
}

/* ---- requests ------------------------------------------------------------------------------- */

static void
send_lane(struct bulk *b)
{
	struct bulk_lane *lane = &b->lanes[b->turn];
	int64_t deadline = clock_mono_ms() + CTL_REPLY_MS;
	enum err err = ERR_OK;

	buf_add_str(&lane->line, "]}\n");
	if (!client_is_open(&lane->client))
		err = client_open(&lane->client, b->ctl->options.socket, deadline);
	if (!err && !buf_ok(&lane->line))
		err = ERR_NOMEM;
	if (!err)
		err = client_send_line(&lane->client, &lane->line, deadline);
	if (err == ERR_CLOSED)
		err = ask_again(b, lane);
	if (err) {
		fail(b, lane, err);
		return;
	}
	lane->asked = true;
	b->turn = (b->turn + 1) % b->lane_count;
	collect(b, &b->lanes[b->turn]);
	print_flush();
}

bool
bulk_add(struct bulk *bulk, const void *item, size_t len, const char *label)
{
	struct bulk_lane *lane = &bulk->lanes[bulk->turn];

	if (bulk->head.len + len + LINE_ROOM > MSG_LINE_MAX) {
		complain(label, "too long for one request");
		bulk_seen(bulk, MSG_EXIT_USAGE);
		return true;
	}
	if (lane->labels.count == BULK_ITEMS_MAX ||
	    (lane->labels.count && lane->line.len + len + LINE_ROOM > BULK_BYTES)) {
		send_lane(bulk);
		if (bulk->broken)
			return false;
		lane = &bulk->lanes[bulk->turn];
	}
	if (!lane->labels.count)
		buf_add(&lane->line, bulk->head.data, bulk->head.len);
	else
		buf_add(&lane->line, ",", 1);
	buf_add(&lane->line, item, len);
	bulk->items++;
	bulk->bytes += (double)len + 1;
	if (!names_add(&lane->labels, label)) {
		bulk_seen(bulk, MSG_EXIT_FAILED);
		bulk->broken = true;
	}
	return !bulk->broken;
}

void
bulk_flush(struct bulk *bulk)
{
	if (!bulk->broken && bulk->lanes[bulk->turn].labels.count)
		send_lane(bulk);
	for (size_t i = 0; i < bulk->lane_count; i++)
		collect(bulk, &bulk->lanes[(bulk->turn + i) % bulk->lane_count]);
	print_flush();
}

static enum msg_exit
wait_for_all(struct bulk *bulk)
{
	struct waiting waiting;

	if (!bulk->accepted.count)
		return msg_exit_combine(bulk->seen);
	if (!wait_begin(&waiting, &bulk->accepted, ctl_deadline(bulk->ctl)))
		return ctl_fail(bulk->ctl, ERR_NOMEM);
	return wait_end(bulk->ctl, &waiting, bulk->seen);
}

enum msg_exit
bulk_end(struct bulk *bulk)
{
	enum msg_exit code;

	bulk_flush(bulk);
	progress_end(&bulk->progress);
	code = wait_for_all(bulk);
	names_done(&bulk->accepted);
	for (size_t i = 0; i < BULK_LANES; i++) {
		client_close(&bulk->lanes[i].client);
		buf_wipe(&bulk->lanes[i].line);
		names_done(&bulk->lanes[i].labels);
	}
	buf_done(&bulk->head);
	print_end(&bulk->ctl->print, NULL);
	return code;
}
