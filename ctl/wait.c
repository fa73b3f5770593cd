/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/wait.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "ctl/names.h"
#include "ctl/terminal.h"

enum { SHOWN_MAX = 1024, AWAY_MS = 30000, AWAY_PAUSE_MS = 250 };

struct waited {
	const char *name;
	int step; /* the last one told, -1: none */
	bool through;
	enum msg_exit code;
};

static int
compare_waited(const void *a, const void *b)
{
	return strcmp(((const struct waited *)a)->name, ((const struct waited *)b)->name);
}

static void
end_one(struct waited *w, enum msg_exit code)
{
	w->through = true;
	w->code = code;
}

/* ---- telling -------------------------------------------------------------------------------- */

static size_t
open_names(const struct waiting *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->count; i++)
		n += !w->list[i].through;
	return n;
}

/* One name: its way so far, without the order's URL, which needs the room. Many: how many are
 * through, and the latest step. */
static void
tell_in_place(struct waiting *w, const char *name, const char *step, const char *detail)
{
	const char *blank = *detail ? " " : "";
	char shown[SHOWN_MAX];

	if (w->count > 1)
		buf_reset(&w->path);
	if (w->count > 1)
		buf_printf(&w->path, "%zu of %zu through; %s: %s", w->count - open_names(w),
		           w->count, name, step);
	else if (!w->path.len)
		buf_printf(&w->path, "%s: %s%s%s", name, step, blank, detail);
	else
		buf_printf(&w->path, " -> %s%s%s", step, blank, detail);
	if (buf_str(&w->path))
		terminal_show(log_escape(buf_str(&w->path), shown, sizeof(shown)));
}

static void
tell_person(const struct ctl *ctl, struct waiting *w, const cJSON *json, bool through)
{
	const char *name = json_text(json, "name"), *step = json_text(json, "step");
	const char *detail = json_text(json, "detail");
	int64_t ms = clock_mono_ms() - ctl->started_ms;

	if (through)
		print_line("%s: %s%s%s, took %" PRId64 ".%" PRId64 "s", name, step,
		           detail && *detail ? ", " : "", detail ? detail : "", ms / 1000,
		           ms % 1000 / 100);
	else if (terminal_rewrites())
		tell_in_place(w, name, step, detail && !strstr(detail, "://") ? detail : "");
	else
		print_line("%s: %s%s%s", name, step, detail && *detail ? ", " : "",
		           detail ? detail : "");
}

/* NDJSON tells every step; the others, how it ended. */
static void
tell(struct ctl *ctl, struct waiting *w, const cJSON *json, enum msg_step step)
{
	bool failed = step == MSG_STEP_FAILED, through = !failed && step >= w->until;

	if (failed)
		complain_json(json_text(json, "name"), json_object(json, "error"));
	else if (ctl->print.format == PRINT_TABLE)
		tell_person(ctl, w, json, through);
	if (ctl->print.format == PRINT_NDJSON || through ||
	    (failed && ctl->print.format != PRINT_NAMES))
		print_item(&ctl->print, json);
	print_flush();
}

static struct waited *
find(const struct waiting *w, const char *name)
{
	return bsearch(&(struct waited){.name = name}, w->list, w->count, sizeof(*w->list),
	               compare_waited);
}

/* After a reconnection certd tells from the start where a name is: what was told is not told again.
 * A name that we do not know under this spelling is one that certd writes otherwise. */
void
wait_step(struct ctl *ctl, struct waiting *w, const cJSON *line)
{
	const cJSON *json = json_object(line, "step");
	const char *name = json_text(json, "name"), *word = json_text(json, "step");
	const char *code = json_text(json_object(json, "error"), "code");
	enum msg_step step;
	struct waited *one;

	if (!name || !word || msg_step_parse(word, &step))
		return;
	one = find(w, name);
	if (one && (one->through || one->step == (int)step))
		return;
	if (one)
		one->step = (int)step;
	if (one && step == MSG_STEP_FAILED)
		end_one(one, msg_exit_of_code(code ? code : ""));
	else if (one && step >= w->until)
		end_one(one, MSG_EXIT_OK);
	tell(ctl, w, json, step);
	ctl->enough = w->until != MSG_STEP_SERVING && open_names(w) == 0;
}

static void
on_step(struct ctl *ctl, const cJSON *line, void *arg)
{
	wait_step(ctl, arg, line);
}

/* ---- asking --------------------------------------------------------------------------------- */

/* All that are open, or as many as one request asked for. */
static void
end_open(struct waiting *w, size_t most, enum msg_exit code)
{
	for (size_t i = 0; i < w->count && most > 0; i++)
		if (!w->list[i].through) {
			end_one(&w->list[i], code);
			most--;
		}
}

static cJSON *
wait_request(const struct waiting *w)
{
	cJSON *request = ctl_request("wait"), *names = cJSON_AddArrayToObject(request, "names");

	for (size_t i = 0, n = 0; i < w->count && n < MSG_NAMES_MAX; i++)
		if (!w->list[i].through) {
			cJSON_AddItemToArray(names, cJSON_CreateString(w->list[i].name));
			n++;
		}
	return request;
}

/* False when certd stays away, or time is up. */
static bool
reconnect(struct ctl *ctl, int64_t deadline)
{
	const struct timespec pause = {.tv_nsec = AWAY_PAUSE_MS * 1000000L};
	int64_t until = clock_mono_ms() + AWAY_MS;
	enum err err;

	complain(NULL, "certd is gone, waiting for it to come back");
	until = until < deadline ? until : deadline;
	do {
		err = client_open(&ctl->client, ctl->options.socket, until);
		if (!err)
			return true;
		nanosleep(&pause, NULL);
	} while (clock_mono_ms() < until);
	return false;
}

void
wait_broken(struct ctl *ctl, struct waiting *w, enum err err)
{
	size_t left = open_names(w);

	w->lost = false;
	if (!left)
		return;
	if (err == ERR_TIMEOUT) {
		complain(NULL, "%zu of %zu names are not through yet; certd goes on with them",
		         left, w->count);
		end_open(w, SIZE_MAX, MSG_EXIT_TIMEOUT);
	} else if (err == ERR_CLOSED || err == ERR_IO) {
		w->lost = true;
	} else {
		end_open(w, SIZE_MAX, ctl_fail(ctl, err));
	}
}

/* One request's worth of waiting. An end says that all it was asked for is through. */
static void
wait_once(struct ctl *ctl, struct waiting *w)
{
	size_t before = open_names(w);
	cJSON *request = wait_request(w), *end = NULL;
	enum err err = ctl_exchange(ctl, request, w->deadline, on_step, w, &end);

	cJSON_Delete(request);
	if (err) {
		wait_broken(ctl, w, err);
		return;
	}
	if (json_object(end, "error")) {
		complain_json(NULL, json_object(end, "error"));
		end_open(w, SIZE_MAX, ctl_code(end));
	} else if (end && before - open_names(w) < MSG_NAMES_MAX) {
		end_open(w, MSG_NAMES_MAX - (before - open_names(w)), ctl_code(end));
	}
	cJSON_Delete(end);
}

/* Sorted and without repetition. */
bool
wait_begin(struct waiting *w, const struct names *names, int64_t deadline)
{
	struct waited *list = calloc(names->count + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return false;
	for (size_t i = 0; i < names->count; i++)
		list[i] = (struct waited){.name = names->list[i], .step = -1};
	qsort(list, names->count, sizeof(*list), compare_waited);
	for (size_t i = 0; i < names->count; i++)
		if (n == 0 || strcmp(list[n - 1].name, list[i].name) != 0)
			list[n++] = list[i];
	*w = (struct waiting){
		.list = list, .count = n, .until = MSG_STEP_SERVING, .deadline = deadline};
	return true;
}

enum msg_exit
wait_end(struct ctl *ctl, struct waiting *w, unsigned seen)
{
	while (open_names(w) > 0) {
		if (w->lost && !reconnect(ctl, w->deadline)) {
			wait_broken(ctl, w,
			            clock_mono_ms() < w->deadline ? ERR_UNREACHABLE : ERR_TIMEOUT);
			break;
		}
		wait_once(ctl, w);
	}
	for (size_t i = 0; i < w->count; i++)
		seen |= 1u << w->list[i].code;
	terminal_clear();
	buf_done(&w->path);
	free(w->list);
	*w = (struct waiting){0};
	/* That time was up is what the caller must know first. */
	return seen & 1u << MSG_EXIT_TIMEOUT ? MSG_EXIT_TIMEOUT : msg_exit_combine(seen);
}
