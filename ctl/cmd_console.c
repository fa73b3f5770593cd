/* SPDX-License-Identifier: Apache-2.0 */
/* The verb console: certctl becomes certd-console, so that it needs no ncurses itself. */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"

enum msg_exit
cmd_console(struct ctl *ctl)
{
	char path[PATH_MAX], *slash, *argv[8] = {"certd-console", "--socket"};
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - sizeof("certd-console"));
	size_t n = 2;

	argv[n++] = (char *)(uintptr_t)ctl->options.socket;
	if (option_is_given(&ctl->options, OPTION_READ_ONLY))
		argv[n++] = "--read-only";
	argv[n++] = "--";
	if (ctl->arg_count)
		argv[n++] = ctl->args[0];
	path[len > 0 ? len : 0] = '\0';
	slash = strrchr(path, '/');
	strcpy(slash ? slash + 1 : path, "certd-console");
	execv(path, argv);
	execvp("certd-console", argv);
	complain(NULL, "certd-console cannot be found: %s", strerror(errno));
	return MSG_EXIT_UNREACHABLE;
}
