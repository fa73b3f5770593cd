/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: when and how a real worker connects to a backend. */
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/tmpcert.h"
#include "tests/support/tmpclient.h"
#include "tests/support/tmpfront.h"
#include "tests/support/tmpserver.h"

static struct tmpfront front;
static struct tmpserver server;
static struct conf_backend *backend;
static char seen[256]; /* the first bytes that the backend got */

static size_t
read_all(int fd)
{
	size_t total = 0;
	ssize_t n;

	while ((n = recv(fd, seen + total, sizeof(seen) - total, 0)) > 0)
		total += (size_t)n;
	return total;
}

/* Answers only after the client's end. */
static void
serve_collect(int fd)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "got %zu", read_all(fd));

	send(fd, text, (size_t)n, MSG_NOSIGNAL);
}

static void
serve_greeting(int fd)
{
	send(fd, "220 hello", 9, MSG_NOSIGNAL);
	read_all(fd);
}

static void
start(tmpserver_fn *fn)
{
	tmpserver_start(&server, fn);
	tmpfront_init(&front);
	backend = tmpfront_backend(&front, "echo", server.port);
	tmpcert_store(&front.store, &(struct tmpcert){.name = "a.example.org"});
}

static int
teardown(void **state)
{
	(void)state;
	tmpfront_done(&front);
	tmpserver_stop(&server);
	return 0;
}

static struct tmpclient
shake(int version)
{
	struct tmpclient c;

	tmpclient_open(&c, &(struct tmpclient_spec){.port = front.ports[TMPFRONT_TLS],
	                                            .sni = "a.example.org",
	                                            .version = version});
	assert_true(c.connected);
	return c;
}

static void
test_bare_handshake_costs_the_backend_nothing(void **state)
{
	(void)state;
	start(tmpserver_echo);
	tmpfront_run(&front);
	for (int i = 0; i < 4; i++) {
		struct tmpclient c = shake(0);

		if (i < 2)
			SSL_shutdown(c.ssl);
		if (i == 1)
			assert_true(tmpclient_ended_cleanly(&c));
		tmpclient_close(&c);
	}
	tmpfront_expect(&front, STATUS_HANDSHAKES, 4);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
	assert_int_equal(atomic_load(&server.accepted), 0);
}

static void
test_connect_immediately(void **state)
{
	struct tmpclient c;

	(void)state;
	start(serve_greeting);
	backend->connect_immediately = true;
	tmpfront_run(&front);
	c = shake(0);
	tmpclient_expect(&c, "220 hello", 9);
	tmpclient_close(&c);
}

static void
test_proxy_header(void **state)
{
	static const char tlvs[] = "\x02\x00\x0d"
				   "a.example.org"
				   "\x20\x00\x28\x01\x00\x00\x00\x01"
				   "\x21\x00\x07TLSv1.3";
	struct tmpclient c;
	char expected[32];

	(void)state;
	start(serve_collect);
	backend->send_proxy = 2;
	tmpfront_run(&front);
	c = shake(TLS1_3_VERSION);
	tmpclient_send(&c, "data", 4);
	SSL_shutdown(c.ssl);
	snprintf(expected, sizeof(expected), "got %d", 28 + 16 + 3 + 40 + 4);
	tmpclient_expect(&c, expected, strlen(expected));
	assert_memory_equal(seen, "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x47\x7f\0\0\1\x7f\0\0\1", 24);
	assert_int_equal((unsigned char)seen[26] << 8 | (unsigned char)seen[27],
	                 front.ports[TMPFRONT_TLS]);
	assert_memory_equal(seen + 28, tlvs, sizeof(tlvs) - 1);
	assert_memory_equal(seen + 28 + 16 + 18, "\x23\x00\x16TLS_AES_128_GCM_SHA256", 25);
	assert_memory_equal(seen + 28 + 16 + 43, "data", 4);
	tmpclient_close(&c);
}

static void
test_proxy_line(void **state)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);
	struct tmpclient c;
	char line[64];

	(void)state;
	start(serve_collect);
	backend->send_proxy = 1;
	tmpfront_run(&front);
	c = shake(0);
	assert_int_equal(getsockname(c.fd, (struct sockaddr *)&sa, &len), 0);
	snprintf(line, sizeof(line), "PROXY TCP4 127.0.0.1 127.0.0.1 %u %u\r\ndata",
	         ntohs(sa.sin_port), front.ports[TMPFRONT_TLS]);
	tmpclient_send(&c, "data", 4);
	SSL_shutdown(c.ssl);
	tmpclient_expect(&c, "got ", 4);
	assert_memory_equal(seen, line, strlen(line));
	tmpclient_close(&c);
}

static void
test_backend_down(void **state)
{
	struct tmpclient c;

	(void)state;
	start(tmpserver_echo);
	tmpfront_backend(&front, "down", tmpserver_closed_port());
	tmpcert_store(&front.store, &(struct tmpcert){.name = "a.example.org", .backend = "down"});
	tmpfront_run(&front);
	c = shake(0);
	tmpclient_send(&c, "x", 1);
	assert_true(tmpclient_ended_cleanly(&c));
	tmpclient_close(&c);
	tmpfront_expect(&front, STATUS_BACKEND_FAILED, 1);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
}

static void
test_second_server_takes_over(void **state)
{
	struct tmpclient c;

	(void)state;
	start(tmpserver_echo);
	backend->server_count = 0;
	tmpfront_server(backend, tmpserver_closed_port());
	tmpfront_server(backend, server.port);
	tmpfront_run(&front);
	c = shake(0);
	tmpclient_send(&c, "hello", 5);
	tmpclient_expect(&c, "hello", 5);
	tmpclient_close(&c);
	assert_int_equal(tmpfront_count(&front, STATUS_BACKEND_FAILED), 1);
	assert_int_equal(tmpfront_count(&front, STATUS_BACKEND_CONNECTS), 1);
}

/* A server whose queue is full answers no SYN; its time is over, the next one's begins. */
static void
test_connect_timeout(void **state)
{
	struct conf_backend *b;
	struct tmpclient c;
	int full = socket(AF_INET, SOCK_STREAM, 0), waiting[4];
	socklen_t len = sizeof(struct sockaddr_in);

	(void)state;
	start(tmpserver_echo);
	b = tmpfront_backend(&front, "full", 0);
	assert_int_equal(bind(full, (struct sockaddr *)&b->servers[0].address.sa, len), 0);
	assert_int_equal(listen(full, 0), 0);
	getsockname(full, (struct sockaddr *)&b->servers[0].address.sa, &len);
	for (int i = 0; i < 4; i++) {
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(waiting[i], (struct sockaddr *)&b->servers[0].address.sa, len);
	}
	tmpfront_server(b, server.port);
	b->connect_timeout_ms = 300;
	tmpcert_store(&front.store, &(struct tmpcert){.name = "a.example.org", .backend = "full"});
	tmpfront_run(&front);
	c = shake(0);
	tmpclient_send(&c, "hello", 5);
	tmpclient_expect(&c, "hello", 5);
	tmpclient_close(&c);
	assert_int_equal(tmpfront_count(&front, STATUS_BACKEND_FAILED), 1);
	for (int i = 0; i < 4; i++)
		close(waiting[i]);
	close(full);
}

static void
test_unknown_backend(void **state)
{
	struct tmpclient c;

	(void)state;
	start(tmpserver_echo);
	tmpcert_store(&front.store, &(struct tmpcert){.name = "a.example.org", .backend = "gone"});
	tmpfront_run(&front);
	c = shake(0);
	assert_true(tmpclient_ended_cleanly(&c));
	tmpclient_close(&c);
	tmpfront_expect(&front, STATUS_BACKEND_UNKNOWN, 1);
}

#define CASE(test) cmocka_unit_test_teardown(test, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_bare_handshake_costs_the_backend_nothing),
		CASE(test_connect_immediately),
		CASE(test_proxy_header),
		CASE(test_proxy_line),
		CASE(test_backend_down),
		CASE(test_second_server_takes_over),
		CASE(test_connect_timeout),
		CASE(test_unknown_backend),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tmpcert_done();
	return failed;
}
