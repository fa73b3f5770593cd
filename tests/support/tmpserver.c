/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tmpserver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_S = 20 };

struct job {
	struct tmpserver *server;
	int fd;
};

static int
bind_loopback(uint16_t *ret_port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*ret_port = ntohs(sa.sin_port);
	return fd;
}

static void
set_patience(int fd)
{
	const struct timeval limit = {.tv_sec = PATIENCE_S};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static void *
talk(void *arg)
{
	struct job *job = arg;

	set_patience(job->fd);
	job->server->fn(job->fd);
	close(job->fd);
	atomic_fetch_sub(&job->server->open, 1);
	free(job);
	return NULL;
}

static void *
serve(void *arg)
{
	struct tmpserver *s = arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		struct job *job = malloc(sizeof(*job));
		pthread_t thread;

		*job = (struct job){s, fd};
		atomic_fetch_add(&s->accepted, 1);
		atomic_fetch_add(&s->open, 1);
		pthread_create(&thread, NULL, talk, job);
		pthread_detach(thread);
	}
	return NULL;
}

void
tmpserver_start(struct tmpserver *s, tmpserver_fn *fn)
{
	*s = (struct tmpserver){.fn = fn};
	s->fd = bind_loopback(&s->port);
	assert_int_equal(listen(s->fd, 128), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

void
tmpserver_stop(struct tmpserver *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	for (int i = 0; i < PATIENCE_S * 100 && atomic_load(&s->open) > 0; i++)
		usleep(10 * 1000);
	assert_int_equal(atomic_load(&s->open), 0);
}

uint16_t
tmpserver_closed_port(void)
{
	uint16_t port;

	close(bind_loopback(&port));
	return port;
}

void
tmpserver_reach(int fd, uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
	                         .sin_port = htons(port),
	                         .sin_addr = {htonl(INADDR_LOOPBACK)}};

	assert_true(fd >= 0);
	set_patience(fd);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
}

int
tmpserver_connect(uint16_t port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	tmpserver_reach(fd, port);
	return fd;
}

void
tmpserver_echo(int fd)
{
	char bytes[16384];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		for (ssize_t done = 0, w; done < n; done += w)
			if ((w = send(fd, bytes + done, (size_t)(n - done), MSG_NOSIGNAL)) <= 0)
				return;
}

void
tmpserver_reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1};
	char bytes[1024];

	if (recv(fd, bytes, sizeof(bytes), 0) > 0)
		send(fd, "partial", 7, MSG_NOSIGNAL);
	usleep(50 * 1000);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}
