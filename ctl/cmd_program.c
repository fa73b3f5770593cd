/* SPDX-License-Identifier: Apache-2.0 */
/* console: the program with the screens; metrics: what Prometheus gets, without its listener. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "ctl/certd.h"
#include "ctl/ctl.h"

#define CONSOLE "certd-console"

enum msg_exit
cmd_console(struct ctl *ctl)
{
	char **argv = calloc(ctl->arg_count + 4, sizeof(*argv));

	if (!argv)
		return ctl_fail(ctl, ERR_NOMEM);
	argv[0] = CONSOLE;
	argv[1] = "--socket";
	argv[2] = (char *)(uintptr_t)ctl->options.socket;
	memcpy(argv + 3, ctl->args, ctl->arg_count * sizeof(*argv));
	program_become(CONSOLE, argv);
	if (errno == ENOENT)
		complain(NULL, "the console is not installed: there is no " CONSOLE
		               " beside certctl or in PATH");
	else
		complain(NULL, CONSOLE ": %s", strerror(errno));
	free(argv);
	return MSG_EXIT_FAILED;
}

/* Its text has no other newlines than those of its lines. */
static void
print_lines(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		print_line("%.*s", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void
on_metrics(struct ctl *ctl, const cJSON *line, void *arg)
{
	const cJSON *metrics = json_object(line, "metrics");

	(void)arg;
	if (metrics && ctl->print.format == PRINT_TABLE)
		print_lines(json_text(metrics, "text") ? json_text(metrics, "text") : "");
	else if (metrics)
		print_single(&ctl->print, metrics);
}

enum msg_exit
cmd_metrics(struct ctl *ctl)
{
	return ctl_ask(ctl, ctl_request("metrics"), on_metrics, NULL, NULL);
}
