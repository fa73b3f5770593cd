/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/front/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/loop.h"
#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/front/peers.h"

enum { BACKLOG = 4096, ACCEPT_BATCH = 64, WARN_EVERY_MS = 60 * 1000 };

struct listener {
	struct listener_config config;
	struct loop_watch *watch;
	struct loop_timer *pause;
	struct peers *peers; /* NULL: addresses are not counted */
	uint32_t connections;
	int64_t warn_at_ms;
	bool stopped;
};

static int
open_socket(const struct conf_address *address, bool shared)
{
	const int on = 1;
	int fd = socket(address->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) ||
	    (address->sa.ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
	    bind(fd, (const struct sockaddr *)&address->sa, address->len) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static enum err
err_of_errno(void)
{
	switch (errno) {
	case EADDRINUSE:
		return ERR_EXISTS;
	case EACCES:
	case EPERM:
		return ERR_PERM;
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		return ERR_NOTFOUND;
	default:
		return ERR_IO;
	}
}

enum err
listener_is_free(const struct conf_address *address)
{
	int fd = open_socket(address, false);

	if (fd < 0)
		return err_of_errno();
	close(fd);
	return ERR_OK;
}

enum err
listener_open(const struct conf_address *address, int *ret_fd)
{
	int fd = open_socket(address, true);

	if (fd < 0)
		return err_of_errno();
	*ret_fd = fd;
	return ERR_OK;
}

static bool
is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void
pause_accepting(struct listener *l, int error)
{
	status_add(l->config.status, STATUS_ACCEPT_PAUSES, 1);
	if (l->warn_at_ms <= clock_mono_ms()) {
		log_warn(
			"%s: no more connections for now (%s): new ones wait in the kernel's queue",
			l->config.conf->address.text, strerror(error));
		l->warn_at_ms = clock_mono_ms() + WARN_EVERY_MS;
	}
	loop_want(l->watch, 0);
	loop_timer_start(l->pause, LISTENER_PAUSE_MS);
}

static void
on_pause_over(void *arg)
{
	struct listener *l = arg;

	if (!l->stopped)
		loop_want(l->watch, LOOP_READ);
}

static void
take(struct listener *l, int fd, const struct sockaddr_storage *peer)
{
	if (l->connections >= l->config.conf->max_connections) {
		status_add(l->config.status, STATUS_REJECTED_LIMIT, 1);
		listener_reject(l);
		close(fd);
		return;
	}
	status_add(l->config.status, STATUS_ACCEPTED, 1);
	status_add(l->config.status, STATUS_HALF_OPEN, 1);
	listening_add(l->config.listening, LISTENING_ACCEPTED, 1);
	listening_add(l->config.listening, LISTENING_CONNECTIONS, 1);
	listening_add(l->config.listening, LISTENING_HALF_OPEN, 1);
	l->connections++;
	l->config.fn(l->config.arg, l, fd, peer);
}

/* Up to MOST connections; false when there is a shortage. */
static bool
accept_some(struct listener *l, int most)
{
	for (int i = 0; i < most && !l->stopped; i++) {
		struct sockaddr_storage peer = {0};
		socklen_t len = sizeof(peer);
		int fd = -1;

		errno = EMFILE;
		if (l->config.has_room(l->config.arg, l->config.conf))
			fd = accept4(l->config.fd, (struct sockaddr *)&peer, &len,
			             SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			take(l, fd, &peer);
		else if (is_shortage(errno))
			return false;
		else if (errno == EAGAIN)
			break;
		/* else that one connection is gone already (ECONNABORTED and kin) */
	}
	return true;
}

static void
on_ready(void *arg, int events)
{
	struct listener *l = arg;

	(void)events;
	if (!accept_some(l, ACCEPT_BATCH))
		pause_accepting(l, errno);
	else if (!l->stopped)
		loop_want(l->watch, LOOP_READ);
}

enum err
listener_new(const struct listener_config *config, struct listener **ret_listener)
{
	struct listener *l = calloc(1, sizeof(*l));
	enum err err = l ? ERR_OK : ERR_NOMEM;
	const int on = 1;

	if (err)
		return err;
	l->config = *config;
	/* Accepted sockets inherit it. */
	setsockopt(config->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (config->conf->max_per_address)
		err = peers_new(config->conf->max_per_address, &l->peers);
	if (!err)
		err = loop_watch(config->loop, config->fd, on_ready, l, &l->watch);
	if (!err)
		err = loop_timer(config->loop, on_pause_over, l, &l->pause);
	if (err) {
		l->config.fd = -1; /* still the caller's */
		listener_free(l);
		return err;
	}
	loop_want(l->watch, LOOP_READ);
	*ret_listener = l;
	return ERR_OK;
}

void
listener_stop(struct listener *l)
{
	if (l->stopped)
		return;
	(void)accept_some(l, BACKLOG);
	l->stopped = true;
	loop_unwatch(l->watch);
	l->watch = NULL;
	close(l->config.fd);
	l->config.fd = -1;
}

void
listener_free(struct listener *l)
{
	if (!l)
		return;
	loop_unwatch(l->watch);
	loop_timer_free(l->pause);
	peers_free(l->peers);
	if (l->config.fd >= 0)
		close(l->config.fd);
	free(l);
}

const struct conf_listen *
listener_conf(const struct listener *l)
{
	return l->config.conf;
}

enum err
listener_admit(struct listener *l, const struct sockaddr *client, struct peer **ret_peer)
{
	enum err err;

	if (!l->peers) {
		*ret_peer = NULL;
		return ERR_OK;
	}
	err = peers_take(l->peers, client, ret_peer);
	if (err == ERR_FULL) {
		status_add(l->config.status, STATUS_REJECTED_ADDRESS, 1);
		listener_reject(l);
	}
	return err;
}

void
listener_reject(struct listener *l)
{
	listening_add(l->config.listening, LISTENING_REJECTED, 1);
}

void
listener_settle(struct listener *l)
{
	status_add(l->config.status, STATUS_HALF_OPEN, -1);
	listening_add(l->config.listening, LISTENING_HALF_OPEN, -1);
}

void
listener_release(struct listener *l, struct peer *peer)
{
	if (peer)
		peers_release(l->peers, peer);
	listening_add(l->config.listening, LISTENING_CONNECTIONS, -1);
	l->connections--;
}
