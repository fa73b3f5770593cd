/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/certd.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"

enum { WORDS_MAX = 8 };

void
program_become(const char *program, char *const *argv)
{
	char path[PATH_MAX], *slash;
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[len > 0 ? len : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash && (size_t)(slash - path) + 2 + strlen(program) <= sizeof(path)) {
		strcpy(slash + 1, program);
		execv(path, argv);
	}
	execvp(program, argv);
}

enum msg_exit
certd_become(const struct ctl *ctl, const char *what, const char *const *words)
{
	char *argv[WORDS_MAX + 4] = {"certd"};
	size_t n = 1;

	if (ctl->options.config) {
		argv[n++] = "-c";
		argv[n++] = (char *)(uintptr_t)ctl->options.config;
	}
	for (size_t i = 0; words[i] && i < WORDS_MAX; i++)
		argv[n++] = (char *)(uintptr_t)words[i];
	program_become("certd", argv);
	complain(NULL, "certd cannot be found to %s: %s", what, strerror(errno));
	return MSG_EXIT_UNREACHABLE;
}
