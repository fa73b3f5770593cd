/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs for names: add, renew, remove, wait. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ctl/confirm.h"
#include "ctl/ctl.h"
#include "ctl/names.h"
#include "ctl/progress.h"
#include "ctl/wait.h"

/* One call's names on their way through requests of a batch each. */
struct change {
	const char *verb;
	const char *done; /* what is said of a name for which it is done */
	bool wait;
	bool ends;       /* what there is of the names */
	unsigned seen;   /* 1 << exit code, of all names that are through */
	size_t answered; /* names of the request under way */
	struct progress progress;
	struct names accepted; /* with wait: as certd writes them */
	struct waiting waiting;
};

/* With --wait a name's failure has the form of a step, so that each line has the same members. */
static void
print_refused(struct ctl *ctl, const struct change *change, const char *name, const cJSON *result)
{
	cJSON *step;

	complain_json(name, json_object(result, "error"));
	if (!change->wait) {
		if (ctl->print.format != PRINT_NAMES)
			print_item(&ctl->print, result);
		return;
	}
	step = cJSON_CreateObject();
	cJSON_AddStringToObject(step, "name", name);
	cJSON_AddStringToObject(step, "step", msg_step_word(MSG_STEP_FAILED));
	cJSON_AddItemToObject(step, "error", cJSON_Duplicate(json_object(result, "error"), true));
	if (ctl->print.format != PRINT_NAMES)
		print_item(&ctl->print, step);
	cJSON_Delete(step);
}

static void
print_added(const struct change *change, const char *name, const cJSON *result)
{
	const cJSON *line, *lines = json_array(result, "ownership");

	print_line("%s: %s", name, change->done);
	cJSON_ArrayForEach(line, lines)
	{
		const char *text = cJSON_GetStringValue(line);

		if (text)
			print_line("  %s %s", line == lines->child ? "its owner is to set" : "or",
			           text);
	}
}

static void
take_result(struct ctl *ctl, struct change *change, const cJSON *line)
{
	const cJSON *result = json_object(line, "result");
	const char *name = json_text(result, "name"), *code;

	if (!name)
		return;
	change->answered++;
	progress_step(&change->progress, (double)change->progress.done + 1);
	if (!json_bool(result, "ok", false)) {
		code = json_text(json_object(result, "error"), "code");
		change->seen |= 1u << msg_exit_of_code(code ? code : "");
		print_refused(ctl, change, name, result);
		return;
	}
	if (change->wait) {
		if (!names_add(&change->accepted, name))
			change->seen |= 1u << MSG_EXIT_FAILED;
		return;
	}
	change->seen |= 1u << MSG_EXIT_OK;
	if (ctl->print.format == PRINT_TABLE)
		print_added(change, name, result);
	print_item(&ctl->print, result);
}

/* All results come before the first step. */
static bool
begin_steps(struct ctl *ctl, struct change *change)
{
	if (change->waiting.list ||
	    wait_begin(&change->waiting, &change->accepted, ctl_deadline(ctl)))
		return true;
	change->seen |= 1u << ctl_fail(ctl, ERR_NOMEM);
	return false;
}

static void
on_line(struct ctl *ctl, const cJSON *line, void *arg)
{
	struct change *change = arg;

	if (json_object(line, "result"))
		take_result(ctl, change, line);
	else if (change->wait && json_object(line, "step") && begin_steps(ctl, change))
		wait_step(ctl, &change->waiting, line);
}

static cJSON *
make_request(const struct ctl *ctl, const struct change *change, bool wait)
{
	cJSON *request = ctl_request(change->verb);

	if (ctl->options.backend)
		cJSON_AddStringToObject(request, "backend", ctl->options.backend);
	ctl_add_cas(request, &ctl->options);
	if (option_is_given(&ctl->options, OPTION_EXTERNAL))
		cJSON_AddTrueToObject(request, "external");
	ctl_add_labels(request, &ctl->options);
	if (option_is_given(&ctl->options, OPTION_ONE_CERTIFICATE))
		cJSON_AddTrueToObject(request, "one_certificate");
	if (ctl->options.reason)
		cJSON_AddStringToObject(request, "reason", ctl->options.reason);
	if (wait)
		cJSON_AddTrueToObject(request, "wait");
	return request;
}

/* COUNT names from FROM on; false when it makes no sense to send more. The last batch's reply goes
 * on with the steps, so that none is missed between two requests. */
static bool
send_batch(struct ctl *ctl, struct change *change, const struct names *names, size_t from,
           size_t count)
{
	bool wait = change->wait && from + count == names->count;
	int64_t deadline = wait ? ctl_deadline(ctl) : clock_mono_ms() + CTL_REPLY_MS;
	cJSON *request = make_request(ctl, change, wait), *end = NULL;
	const cJSON *error;
	enum err err;

	names_to_json(names, from, count, request);
	change->answered = 0;
	err = ctl_exchange(ctl, request, deadline, on_line, change, &end);
	cJSON_Delete(request);
	error = json_object(end, "error");
	if (error)
		complain_json(NULL, error);
	if (err && change->answered == count && begin_steps(ctl, change))
		wait_broken(ctl, &change->waiting, err);
	else if (err)
		change->seen |= 1u << ctl_fail(ctl, err);
	else if (error)
		change->seen |= 1u << ctl_code(end);
	cJSON_Delete(end);
	return !err && !error;
}

/* Those of an answer to list that can be renewed. */
static void
on_due(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *item = json_object(line, "item");
	const char *name = json_text(item, "name"), *state = json_text(item, "state");

	(void)ctl;
	if (name && state && strcmp(state, "paused") != 0 && !json_bool(item, "external", false))
		(void)names_add(arg, name);
}

static enum msg_exit
list_due(struct ctl *ctl, struct names *names)
{
	char *after = NULL;
	enum msg_exit code;
	cJSON *end;

	do {
		cJSON *request = ctl_request("list");

		cJSON_AddNumberToObject(request, "limit", MSG_PAGE_MAX);
		cJSON_AddNumberToObject(request, "expires_in", (double)ctl->options.expires_in_s);
		if (after)
			cJSON_AddStringToObject(request, "after", after);
		free(after);
		code = ctl_ask(ctl, request, on_due, names, &end);
		after = json_text(end, "after") ? strdup(json_text(end, "after")) : NULL;
		cJSON_Delete(end);
	} while (code == MSG_EXIT_OK && after);
	free(after);
	return code;
}

/* The arguments, or with --expires-in the names that are so. */
static enum msg_exit
read_names(struct ctl *ctl, struct names *names)
{
	bool listed = ctl->options.expires_in_s >= 0;
	enum msg_exit code;

	if (listed != (ctl->arg_count > 0)) {
		if (listed) {
			code = list_due(ctl, names);
			if (code == MSG_EXIT_OK && !names->count)
				complain(NULL, "there is nothing that ends so soon");
			return code;
		}
		return names_read(names, ctl->args, ctl->arg_count) ? MSG_EXIT_OK : MSG_EXIT_USAGE;
	}
	complain(NULL, "either NAME... or --expires-in; see certctl %s --help", ctl->verb->word);
	return MSG_EXIT_USAGE;
}

static bool
may_end(const struct ctl *ctl, const struct names *names)
{
	char number[24];

	if (names->count == 1)
		return confirmed(ctl, names->list[0],
		                 "%s is not served any more, and its certificate and key are gone",
		                 names->list[0]);
	snprintf(number, sizeof(number), "%zu", names->count);
	return confirmed(ctl, number,
	                 "%s names are not served any more, and their certificates and keys are "
	                 "gone",
	                 number);
}

static enum msg_exit
run_change(struct ctl *ctl, struct change *change)
{
	struct names names = {0};
	enum msg_exit code;
	enum msg_exit read = read_names(ctl, &names);
	bool good = read == MSG_EXIT_OK;

	if (!good)
		change->seen |= 1u << read;
	progress_begin(&change->progress, option_is_given(&ctl->options, OPTION_PROGRESS),
	               (double)names.count);
	if (good && option_is_given(&ctl->options, OPTION_ONE_CERTIFICATE) &&
	    names_batch(&names, 0) < names.count) {
		complain(NULL, "--one-certificate: these are too many names for one");
		change->seen |= 1u << MSG_EXIT_USAGE;
		good = false;
	}
	if (good && change->ends && !may_end(ctl, &names)) {
		change->seen |= 1u << MSG_EXIT_CONFLICT;
		good = false;
	}
	for (size_t at = 0, n; good && at < names.count; at += n) {
		n = names_batch(&names, at);
		good = send_batch(ctl, change, &names, at, n);
		print_flush();
	}
	progress_end(&change->progress);
	if (change->accepted.count && begin_steps(ctl, change))
		code = wait_end(ctl, &change->waiting, change->seen);
	else
		code = msg_exit_combine(change->seen);
	print_end(&ctl->print, NULL);
	names_done(&change->accepted);
	names_done(&names);
	return code;
}

enum msg_exit
cmd_add(struct ctl *ctl)
{
	struct change change = {.verb = "add", .done = "added"};

	change.wait = option_is_given(&ctl->options, OPTION_WAIT);
	return run_change(ctl, &change);
}

enum msg_exit
cmd_renew(struct ctl *ctl)
{
	struct change change = {.verb = "renew", .done = "queued for renewal"};

	change.wait = option_is_given(&ctl->options, OPTION_WAIT);
	return run_change(ctl, &change);
}

enum msg_exit
cmd_retry(struct ctl *ctl)
{
	struct change change = {.verb = "retry", .done = "queued"};

	change.wait = option_is_given(&ctl->options, OPTION_WAIT);
	return run_change(ctl, &change);
}

enum msg_exit
cmd_pause(struct ctl *ctl)
{
	struct change change = {.verb = "pause", .done = "paused"};

	return run_change(ctl, &change);
}

enum msg_exit
cmd_resume(struct ctl *ctl)
{
	struct change change = {.verb = "resume", .done = "resumed"};

	return run_change(ctl, &change);
}

enum msg_exit
cmd_remove(struct ctl *ctl)
{
	struct change change = {.verb = "remove", .done = "removed", .ends = true};

	return run_change(ctl, &change);
}

static enum msg_exit
wait_until(struct ctl *ctl, struct waiting *waiting)
{
	if (ctl->options.until && msg_step_parse(ctl->options.until, &waiting->until))
		waiting->until = MSG_STEP_SERVING;
	return wait_end(ctl, waiting, 0);
}

enum msg_exit
cmd_wait(struct ctl *ctl)
{
	struct names names = {0};
	struct waiting waiting;
	enum msg_exit code = MSG_EXIT_USAGE;

	if (!names_read(&names, ctl->args, ctl->arg_count))
		code = MSG_EXIT_USAGE;
	else if (!wait_begin(&waiting, &names, ctl_deadline(ctl)))
		code = ctl_fail(ctl, ERR_NOMEM);
	else
		code = wait_until(ctl, &waiting);
	print_end(&ctl->print, NULL);
	names_done(&names);
	return code;
}
