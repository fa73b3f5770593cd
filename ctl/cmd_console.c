/* SPDX-License-Identifier: Apache-2.0 */
/* The verb console: certctl becomes certd-console, so that it needs no ncurses itself. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "ctl/certd.h"
#include "ctl/ctl.h"

#define CONSOLE "certd-console"

enum msg_exit
cmd_console(struct ctl *ctl)
{
	char *argv[8] = {CONSOLE, "--socket", (char *)(uintptr_t)ctl->options.socket};
	size_t n = 3;

	if (option_is_given(&ctl->options, OPTION_READ_ONLY))
		argv[n++] = "--read-only";
	if (option_is_given(&ctl->options, OPTION_MOUSE))
		argv[n++] = "--mouse";
	argv[n++] = "--";
	if (ctl->arg_count)
		argv[n++] = ctl->args[0];
	program_become(CONSOLE, argv);
	if (errno == ENOENT)
		complain(NULL, "the console is not installed: there is no " CONSOLE
		               " beside certctl or in PATH");
	else
		complain(NULL, CONSOLE ": %s", strerror(errno));
	return MSG_EXIT_FAILED;
}
