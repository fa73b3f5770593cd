/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for names: each step as it happens, over a restart of certd if need be. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "ctl/ctl.h"
#include "ctl/names.h"

enum { SHOWN_MAX = 1024, AWAY_MS = 30000, AWAY_PAUSE_MS = 250 };

struct waited {
	const char *name;
	int step; /* the last one told, -1: none */
	bool through;
	enum msg_exit code;
};

struct waiting {
	struct waited *list; /* sorted by name */
	size_t count;
	int64_t deadline;
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

static void
tell_serving(const struct ctl *ctl, const char *name)
{
	int64_t ms = clock_mono_ms() - ctl->started_ms;

	printf("%s: serving, took %" PRId64 ".%" PRId64 "s\n", name, ms / 1000, ms % 1000 / 100);
}

static void
tell(struct ctl *ctl, const cJSON *json, const char *name, enum msg_step step)
{
	const char *detail = json_text(json, "detail");
	char shown_name[SHOWN_MAX], shown[SHOWN_MAX];

	log_escape(name, shown_name, sizeof(shown_name));
	if (step == MSG_STEP_FAILED)
		complain_json(name, json_object(json, "error"));
	else if (ctl->print.format == PRINT_TABLE && step == MSG_STEP_SERVING)
		tell_serving(ctl, shown_name);
	else if (ctl->print.format == PRINT_TABLE)
		printf("%s: %s%s%s\n", shown_name, msg_step_word(step),
		       detail && *detail ? ", " : "",
		       detail ? log_escape(detail, shown, sizeof(shown)) : "");
	/* NDJSON tells every step; the others, how it ended. */
	if (ctl->print.format == PRINT_NDJSON || step == MSG_STEP_SERVING ||
	    (step == MSG_STEP_FAILED && ctl->print.format != PRINT_NAMES))
		print_item(&ctl->print, json);
	print_flush();
}

/* After a reconnection certd tells from the start where a name is: what was told is not told again.
 */
static void
on_step(struct ctl *ctl, const cJSON *line, void *arg)
{
	struct waiting *waiting = arg;
	const cJSON *json = json_object(line, "step"), *error = json_object(json, "error");
	const char *name = json_text(json, "name"), *word = json_text(json, "step"), *code;
	enum msg_step step;
	struct waited *w;

	if (!name || !word || msg_step_parse(word, &step))
		return;
	w = bsearch(&(struct waited){.name = name}, waiting->list, waiting->count,
	            sizeof(*waiting->list), compare_waited);
	if (!w || w->through || w->step == (int)step)
		return;
	w->step = (int)step;
	code = json_text(error, "code");
	if (step == MSG_STEP_SERVING)
		end_one(w, MSG_EXIT_OK);
	else if (step == MSG_STEP_FAILED)
		end_one(w, msg_exit_of_code(code ? code : ""));
	tell(ctl, json, name, step);
}

/* ---- asking --------------------------------------------------------------------------------- */

/* False when certd stays away, or time is up. */
static bool
reconnect(struct ctl *ctl, int64_t deadline)
{
	const struct timespec pause = {.tv_nsec = AWAY_PAUSE_MS * 1000000L};
	int64_t until = clock_mono_ms() + AWAY_MS;
	enum err err;

	until = until < deadline ? until : deadline;
	do {
		err = client_open(&ctl->client, ctl->options.socket, until);
		if (!err)
			return true;
		nanosleep(&pause, NULL);
	} while (clock_mono_ms() < until);
	return false;
}

static cJSON *
wait_request(const struct waiting *waiting)
{
	cJSON *request = ctl_request("wait"), *names = cJSON_AddArrayToObject(request, "names");

	for (size_t i = 0, n = 0; i < waiting->count && n < MSG_NAMES_MAX; i++)
		if (!waiting->list[i].through) {
			cJSON_AddItemToArray(names, cJSON_CreateString(waiting->list[i].name));
			n++;
		}
	return request;
}

static size_t
open_names(const struct waiting *waiting)
{
	size_t n = 0;

	for (size_t i = 0; i < waiting->count; i++)
		n += !waiting->list[i].through;
	return n;
}

static void
end_open(struct waiting *waiting, enum msg_exit code)
{
	for (size_t i = 0; i < waiting->count; i++)
		if (!waiting->list[i].through)
			end_one(&waiting->list[i], code);
}

/* An end without progress would have us ask the same thing again and again. */
static void
take_end(struct waiting *waiting, const cJSON *end, bool progress)
{
	const cJSON *error = json_object(end, "error");
	enum msg_exit code = ctl_code(end);

	if (error)
		complain_json(NULL, error);
	else if (!progress)
		complain(NULL, "certd ended the wait without saying why");
	if (error || !progress)
		end_open(waiting, code == MSG_EXIT_OK ? MSG_EXIT_FAILED : code);
}

/* One request's worth of waiting. */
static void
wait_once(struct ctl *ctl, struct waiting *waiting)
{
	size_t before = open_names(waiting);
	cJSON *request = wait_request(waiting), *end = NULL;
	bool was_open = client_is_open(&ctl->client);
	enum err err = ctl_exchange(ctl, request, waiting->deadline, on_step, waiting, &end);

	cJSON_Delete(request);
	if (!err) {
		take_end(waiting, end, open_names(waiting) < before);
		cJSON_Delete(end);
	} else if (err == ERR_TIMEOUT) {
		complain(NULL, "%zu of %zu names are not through yet; certd goes on with them",
		         open_names(waiting), waiting->count);
		end_open(waiting, MSG_EXIT_TIMEOUT);
	} else if ((err == ERR_CLOSED || err == ERR_IO || (was_open && err == ERR_UNREACHABLE)) &&
	           open_names(waiting)) {
		complain(NULL, "certd is gone, waiting for it to come back");
		if (!reconnect(ctl, waiting->deadline))
			end_open(waiting, ctl_fail(ctl, ERR_UNREACHABLE));
	} else if (open_names(waiting)) {
		end_open(waiting, ctl_fail(ctl, err));
	}
}

/* Sorted and without repetition. */
static bool
waiting_init(struct waiting *waiting, const struct names *names)
{
	struct waited *list = calloc(names->count, sizeof(*list));
	size_t n = 0;

	if (!list)
		return false;
	for (size_t i = 0; i < names->count; i++)
		list[i] = (struct waited){.name = names->list[i], .step = -1};
	qsort(list, names->count, sizeof(*list), compare_waited);
	for (size_t i = 0; i < names->count; i++)
		if (n == 0 || strcmp(list[n - 1].name, list[i].name) != 0)
			list[n++] = list[i];
	waiting->list = list;
	waiting->count = n;
	return true;
}

enum msg_exit
ctl_wait_for(struct ctl *ctl, const struct names *names, unsigned seen)
{
	struct waiting waiting = {.deadline = ctl_deadline(ctl)};

	if (!waiting_init(&waiting, names))
		return ctl_fail(ctl, ERR_NOMEM);
	while (open_names(&waiting) > 0)
		wait_once(ctl, &waiting);
	for (size_t i = 0; i < waiting.count; i++)
		seen |= 1u << waiting.list[i].code;
	free(waiting.list);
	/* That time was up is what the caller must know first. */
	return seen & 1u << MSG_EXIT_TIMEOUT ? MSG_EXIT_TIMEOUT : msg_exit_combine(seen);
}
