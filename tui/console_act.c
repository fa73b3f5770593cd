/* SPDX-License-Identifier: Apache-2.0 */
/* What people want done: questions before it, commands, and what became of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tui/command.h"
#include "tui/complete.h"
#include "tui/console.h"
#include "tui/console_inside.h"
#include "tui/term.h"

enum { NAMES_OFFERED = 20, PASTE_TICKS = 5 };

cJSON *
console_request(const char *verb)
{
	cJSON *request = cJSON_CreateObject();

	cJSON_AddStringToObject(request, "verb", verb);
	return request;
}

/* ---- requests that change something --------------------------------------------------------- */

static void
on_action_line(void *owner, const cJSON *line)
{
	struct console *c = owner;
	const cJSON *result = json_object(line, "result"), *error = json_object(result, "error");
	const char *name = json_text(result, "name"), *detail = json_text(error, "detail");

	if (!result)
		return;
	if (json_bool(result, "ok", false)) {
		c->action.done++;
		return;
	}
	if (c->action.failed++ == 0)
		snprintf(c->action.why, sizeof(c->action.why), "%s: %s", name ? name : "",
		         detail ? detail : "it failed");
}

static void
on_action_end(void *owner, const cJSON *end, enum err err)
{
	struct console *c = owner;
	const char *detail = json_text(json_object(end, "error"), "detail");
	struct view *v = console_view(c);

	c->action.ended++;
	if (err || detail)
		console_say(c, TONE_BAD, "%s: %s", c->action.what, detail ? detail : err_text(err));
	else if (c->action.failed)
		console_say(c, TONE_BAD, "%s: %zu done, %zu not; %s", c->action.what,
		            c->action.done, c->action.failed, c->action.why);
	else if (c->action.done > 1)
		console_say(c, TONE_GOOD, "%s: %zu done", c->action.what, c->action.done);
	else
		console_say(c, TONE_GOOD, "%s: done", c->action.what);
	if (!c->is_frozen)
		v->ops->load(v);
}

static void
send_pending(struct console *c)
{
	static const struct link_asker asker = {on_action_line, on_action_end};
	const char *verb = json_text(c->pending, "verb");

	c->action.done = c->action.failed = 0;
	snprintf(c->action.what, sizeof(c->action.what), "%s", verb ? verb : "");
	console_say(c, TONE_WORK, "%s ...", c->action.what);
	if (!link_ask(&c->act, c->pending, &asker, c))
		console_say(c, TONE_BAD, "%s: too much is waiting", c->action.what);
	c->pending = NULL;
}

void
console_do(struct console *c, cJSON *request, const char *question)
{
	cJSON_Delete(c->pending);
	c->pending = request;
	prompt_begin(&c->prompt, PROMPT_CONFIRM, question, "");
}

void
console_do_names(struct console *c, const char *verb, const struct names *names, const char *name)
{
	cJSON *request = console_request(verb);
	char question[PROMPT_MAX];

	if (names->count) {
		names_to_json(names, 0, names->count, request);
		snprintf(question, sizeof(question), "%s %zu marked names? (y/n)", verb,
		         names->count);
	} else {
		cJSON *list = cJSON_AddArrayToObject(request, "names");

		cJSON_AddItemToArray(list, cJSON_CreateString(name));
		snprintf(question, sizeof(question), "%s %.256s? (y/n)", verb, name);
	}
	console_do(c, request, question);
}

/* ---- commands ------------------------------------------------------------------------------- */

static void
run_now(struct console *c)
{
	struct view *v = console_push(c, &view_pager, c->command);

	if (v && !view_pager_run(v, c->command))
		console_pop(c);
}

/* What cannot be undone wants the name once more that it is done to, of several their number. */
static void
ask_to_run(struct console *c, const struct command *command)
{
	char question[PROMPT_MAX];

	if (command->kind == COMMAND_ENDS) {
		snprintf(c->prompt.expected, sizeof(c->prompt.expected), "%s", command->about);
		snprintf(question, sizeof(question),
		         "%.200s: type %.255s%s to confirm:", c->command, command->about,
		         command->is_count ? ", the number of names," : "");
		prompt_begin(&c->prompt, PROMPT_TYPE, question, "");
	} else {
		snprintf(question, sizeof(question), "%.200s? (y/n)", c->command);
		prompt_begin(&c->prompt, PROMPT_CONFIRM, question, "");
	}
}

/* Of a line that certctl could take. */
static void
run_command(struct console *c, const struct command *command)
{
	const char *near = command->near;

	if (command->kind == COMMAND_UNKNOWN)
		console_say(c, TONE_WARN, "no such command%s%s%s", near ? "; \"" : "",
		            near ? near : "", near ? "\"?" : "");
	else if (c->read_only && command->kind != COMMAND_LOOKS)
		console_say(c, TONE_WARN, "read-only: \"%s\" is not a command that only looks",
		            c->command);
	else if (command->kind < COMMAND_CHANGES)
		run_now(c);
	else
		ask_to_run(c, command);
}

void
console_run(struct console *c, const char *line)
{
	struct command command;
	size_t len;

	line += strspn(line, " ");
	line += strncmp(line, "certctl ", 8) == 0 ? 8 : 0;
	line += strspn(line, " ");
	snprintf(c->command, sizeof(c->command), "%s", line);
	for (len = strlen(c->command); len && c->command[len - 1] == ' ';)
		c->command[--len] = '\0';
	cJSON_Delete(c->pending);
	c->pending = NULL;
	if (strcmp(c->command, "q") == 0 || strcmp(c->command, "quit") == 0)
		c->wants_quit = true;
	else if (strncmp(c->command, "console", 7) == 0)
		console_say(c, TONE_WARN, "this is the console");
	else if (!command_read(c->command, &command))
		console_say(c, TONE_WARN, "a quote has no end, or these are too many words");
	else if (*c->command)
		run_command(c, &command);
}

/* ---- completion ----------------------------------------------------------------------------- */

static struct completion completion; /* of names, while certd is asked */

static void
show_completion(struct console *c)
{
	prompt_insert(&c->prompt, completion.common);
	if (completion.count == 1)
		prompt_insert(&c->prompt, " ");
	if (completion.count > 1 && completion.common[0] == '\0')
		snprintf(c->prompt.label, sizeof(c->prompt.label), ":(%.200s) ", completion.words);
	c->is_dirty = true;
}

static void
on_name(void *owner, const cJSON *line)
{
	const char *name = json_text(json_object(line, "item"), "name");

	(void)owner;
	if (name)
		complete_add(&completion, completion.name, name);
}

static void
on_names_end(void *owner, const cJSON *end, enum err err)
{
	struct console *c = owner;

	(void)end;
	if (!err && c->prompt.use == PROMPT_COMMAND)
		show_completion(c);
}

static void
complete_prompt(struct console *c)
{
	static const struct link_asker asker = {on_name, on_names_end};
	char line[PROMPT_MAX];
	cJSON *request;

	snprintf(line, sizeof(line), "%.*s", (int)c->prompt.at, c->prompt.text);
	snprintf(c->prompt.label, sizeof(c->prompt.label), ":");
	complete(line, &completion);
	if (!completion.wants_name) {
		show_completion(c);
		return;
	}
	request = console_request("list");
	cJSON_AddNumberToObject(request, "limit", NAMES_OFFERED);
	cJSON_AddStringToObject(request, "from", completion.name);
	link_ask(&c->ask, request, &asker, c);
}

/* ---- the prompt ----------------------------------------------------------------------------- */

void
console_ask_filter(struct console *c, const char *now)
{
	prompt_begin(&c->prompt, PROMPT_FILTER, "filter:", now);
}

void
console_ask_path(struct console *c)
{
	prompt_begin(&c->prompt, PROMPT_PATH, "write to:", "");
}

void
console_ask_overwrite(struct console *c, const char *path)
{
	char question[PROMPT_MAX];

	snprintf(c->path, sizeof(c->path), "%s", path);
	snprintf(question, sizeof(question), "%.400s is there: overwrite it? (y/n)", path);
	prompt_begin(&c->prompt, PROMPT_CONFIRM, question, "");
}

/* Only what a host name has in it: nobody else's bytes go to a clipboard. */
void
console_copy(struct console *c, const char *name)
{
	static const char in_names[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_*";

	if (!*name || name[strspn(name, in_names)])
		console_say(c, TONE_WARN, "there is no name to copy here");
	else if (term_copy(name))
		console_say(c, TONE_GOOD, "copied, if the terminal allows it: %s", name);
	else
		console_say(c, TONE_PLAIN, "this terminal copies nothing; the name is: %s", name);
}

bool
console_refuses_paste(struct console *c, int key)
{
	enum prompt_use use = c->prompt.use;

	if (key == TERM_PASTE || key == TERM_PASTE_END) {
		c->is_pasting = key == TERM_PASTE;
		c->paste_ticks = c->ticks;
		return true;
	}
	if (!c->is_pasting || c->ticks - c->paste_ticks > PASTE_TICKS)
		return false;
	if (use == PROMPT_OFF)
		console_say(c, TONE_WARN, "what is pasted is taken behind : and / only");
	return use == PROMPT_OFF || use == PROMPT_CONFIRM || key < ' ';
}

static void
take_yes(struct console *c)
{
	struct view *v = console_view(c);

	if (c->path[0] && v->ops->write)
		v->ops->write(v, c->path, true);
	else if (c->pending)
		send_pending(c);
	else
		run_now(c);
	c->path[0] = '\0';
}

static void
take_typed(struct console *c, enum prompt_use use)
{
	struct view *v = console_view(c);
	const char *text = c->prompt.text;

	if (use == PROMPT_COMMAND)
		console_run(c, text);
	else if (use == PROMPT_FILTER && v->ops->filter)
		v->ops->filter(v, text);
	else if (use == PROMPT_SEARCH)
		console_search(c, text, false);
	else if (use == PROMPT_PATH && *text && v->ops->write)
		v->ops->write(v, text, false);
	else if (use == PROMPT_CONFIRM || use == PROMPT_TYPE)
		take_yes(c);
}

void
console_prompt_key(struct console *c, int key)
{
	enum prompt_use use = c->prompt.use;

	switch (prompt_key(&c->prompt, key)) {
	case PROMPT_COMPLETE:
		complete_prompt(c);
		break;
	case PROMPT_DONE:
		take_typed(c, use);
		break;
	case PROMPT_GIVEN_UP:
		cJSON_Delete(c->pending);
		c->pending = NULL;
		c->path[0] = '\0';
		if (use == PROMPT_CONFIRM || use == PROMPT_TYPE)
			console_say(c, TONE_PLAIN, "nothing was done");
		break;
	case PROMPT_MORE:
		break;
	}
}

void
console_on_end(void *owner, const cJSON *end, enum err err)
{
	struct view *v = owner;
	const char *detail = json_text(json_object(end, "error"), "detail");

	(void)err; /* that certd is not there, the last line says */
	if (detail)
		console_say(v->console, TONE_BAD, "%s", detail);
	v->console->is_dirty = true;
}
