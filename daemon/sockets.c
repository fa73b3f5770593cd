/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/conf/conf.h"
#include "daemon/front/listener.h"

struct given {
	const int *fds;
	size_t count;
};

static bool
is_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a->ss_family == AF_INET6 && a6->sin6_port == b6->sin6_port &&
	       a6->sin6_scope_id == b6->sin6_scope_id &&
	       memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

static bool
is_bound_to(int fd, const struct conf_address *address)
{
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);

	return fd >= 0 && getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
	       is_same_address(&sa, &address->sa);
}

/* One that was not made by us (systemd's) may be alone at its address: all workers share it. So it
 * is with one of another user, beside which the kernel lets us open none. */
static bool
is_alone(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);
	struct stat st;

	return getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, &len) == 0 && fstat(fd, &st) == 0 &&
	       (!on || st.st_uid != geteuid());
}

/* How many sockets there will be for ADDRESS. */
static size_t
count_for(const struct conf_address *address, const struct given *given, size_t workers)
{
	size_t n = 0;

	for (size_t i = 0; i < given->count; i++)
		n += is_bound_to(given->fds[i], address);
	return n > workers ? n : workers;
}

/* The descriptor behind *AT that is bound to ADDRESS; -1: no more. */
static int
next_given(const struct given *given, const struct conf_address *address, size_t *at)
{
	while (*at < given->count) {
		int fd = given->fds[*at];

		if (!is_bound_to(fd, address)) {
			(*at)++;
			continue;
		}
		if (!is_alone(fd))
			(*at)++;
		return fd;
	}
	return -1;
}

static enum err
open_one(const struct conf_address *address, bool first, int given, int *ret_fd)
{
	enum err err;

	if (given < 0) {
		err = first ? listener_is_free(address) : ERR_OK;
		return err ? err : listener_open(address, ret_fd);
	}
	*ret_fd = fcntl(given, F_DUPFD_CLOEXEC, 3);
	return *ret_fd < 0 ? ERR_IO : ERR_OK;
}

/* The sockets of one `listen`, dealt to the workers in turn: those that were there, then new ones
 * until each worker has one. */
static enum err
open_listen(const struct conf *conf, size_t listen, const struct given *given, struct sockets *s)
{
	const struct conf_address *address = &conf->listens[listen].address;
	size_t rows = count_for(address, given, conf->workers), at = 0;
	enum err err = ERR_OK;

	for (size_t row = 0; row < rows && !err; row++) {
		size_t worker = row % s->workers, turn = row / s->workers;

		err = open_one(
			address, row == 0, next_given(given, address, &at),
			&s->fds[worker * s->per_worker + turn * conf->listen_count + listen]);
	}
	return err;
}

enum err
sockets_open(const struct conf *conf, const int *fds, size_t count, struct sockets *ret_sockets,
             char *error, size_t size)
{
	const struct given given = {.fds = fds, .count = count};
	struct sockets s = {.workers = conf->workers};
	size_t rows = conf->workers, n;
	enum err err = ERR_OK;

	for (size_t i = 0; i < conf->listen_count; i++) {
		n = count_for(&conf->listens[i].address, &given, conf->workers);
		rows = n > rows ? n : rows;
	}
	s.per_worker = (rows + s.workers - 1) / s.workers * conf->listen_count;
	n = sockets_count(&s);
	s.fds = malloc((n ? n : 1) * sizeof(*s.fds));
	if (!s.fds)
		return ERR_NOMEM;
	memset(s.fds, 0xff, n * sizeof(*s.fds));
	for (size_t i = 0; i < conf->listen_count && !err; i++) {
		err = open_listen(conf, i, &given, &s);
		if (err)
			snprintf(error, size, "cannot listen on %s: %s",
			         conf->listens[i].address.text, strerror(errno));
	}
	if (err)
		sockets_close(&s);
	else
		*ret_sockets = s;
	return err;
}

void
sockets_close(struct sockets *sockets)
{
	for (size_t i = 0; sockets->fds && i < sockets_count(sockets); i++)
		if (sockets->fds[i] >= 0)
			close(sockets->fds[i]);
	free(sockets->fds);
	*sockets = (struct sockets){0};
}

size_t
sockets_count(const struct sockets *sockets)
{
	return sockets->workers * sockets->per_worker;
}

const int *
sockets_of(const struct sockets *sockets, size_t worker)
{
	return sockets->fds + worker * sockets->per_worker;
}

const char *
sockets_name(int fd, char name[SOCKET_NAME_MAX])
{
	struct sockaddr_storage sa = {0};
	const struct sockaddr_in *v4 = (const void *)&sa;
	const struct sockaddr_in6 *v6 = (const void *)&sa;
	socklen_t len = sizeof(sa);
	char host[INET6_ADDRSTRLEN] = "";
	bool six;

	if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
		return "certd";
	six = sa.ss_family == AF_INET6;
	inet_ntop(sa.ss_family, six ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr,
	          host, sizeof(host));
	snprintf(name, SOCKET_NAME_MAX, "certd_%s_%u", host,
	         ntohs(six ? v6->sin6_port : v4->sin_port));
	for (char *c = name; *c; c++)
		if (*c == ':')
			*c = '-';
	return name;
}
