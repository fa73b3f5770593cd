/* SPDX-License-Identifier: Apache-2.0 */
/* raw: requests as docs/control.md has them, and each line of the replies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "ctl/ctl.h"

static void
on_line(struct ctl *ctl, const cJSON *line, void *arg)
{
	(void)arg;
	print_item(&ctl->print, line);
	print_flush();
}

/* A request without an end, "follow", ends with --timeout or with certd. */
static enum msg_exit
send_request(struct ctl *ctl, const char *text, size_t len)
{
	bool bounded = option_is_given(&ctl->options, OPTION_TIMEOUT);
	cJSON *request = NULL, *end = NULL, *line;
	enum msg_exit code = MSG_EXIT_USAGE;
	enum err err;

	if (json_parse(text, len, &request) || !cJSON_IsObject(request)) {
		complain(NULL, "this is no JSON object: %.*s", len < 200 ? (int)len : 200, text);
		goto out;
	}
	err = ctl_exchange(ctl, request, bounded ? ctl_deadline(ctl) : CLIENT_FOREVER, on_line,
	                   NULL, &end);
	if (err) {
		code = ctl_fail(ctl, err);
		goto out;
	}
	code = ctl_code(end);
	line = cJSON_CreateObject();
	cJSON_AddItemToObject(line, "end", end);
	on_line(ctl, line, NULL);
	cJSON_Delete(line);
out:
	cJSON_Delete(request);
	return code;
}

enum msg_exit
cmd_raw(struct ctl *ctl)
{
	unsigned seen = 0;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	ctl->print.format = PRINT_NDJSON;
	for (size_t i = 0; i < ctl->arg_count; i++)
		seen |= 1u << send_request(ctl, ctl->args[i], strlen(ctl->args[i]));
	while (!ctl->arg_count && (len = getline(&line, &size, stdin)) > 0)
		seen |= 1u << send_request(ctl, line, (size_t)len);
	free(line);
	return msg_exit_combine(seen);
}
