/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/channel.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/role.h"

/* Room for one descriptor, laid out as the kernel wants it. */
union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

bool
channel_send(int channel, char message, const char *text, int passed)
{
	char bytes[ROLE_MESSAGE_MAX];
	int n = snprintf(bytes, sizeof(bytes), "%c%s", message, text ? text : "");
	union control control = {0};
	struct iovec iov = {bytes, (size_t)n < sizeof(bytes) ? (size_t)n : sizeof(bytes) - 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (passed >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
		                                .cmsg_level = SOL_SOCKET,
		                                .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), &passed, sizeof(int));
	}
	return sendmsg(channel, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

ssize_t
channel_recv(int channel, char *text, size_t size, int *ret_passed)
{
	union control control = {0};
	struct iovec iov = {text, size - 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int passed = -1;
	ssize_t n;

	if (ret_passed) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	n = recvmsg(channel, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	text[n > 0 ? n : 0] = '\0';
	if (n >= 0 && msg.msg_controllen >= CMSG_LEN(sizeof(int)) &&
	    control.head.cmsg_level == SOL_SOCKET && control.head.cmsg_type == SCM_RIGHTS)
		memcpy(&passed, CMSG_DATA(&control.head), sizeof(int));
	if (ret_passed)
		*ret_passed = passed;
	return n;
}
