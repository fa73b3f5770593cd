/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/descriptors.h"

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

size_t
descriptors_room(size_t limit, size_t used)
{
	size_t kept = limit / 8 < DESCRIPTORS_KEPT ? limit / 8 : DESCRIPTORS_KEPT;
	size_t room = limit > used + kept ? (limit - used - kept) / 2 : 0;

	return room ? room : 1;
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

size_t
descriptors_connections(size_t more)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return SIZE_MAX;
	return descriptors_room(limit.rlim_cur, used_now() + more);
}
