/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/descriptors.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

void
descriptors_lift(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warn("the limit of open files stays as it is");
}

struct descriptors
descriptors_under(size_t limit, size_t used)
{
	struct descriptors d = {.connections = 1};

	d.kept = limit / 8 < DESCRIPTORS_KEPT ? limit / 8 : DESCRIPTORS_KEPT;
	if (limit > used + d.kept + 2)
		d.connections = (limit - used - d.kept) / 2;
	return d;
}

/* The lowest free descriptor: all below it are open. */
static size_t
used_now(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return 0;
	close(fd);
	return (size_t)fd;
}

struct descriptors
descriptors_now(size_t more)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return (struct descriptors){.connections = SIZE_MAX / 2};
	return descriptors_under(limit.rlim_cur, used_now() + more);
}
