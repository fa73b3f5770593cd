/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: row A6, PROXY headers at a real worker, and connections counted by client address. */
#include <arpa/inet.h>
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

#include "base/clock.h"
#include "daemon/common/network.h"
#include "daemon/front/conn.h"
#include "tests/support/tmpcert.h"
#include "tests/support/tmpclient.h"
#include "tests/support/tmpfront.h"
#include "tests/support/tmpserver.h"

#define BYTES(text) text, sizeof(text) - 1
#define SIGNATURE   "\r\n\r\n\0\r\nQUIT\n"
#define V2_HEADER   SIGNATURE "\x21\x11\0\x0c\xc0\x00\x02\x01\xcb\x00\x71\x07\x12\x34\x01\xbb"
#define V1_HEADER   "PROXY TCP4 192.0.2.1 203.0.113.7 4660 443\r\n"

enum { LATE_MS = 3000 };

static struct tmpfront front;
static struct tmpserver server;
static struct conf_backend *backend;
static struct network proxies[2];
static unsigned char seen[16 + 12]; /* the PROXY header that the backend got, but for its TLVs */

static void
serve_behind_proxy(int fd)
{
	unsigned char tlvs[512];
	size_t rest;

	assert_int_equal(recv(fd, seen, sizeof(seen), MSG_WAITALL), sizeof(seen));
	rest = (size_t)(seen[14] << 8 | seen[15]) - 12;
	assert_true(rest <= sizeof(tlvs));
	assert_int_equal(recv(fd, tlvs, rest, MSG_WAITALL), rest);
	seen[14] = 0; /* as in V2_HEADER, which has none */
	seen[15] = 12;
	tmpserver_echo(fd);
}

static int
setup(void **state)
{
	(void)state;
	tmpserver_start(&server, serve_behind_proxy);
	tmpfront_init(&front);
	backend = tmpfront_backend(&front, "echo", server.port);
	backend->send_proxy = 2;
	tmpcert_store(&front.store, &(struct tmpcert){.name = "a.example.org"});
	assert_int_equal(network_parse("192.0.2.0/24", &proxies[0]), ERR_OK);
	assert_int_equal(network_parse("127.0.0.0/8", &proxies[1]), ERR_OK);
	for (int i = 0; i < TMPFRONT_LISTENS; i++) {
		front.listens[i].proxies = proxies;
		front.listens[i].proxy_count = 2;
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tmpfront_done(&front);
	tmpserver_stop(&server);
	return 0;
}

/* A client behind a balancer that sends HEADER in pieces of SIZE bytes. */
static struct tmpclient
shake(const char *header, size_t len, size_t size)
{
	struct tmpclient c;

	tmpclient_prepare(&c, &(struct tmpclient_spec){.sni = "a.example.org"});
	c.fd = tmpserver_connect(front.ports[TMPFRONT_TLS]);
	for (size_t at = 0; at < len; at += size) {
		size_t n = len - at < size ? len - at : size;

		assert_int_equal(send(c.fd, header + at, n, MSG_NOSIGNAL), n);
	}
	SSL_set_fd(c.ssl, c.fd);
	c.connected = SSL_do_handshake(c.ssl) == 1;
	return c;
}

static void
check_echo(struct tmpclient *c)
{
	tmpclient_send(c, "hello", 5);
	tmpclient_expect(c, "hello", 5);
}

/* What the client's balancer said is what our backend hears. */
static void
check_passed_on(const char *header, size_t len, size_t size)
{
	struct tmpclient c = shake(header, len, size);

	assert_true(c.connected);
	memset(seen, 0, sizeof(seen));
	check_echo(&c);
	assert_memory_equal(seen, V2_HEADER, sizeof(seen));
	tmpclient_close(&c);
}

static void
test_both_versions_reach_the_backend(void **state)
{
	(void)state;
	tmpfront_run(&front);
	check_passed_on(BYTES(V1_HEADER), 1000);
	check_passed_on(BYTES(V2_HEADER), 1000);
	check_passed_on(BYTES(V1_HEADER), 1);
	check_passed_on(BYTES(V2_HEADER), 1);
	check_passed_on(BYTES(V2_HEADER), 15);
	assert_int_equal(tmpfront_count(&front, STATUS_PROXY_REFUSED), 0);
}

/* A health check, or a balancer that does not know: the connection's own addresses count. */
static void
check_own(const char *header, size_t len)
{
	struct tmpclient c = shake(header, len, len);
	struct sockaddr_in sa;
	socklen_t sa_len = sizeof(sa);

	assert_true(c.connected);
	check_echo(&c);
	assert_int_equal(getsockname(c.fd, (struct sockaddr *)&sa, &sa_len), 0);
	assert_memory_equal(seen + 16, &sa.sin_addr, 4);
	assert_memory_equal(seen + 24, &sa.sin_port, 2);
	tmpclient_close(&c);
}

static void
test_local_and_unknown(void **state)
{
	(void)state;
	tmpfront_run(&front);
	check_own(BYTES(SIGNATURE "\x20\0\0\0"));
	check_own(BYTES(SIGNATURE "\x21\0\0\3xyz"));
	check_own(BYTES("PROXY UNKNOWN\r\n"));
}

/* Closed, within much less than a time limit. */
static void
check_closed(const char *header, size_t len)
{
	int fd = tmpserver_connect(front.ports[TMPFRONT_TLS]);
	uint64_t refused = tmpfront_count(&front, STATUS_PROXY_REFUSED);
	int64_t start = clock_mono_ms();
	char byte;

	(void)!send(fd, header, len, MSG_NOSIGNAL);
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	assert_true(clock_mono_ms() - start < LATE_MS);
	close(fd);
	tmpfront_expect(&front, STATUS_PROXY_REFUSED, refused + 1);
}

static void
test_refusals(void **state)
{
	struct tmpclient c;

	(void)state;
	tmpfront_run(&front);
	check_closed(BYTES("GET / HTTP/1.1\r\n\r\n"));
	check_closed(BYTES("PROXY TCP4 1.2.3.4\r\n"));
	check_closed(BYTES(SIGNATURE "\x21\x11\0\4xxxx"));
	check_closed(BYTES(SIGNATURE "\x21\x11\xff\xff"));
	c = shake(NULL, 0, 1); /* missing */
	assert_false(c.connected);
	tmpclient_close(&c);
	c = shake(BYTES(V1_HEADER V2_HEADER), 1000); /* both: the second is no ClientHello */
	assert_false(c.connected);
	tmpclient_close(&c);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
}

static void
test_only_from_listed_networks(void **state)
{
	struct tmpclient c;

	(void)state;
	for (int i = 0; i < TMPFRONT_LISTENS; i++)
		front.listens[i].proxy_count = 1; /* without 127.0.0.0/8 */
	tmpfront_run(&front);
	/* This machine itself may connect, as the keeper does, but not speak for others. */
	check_closed(BYTES(V1_HEADER));
	check_closed(BYTES(V2_HEADER));
	c = shake(BYTES("PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n"), 1000);
	assert_true(c.connected);
	tmpclient_close(&c);
}

static void
test_forbidden_where_it_is_not_asked_for(void **state)
{
	struct tmpclient c;

	(void)state;
	front.listens[TMPFRONT_TLS].proxy_count = 0;
	tmpfront_run(&front);
	c = shake(BYTES(V1_HEADER), 1000);
	assert_false(c.connected);
	tmpclient_close(&c);
	c = shake(BYTES(V2_HEADER), 1000);
	assert_false(c.connected);
	tmpclient_close(&c);
	c = shake(NULL, 0, 1);
	assert_true(c.connected);
	tmpclient_close(&c);
}

static void
test_time_limit(void **state)
{
	static const char half[] = "PROXY TCP4 192.0.2.1";
	int silent, slow;
	char byte;

	(void)state;
	front.listens[TMPFRONT_TLS].handshake_timeout_ms = 300;
	tmpfront_run(&front);
	silent = tmpserver_connect(front.ports[TMPFRONT_TLS]);
	slow = tmpserver_connect(front.ports[TMPFRONT_TLS]);
	assert_int_equal(send(slow, half, sizeof(half) - 1, 0), sizeof(half) - 1);
	assert_int_equal(recv(silent, &byte, 1, 0), 0);
	assert_int_equal(recv(slow, &byte, 1, 0), 0);
	close(silent);
	close(slow);
	tmpfront_expect(&front, STATUS_TIMEOUTS, 2);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
}

/* The header has CONN_PROXY_MS, however long the handshake may take. */
static void
test_five_seconds_at_most(void **state)
{
	int64_t start = clock_mono_ms();
	char byte;
	int fd;

	(void)state;
	tmpfront_run(&front);
	fd = tmpserver_connect(front.ports[TMPFRONT_TLS]);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	assert_in_range(clock_mono_ms() - start, CONN_PROXY_MS - 100, CONN_PROXY_MS + LATE_MS);
	close(fd);
}

static void
test_http(void **state)
{
	static const char request[] = V1_HEADER "GET /x HTTP/1.1\r\nHost: a.example.org\r\n\r\n";
	char answer[13] = "";
	int fd;

	(void)state;
	tmpfront_run(&front);
	fd = tmpserver_connect(front.ports[TMPFRONT_HTTP]);
	assert_int_equal(send(fd, request, sizeof(request) - 1, 0), sizeof(request) - 1);
	assert_int_equal(recv(fd, answer, 12, MSG_WAITALL), 12);
	assert_string_equal(answer, "HTTP/1.1 301");
	close(fd);
}

/* The balancer's address has any number of connections, each client its share. */
static void
test_clients_are_counted_by_the_header(void **state)
{
	static const char other[] = "PROXY TCP4 192.0.2.2 203.0.113.7 4660 443\r\n";
	struct tmpclient a, b, c, d;

	(void)state;
	front.listens[TMPFRONT_TLS].max_per_address = 2;
	tmpfront_run(&front);
	a = shake(BYTES(V1_HEADER), 1000);
	b = shake(BYTES(V2_HEADER), 1000);
	c = shake(BYTES(V1_HEADER), 1000);
	d = shake(BYTES(other), 1000);
	assert_true(a.connected && b.connected && d.connected);
	assert_false(c.connected);
	assert_int_equal(tmpfront_count(&front, STATUS_REJECTED_ADDRESS), 1);
	tmpclient_close(&a);
	tmpclient_close(&c);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 2);
	c = shake(BYTES(V1_HEADER), 1000);
	assert_true(c.connected);
	tmpclient_close(&b);
	tmpclient_close(&c);
	tmpclient_close(&d);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_both_versions_reach_the_backend),
		CASE(test_local_and_unknown),
		CASE(test_refusals),
		CASE(test_only_from_listed_networks),
		CASE(test_forbidden_where_it_is_not_asked_for),
		CASE(test_time_limit),
		CASE(test_five_seconds_at_most),
		CASE(test_http),
		CASE(test_clients_are_counted_by_the_header),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tmpcert_done();
	return failed;
}
