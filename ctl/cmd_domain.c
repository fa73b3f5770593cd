/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that change names: add, renew, remove. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "ctl/ctl.h"
#include "ctl/names.h"

enum { SHOWN_MAX = 1024 };

/* One call's names on their way through requests of a batch each. */
struct change {
	const char *verb;
	const char *done; /* what is said of a name for which it is done */
	bool wait;
	unsigned seen;         /* 1 << exit code, of all names */
	struct names accepted; /* as certd writes them */
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
on_result(struct ctl *ctl, const cJSON *line, void *arg)
{
	struct change *change = arg;
	const cJSON *result = json_object(line, "result");
	const char *name = json_text(result, "name"), *code;
	char shown[SHOWN_MAX];

	if (!name)
		return;
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
		printf("%s: %s\n", log_escape(name, shown, sizeof(shown)), change->done);
	print_item(&ctl->print, result);
}

static cJSON *
make_request(const struct ctl *ctl, const struct change *change, const struct names *names,
             size_t from, size_t count)
{
	cJSON *request = ctl_request(change->verb);

	names_to_json(names, from, count, request);
	if (ctl->options.backend)
		cJSON_AddStringToObject(request, "backend", ctl->options.backend);
	if (ctl->options.ca)
		cJSON_AddStringToObject(request, "ca", ctl->options.ca);
	if (change->wait)
		cJSON_AddBoolToObject(request, "wait", true);
	return request;
}

/* False when it makes no sense to send more. */
static bool
send_batch(struct ctl *ctl, struct change *change, cJSON *request)
{
	cJSON *end;
	enum msg_exit code = ctl_ask(ctl, request, on_result, change, &end);
	bool good = end && !json_object(end, "error");

	if (!good)
		change->seen |= 1u << code;
	cJSON_Delete(end);
	return good;
}

static enum msg_exit
run_change(struct ctl *ctl, struct change *change)
{
	struct names names = {0};
	enum msg_exit code;
	bool good = names_read(&names, ctl->args, ctl->arg_count);

	if (!good)
		change->seen |= 1u << MSG_EXIT_USAGE;
	for (size_t at = 0, n; good && at < names.count; at += n) {
		n = names_batch(&names, at);
		good = send_batch(ctl, change, make_request(ctl, change, &names, at, n));
		print_flush();
	}
	if (change->accepted.count)
		code = ctl_wait_for(ctl, &change->accepted, change->seen);
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
cmd_remove(struct ctl *ctl)
{
	struct change change = {.verb = "remove", .done = "removed"};

	return run_change(ctl, &change);
}

enum msg_exit
cmd_wait(struct ctl *ctl)
{
	struct names names = {0};
	enum msg_exit code = MSG_EXIT_USAGE;

	if (names_read(&names, ctl->args, ctl->arg_count))
		code = ctl_wait_for(ctl, &names, 0);
	print_end(&ctl->print, NULL);
	names_done(&names);
	return code;
}
