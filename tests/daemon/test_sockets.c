/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/conf/conf.h"

enum { LISTENS = 2 };

static struct conf_listen listens[LISTENS];
static struct conf conf = {.listens = listens};
static char error[256];

static int
open_plain(uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
	                         .sin_port = htons(port),
	                         .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	return ntohs(sa.sin_port);
}

/* Free ports, of which nobody knows yet. */
static int
setup(void **state)
{
	(void)state;
	for (int i = 0; i < LISTENS; i++) {
		struct conf_address *a = &listens[i].address;
		int fd = open_plain(0);
		struct sockaddr_in sa;
		socklen_t len = sizeof(sa);

		getsockname(fd, (struct sockaddr *)&sa, &len);
		close(fd);
		memcpy(&a->sa, &sa, sizeof(sa));
		a->len = sizeof(sa);
		snprintf(a->text, sizeof(a->text), "127.0.0.1:%u", ntohs(sa.sin_port));
	}
	conf.listen_count = LISTENS;
	error[0] = '\0';
	return 0;
}

static struct sockets
open_for(uint32_t workers, const struct sockets *given)
{
	struct sockets s;

	conf.workers = workers;
	assert_int_equal(sockets_open(&conf, given ? given->fds : NULL,
	                              given ? sockets_count(given) : 0, &s, error, sizeof(error)),
	                 ERR_OK);
	return s;
}

static ino_t
inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static bool
has_inode(const struct sockets *s, ino_t ino)
{
	for (size_t i = 0; i < sockets_count(s); i++)
		if (s->fds[i] >= 0 && inode(s->fds[i]) == ino)
			return true;
	return false;
}

/* Each worker has at least one socket for each listen, in its place. */
static void
check_dealt(const struct sockets *s)
{
	for (size_t w = 0; w < s->workers; w++) {
		const int *fds = sockets_of(s, w);

		for (size_t i = 0; i < s->per_worker; i++) {
			if (i < LISTENS)
				assert_true(fds[i] >= 0);
			if (fds[i] >= 0)
				assert_int_equal(port_of(fds[i]),
				                 ntohs(((struct sockaddr_in *)&listens[i % LISTENS]
				                                .address.sa)
				                               ->sin_port));
		}
	}
}

/* From FROM workers to TO: how many sockets each worker then has room for. */
static const struct {
	uint32_t from, to;
	size_t per_worker;
} changes[] = {
	{1, 1, 2}, {2, 2, 2}, {2, 4, 2}, {4, 2, 4}, {4, 3, 4}, {5, 1, 10}, {1, 5, 2}, {3, 2, 4},
};

static void
test_no_socket_goes_while_its_address_stays(void **state)
{
	(void)state;
	for (size_t c = 0; c < sizeof(changes) / sizeof(changes[0]); c++) {
		struct sockets old = open_for(changes[c].from, NULL), new;

		check_dealt(&old);
		new = open_for(changes[c].to, &old);
		check_dealt(&new);
		assert_int_equal(new.per_worker, changes[c].per_worker);
		for (size_t i = 0; i < sockets_count(&old); i++)
			assert_true(has_inode(&new, inode(old.fds[i])));
		sockets_close(&old);
		check_dealt(&new);
		sockets_close(&new);
	}
}

static void
test_an_address_that_goes_is_left_out(void **state)
{
	struct sockets old = open_for(2, NULL), new;

	(void)state;
	conf.listen_count = 1;
	new = open_for(2, &old);
	assert_int_equal(sockets_count(&new), 2);
	assert_false(has_inode(&new, inode(sockets_of(&old, 0)[1])));
	sockets_close(&old);
	sockets_close(&new);
}

/* A service manager's may have no SO_REUSEPORT: nothing can be opened beside it. */
static void
test_one_that_is_alone_is_shared(void **state)
{
	int alone = open_plain(ntohs(((struct sockaddr_in *)&listens[0].address.sa)->sin_port));
	struct sockets given = {.workers = 1, .per_worker = 1, .fds = &alone}, s;

	(void)state;
	s = open_for(3, &given);
	check_dealt(&s);
	for (size_t w = 0; w < 3; w++)
		assert_int_equal(inode(sockets_of(&s, w)[0]), inode(alone));
	sockets_close(&s);
	close(alone);
}

/* That of a .socket unit is root's: SO_REUSEPORT is for sockets of the same user only. */
static void
test_one_of_another_user_is_shared(void **state)
{
	struct sockets roots, s;

	(void)state;
	if (geteuid() != 0)
		skip();
	roots = open_for(1, NULL);
	assert_int_equal(seteuid(65534), 0);
	s = open_for(3, &roots);
	assert_int_equal(seteuid(0), 0);
	check_dealt(&s);
	for (size_t w = 0; w < 3; w++)
		assert_int_equal(inode(sockets_of(&s, w)[0]), inode(roots.fds[0]));
	sockets_close(&s);
	sockets_close(&roots);
}

static void
test_refusals(void **state)
{
	int stranger = open_plain(ntohs(((struct sockaddr_in *)&listens[1].address.sa)->sin_port));
	struct sockets s = {0};

	(void)state;
	conf.workers = 2;
	assert_int_equal(sockets_open(&conf, NULL, 0, &s, error, sizeof(error)), ERR_EXISTS);
	assert_non_null(strstr(error, listens[1].address.text));
	assert_null(s.fds);
	close(stranger);
	s = open_for(2, NULL);
	/* Another certd of the same user could share it, unnoticed. */
	assert_int_equal(sockets_open(&conf, NULL, 0, &(struct sockets){0}, error, sizeof(error)),
	                 ERR_EXISTS);
	sockets_close(&s);
}

static void
test_names(void **state)
{
	char name[SOCKET_NAME_MAX], expected[SOCKET_NAME_MAX];
	struct sockets s = open_for(1, NULL);

	(void)state;
	snprintf(expected, sizeof(expected), "certd_127.0.0.1_%u", port_of(s.fds[0]));
	assert_string_equal(sockets_name(s.fds[0], name), expected);
	sockets_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_no_socket_goes_while_its_address_stays, setup),
		cmocka_unit_test_setup(test_an_address_that_goes_is_left_out, setup),
		cmocka_unit_test_setup(test_one_that_is_alone_is_shared, setup),
		cmocka_unit_test_setup(test_one_of_another_user_is_shared, setup),
		cmocka_unit_test_setup(test_refusals, setup),
		cmocka_unit_test_setup(test_names, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
