/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/conf/conf.h"
#include "daemon/front/listener.h"

static struct conf_address
ipv4(uint32_t ip, uint16_t port)
{
	struct conf_address a = {.len = sizeof(struct sockaddr_in)};
	struct sockaddr_in sa = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(ip)}};

	memcpy(&a.sa, &sa, sizeof(sa));
	return a;
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_in6 sa;
	socklen_t len = sizeof(sa);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	return ntohs(sa.sin6_port); /* at the same place in both families */
}

static void
test_workers_share_a_port(void **state)
{
	struct conf_address a = ipv4(INADDR_LOOPBACK, 0);
	int first, second;

	(void)state;
	assert_int_equal(listener_open(&a, &first), ERR_OK);
	assert_true(fcntl(first, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
	a = ipv4(INADDR_LOOPBACK, port_of(first));
	assert_int_equal(listener_open(&a, &second), ERR_OK);
	close(first);
	close(second);
}

static void
test_refusals(void **state)
{
	struct conf_address a = ipv4(INADDR_LOOPBACK, 0);
	int stranger = socket(AF_INET, SOCK_STREAM, 0), fd = -1;

	(void)state;
	assert_int_equal(bind(stranger, (struct sockaddr *)&a.sa, a.len), 0);
	assert_int_equal(listen(stranger, 1), 0);
	a = ipv4(INADDR_LOOPBACK, port_of(stranger));
	assert_int_equal(listener_open(&a, &fd), ERR_EXISTS);
	assert_int_equal(errno, EADDRINUSE);
	a = ipv4(0xc0000201, 0); /* 192.0.2.1 is nobody's */
	assert_int_equal(listener_open(&a, &fd), ERR_NOTFOUND);
	assert_int_equal(errno, EADDRNOTAVAIL);
	assert_int_equal(fd, -1);
	close(stranger);
}

/* The port may be some other program's with IPv4: then another one is tried. */
static void
test_ipv6_takes_ipv6_only(void **state)
{
	struct conf_address v6 = {.len = sizeof(struct sockaddr_in6)}, v4;
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
	bool both = false;

	(void)state;
	memcpy(&v6.sa, &sa, sizeof(sa));
	for (int i = 0; i < 20 && !both; i++) {
		int fd6, fd4;

		if (listener_open(&v6, &fd6) != ERR_OK)
			skip(); /* no IPv6 here */
		v4 = ipv4(INADDR_ANY, port_of(fd6));
		both = listener_open(&v4, &fd4) == ERR_OK;
		if (both)
			close(fd4);
		close(fd6);
	}
	assert_true(both);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_workers_share_a_port),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_ipv6_takes_ipv6_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
