/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/backend.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/conf/conf.h"

/* Short of ports, memory or buffers: that says nothing about the server. */
static bool
is_shortage(int error)
{
	return error == EADDRNOTAVAIL || error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

enum err
backend_start(const struct conf_address *server, int *ret_fd)
{
	const int on = 1;
	int fd = socket(server->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return ERR_FULL;
	/* What comes out of a TLS record is sent at once; waiting for more only adds delay. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&server->sa, server->len) != 0 &&
	    errno != EINPROGRESS) {
		int error = errno;

		close(fd);
		errno = error;
		return is_shortage(error) ? ERR_FULL : ERR_UNREACHABLE;
	}
	*ret_fd = fd;
	return ERR_OK;
}

enum err
backend_result(int fd)
{
	struct sockaddr_storage peer;
	socklen_t peer_len = sizeof(peer);
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
		errno = error ? error : errno;
		return ERR_UNREACHABLE;
	}
	/* No error may also mean that it is still on its way. */
	return getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 ? ERR_OK : ERR_AGAIN;
}
