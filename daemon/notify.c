/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/sockets.h"

enum { TEXT_MAX = 512 };

/* A path, or "@name" of the abstract kind; 0: there is no manager. */
static socklen_t
manager_address(struct sockaddr_un *sa)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;

	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len < 2 || (*path != '/' && *path != '@') || len >= sizeof(sa->sun_path))
		return 0;
	memcpy(sa->sun_path, path, len);
	if (*path == '@')
		sa->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

/* PASSED: a descriptor to go with it, or -1. */
static void
tell(const char *text, int passed)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
	                      .cmsg_level = SOL_SOCKET,
	                      .cmsg_type = SCM_RIGHTS}};
	const struct timeval patience = {.tv_sec = 1};
	struct sockaddr_un sa;
	struct iovec iov = {(char *)(uintptr_t)text, strlen(text)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_name = &sa};
	int fd;

	msg.msg_namelen = manager_address(&sa);
	if (!msg.msg_namelen)
		return;
	if (passed >= 0) {
		memcpy(CMSG_DATA(&control.head), &passed, sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) /* the manager may be slow to read, but must not hold us up */
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (fd < 0 || sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
		log_debug("the service manager does not hear: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

void
notify_say(const char *format, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	tell(text, -1);
}

void
notify_refused(const char *why)
{
	if (!why)
		notify_say("STATUS=");
	else /* of several lines the others would be words of their own */
		notify_say("STATUS=reload refused, the running configuration stays: %.*s",
		           (int)strcspn(why, "\n"), why);
}

static bool
has_name(const struct sockets *sockets, const char *name)
{
	char other[SOCKET_NAME_MAX];

	for (size_t i = 0; i < sockets_count(sockets); i++)
		if (sockets->fds[i] >= 0 && strcmp(sockets_name(sockets->fds[i], other), name) == 0)
			return true;
	return false;
}

void
notify_store(const struct sockets *now, const int *before, unsigned long before_count)
{
	char text[TEXT_MAX], name[SOCKET_NAME_MAX];

	if (!getenv("NOTIFY_SOCKET"))
		return;
	for (size_t i = 0; i < before_count; i++)
		if (before[i] >= 0 && !has_name(now, sockets_name(before[i], name)))
			notify_say("FDSTOREREMOVE=1\nFDNAME=%s", name);
	for (size_t i = 0; i < sockets_count(now); i++) {
		if (now->fds[i] < 0)
			continue;
		snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s",
		         sockets_name(now->fds[i], name));
		tell(text, now->fds[i]);
	}
}
