/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/certd.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"

enum { WORDS_MAX = 8 };

enum msg_exit
certd_become(const struct ctl *ctl, const char *what, const char *const *words)
{
	char path[PATH_MAX], *slash, *argv[WORDS_MAX + 4] = {"certd"};
	size_t n = 1;
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - sizeof("certd"));

	if (ctl->options.config) {
		argv[n++] = "-c";
		argv[n++] = (char *)(uintptr_t)ctl->options.config;
	}
	for (size_t i = 0; words[i] && i < WORDS_MAX; i++)
		argv[n++] = (char *)(uintptr_t)words[i];
	if (len > 0) {
		path[len] = '\0';
		slash = strrchr(path, '/');
		strcpy(slash ? slash + 1 : path, "certd");
		execv(path, argv);
	}
	execvp("certd", argv);
	complain(NULL, "certd cannot be found to %s: %s", what, strerror(errno));
	return MSG_EXIT_UNREACHABLE;
}
