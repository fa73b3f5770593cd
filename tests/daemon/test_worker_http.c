/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: port 80 of a real worker. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/challenge.h"
#include "tests/support/tmpfront.h"
#include "tests/support/tmpserver.h"

#define TOKEN "0123456789abcdefghijkl"

enum { SHORT_MS = 300, BIG = 70000 };

static struct tmpfront front;

static int
setup(void **state)
{
	(void)state;
	tmpfront_init(&front);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tmpfront_done(&front);
	return 0;
}

static void
check_http(const char *request, size_t piece, const char *expected)
{
	int fd = tmpserver_connect(front.ports[TMPFRONT_HTTP]);
	char reply[4096] = "";
	size_t len = 0;
	ssize_t n;

	for (size_t at = 0; at < strlen(request); at += piece) {
		size_t left = strlen(request) - at;

		if (send(fd, request + at, left < piece ? left : piece, MSG_NOSIGNAL) < 0)
			break;
	}
	while ((n = recv(fd, reply + len, sizeof(reply) - 1 - len, 0)) > 0)
		len += (size_t)n;
	assert_int_equal(n, 0);
	if (!strstr(reply, expected))
		fail_msg("%s is not in: %s", expected, reply);
	close(fd);
}

static void
test_http(void **state)
{
	struct challenge c = {.kind = CHALLENGE_HTTP_01,
	                      .name = tmpstore_name("new.example.com"),
	                      .token = TOKEN,
	                      .keyauth = TOKEN ".print",
	                      .created_at = clock_wall()};
	struct store_txn *txn = tmpstore_write(&front.store, STORE_SERVED);
	char *big = malloc(BIG);

	(void)state;
	assert_int_equal(challenge_put(txn, &c), ERR_OK);
	tmpstore_commit(txn);
	tmpfront_run(&front);
	check_http("GET /.well-known/acme-challenge/" TOKEN
	           " HTTP/1.1\r\nHost: new.example.com\r\n\r\n",
	           1000, "\r\n\r\n" TOKEN ".print");
	check_http("GET /a?b HTTP/1.1\r\nHost: new.example.com\r\n\r\n", 1,
	           "301 Moved Permanently\r\nLocation: https://new.example.com/a?b\r\n");
	check_http("POST / HTTP/1.1\r\nHost: new.example.com\r\nContent-Length: 4\r\n\r\nbody",
	           1000, "HTTP/1.1 308 ");
	check_http("\x16\x03\x01\r\n\r\n", 1000, "HTTP/1.1 400 ");
	memset(big, 'x', BIG - 1);
	memcpy(big, "GET /", 5);
	big[BIG - 1] = '\0';
	check_http(big, BIG, "HTTP/1.1 431 ");
	tmpfront_expect(&front, STATUS_HTTP_REQUESTS, 5);
	tmpfront_expect(&front, STATUS_CHALLENGES_SERVED, 1);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
	free(big);
}

static void
test_http_timeout(void **state)
{
	char byte;
	int fd;

	(void)state;
	front.listens[TMPFRONT_HTTP].handshake_timeout_ms = SHORT_MS;
	tmpfront_run(&front);
	fd = tmpserver_connect(front.ports[TMPFRONT_HTTP]);
	assert_int_equal(send(fd, "GET / HTTP/1.1\r\n", 16, 0), 16);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
	tmpfront_expect(&front, STATUS_TIMEOUTS, 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_http),
		CASE(test_http_timeout),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
