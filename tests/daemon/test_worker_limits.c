/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: time limits, counts, shortage, draining and odd hellos, at a real worker. */
#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/role.h"
#include "tests/support/tmpcert.h"
#include "tests/support/tmpclient.h"
#include "tests/support/tmpfront.h"
#include "tests/support/tmpserver.h"

enum { RECORD_HEADER = 5, SHORT_MS = 300, LATE_MS = 3000 };

static struct tmpfront front;
static struct tmpserver echo;

static int
setup(void **state)
{
	(void)state;
	tmpserver_start(&echo, tmpserver_echo);
	tmpfront_init(&front);
	tmpfront_backend(&front, "echo", echo.port);
	tmpcert_store(&front.store, &(struct tmpcert){.name = "a.example.org"});
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tmpfront_done(&front);
	tmpserver_stop(&echo);
	return 0;
}

static struct tmpclient
shake(void)
{
	struct tmpclient c;

	tmpclient_open(&c, &(struct tmpclient_spec){.port = front.ports[TMPFRONT_TLS],
	                                            .sni = "a.example.org"});
	return c;
}

static void
check_echo(struct tmpclient *c)
{
	tmpclient_send(c, "hello", 5);
	tmpclient_expect(c, "hello", 5);
}

/* Milliseconds until the other side closes FD; fails when it does not. */
static int64_t
closed_after(int fd)
{
	int64_t start = clock_mono_ms();
	char bytes[256];

	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		continue;
	assert_true(clock_mono_ms() - start < LATE_MS);
	return clock_mono_ms() - start;
}

static void
test_handshake_timeout(void **state)
{
	int silent, slow;

	(void)state;
	front.listens[TMPFRONT_TLS].handshake_timeout_ms = SHORT_MS;
	tmpfront_run(&front);
	silent = tmpserver_connect(front.ports[TMPFRONT_TLS]);
	assert_true(closed_after(silent) >= SHORT_MS - 50);
	slow = tmpserver_connect(front.ports[TMPFRONT_TLS]);
	assert_int_equal(send(slow, "\x16\x03\x01\x02", 4, 0), 4);
	closed_after(slow);
	tmpfront_expect(&front, STATUS_TIMEOUTS, 2);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
	close(silent);
	close(slow);
}

static void
test_idle_timeout(void **state)
{
	struct tmpclient before, during;

	(void)state;
	front.listens[TMPFRONT_TLS].idle_timeout_ms = SHORT_MS;
	tmpfront_run(&front);
	before = shake(); /* no byte ever */
	during = shake();
	for (int i = 0; i < 5; i++) { /* each byte gives new time */
		check_echo(&during);
		usleep(SHORT_MS / 2 * 1000);
	}
	assert_int_equal(tmpfront_count(&front, STATUS_BACKEND_CONNECTS), 1);
	closed_after(during.fd);
	closed_after(before.fd);
	tmpclient_close(&before);
	tmpclient_close(&during);
	tmpfront_expect(&front, STATUS_TIMEOUTS, 2);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
}

static void
test_connection_limit(void **state)
{
	struct tmpclient a, b, c;

	(void)state;
	front.listens[TMPFRONT_TLS].max_connections = 2;
	tmpfront_run(&front);
	a = shake();
	b = shake();
	c = shake();
	assert_true(a.connected && b.connected && !c.connected);
	assert_int_equal(tmpfront_count(&front, STATUS_REJECTED_LIMIT), 1);
	tmpclient_close(&a);
	tmpclient_close(&c);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 1);
	c = shake();
	assert_true(c.connected);
	check_echo(&b);
	tmpclient_close(&b);
	tmpclient_close(&c);
}

/* F18: without descriptors accepting pauses, does not spin, and recovers. The clients' sockets are
 * there before the limit falls below them, so that only accept() lacks one. */
static void
test_row_F18_out_of_descriptors(void **state)
{
	struct rlimit old, low;
	struct tmpclient c;
	uint64_t pauses;
	int fd;

	(void)state;
	tmpfront_run(&front);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){3, old.rlim_max}; /* below the lowest that is free */
	c = shake();
	assert_true(c.connected);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	tmpserver_reach(fd, front.ports[TMPFRONT_TLS]);
	usleep(450 * 1000);
	pauses = tmpfront_count(&front, STATUS_ACCEPT_PAUSES);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_in_range(pauses, 3, 6);
	tmpfront_expect(&front, STATUS_ACCEPTED, 2); /* it had waited in the queue */
	check_echo(&c);                              /* and the others never noticed */
	tmpclient_close(&c);
	close(fd);
}

static void
test_drain_lets_connections_finish(void **state)
{
	struct tmpclient c;

	(void)state;
	tmpfront_run(&front);
	c = shake();
	check_echo(&c);
	tmpfront_tell(&front, ROLE_DRAIN);
	usleep(100 * 1000);
	for (int i = 0; i < 10; i++)
		check_echo(&c);
	SSL_shutdown(c.ssl);
	assert_true(tmpclient_ended_cleanly(&c));
	tmpclient_close(&c);
	tmpfront_join(&front);
}

static void
test_drain_without_connections(void **state)
{
	(void)state;
	tmpfront_run(&front);
	tmpfront_tell(&front, ROLE_DRAIN);
	tmpfront_join(&front);
}

static void
test_end_of_the_channel_ends_the_worker(void **state)
{
	struct tmpclient c;

	(void)state;
	tmpfront_run(&front);
	c = shake();
	check_echo(&c);
	shutdown(front.channel, SHUT_RDWR);
	tmpfront_join(&front);
	assert_false(tmpclient_ended_cleanly(&c)); /* cut, not finished */
	tmpclient_close(&c);
}

/* A successor on the same sockets takes what the drained worker does not. */
static void
test_successor(void **state)
{
	struct tmpclient c;

	(void)state;
	tmpfront_run(&front);
	tmpfront_tell(&front, ROLE_DRAIN);
	tmpfront_join(&front);
	tmpfront_run(&front);
	c = shake();
	assert_true(c.connected);
	check_echo(&c);
	tmpclient_close(&c);
}

/* The client's first flight cut into records of SIZE bytes, sent in one go each. */
static void
send_in_records(struct tmpclient *c, const unsigned char *flight, size_t len, size_t size)
{
	for (size_t at = RECORD_HEADER; at < len; at += size) {
		size_t n = len - at < size ? len - at : size;
		unsigned char record[RECORD_HEADER + 512] = {0x16, 3, 1, 0, (unsigned char)n};

		memcpy(record + RECORD_HEADER, flight + at, n);
		assert_true(send(c->fd, record, RECORD_HEADER + n, MSG_NOSIGNAL) > 0);
	}
}

/* The hello is caught in memory, sent in pieces, and the rest of the handshake goes over the
 * socket: until then the client reads from memory too, where there is nothing. */
static void
check_fragmented(size_t size)
{
	struct tmpclient c;
	char *flight;
	long len;

	tmpclient_prepare(&c, &(struct tmpclient_spec){.sni = "a.example.org"});
	SSL_set_bio(c.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	assert_int_equal(SSL_do_handshake(c.ssl), -1);
	len = BIO_get_mem_data(SSL_get_wbio(c.ssl), &flight);
	assert_true(len > RECORD_HEADER);
	c.fd = tmpserver_connect(front.ports[TMPFRONT_TLS]);
	send_in_records(&c, (unsigned char *)flight, (size_t)len, size);
	SSL_set_bio(c.ssl, BIO_new_socket(c.fd, BIO_NOCLOSE), BIO_new_socket(c.fd, BIO_NOCLOSE));
	assert_int_equal(SSL_do_handshake(c.ssl), 1);
	check_echo(&c);
	tmpclient_close(&c);
}

static void
test_hello_in_small_records(void **state)
{
	(void)state;
	tmpfront_run(&front);
	check_fragmented(1);
	check_fragmented(100);
}

/* A2: longer than 16 KiB. */
static void
test_hello_too_long(void **state)
{
	char alpn[18001];
	struct tmpclient c;

	(void)state;
	for (size_t i = 0; i < sizeof(alpn) - 1; i++)
		alpn[i] = i % 10 ? 'x' : 9;
	alpn[sizeof(alpn) - 1] = '\0';
	tmpfront_run(&front);
	tmpclient_open(&c, &(struct tmpclient_spec){.port = front.ports[TMPFRONT_TLS],
	                                            .sni = "a.example.org",
	                                            .alpn = alpn});
	assert_false(c.connected);
	assert_int_equal(c.alert, SSL_AD_DECODE_ERROR);
	tmpclient_close(&c);
	tmpfront_expect(&front, STATUS_HELLO_MALFORMED, 1);
}

static void
test_not_tls(void **state)
{
	int fd;

	(void)state;
	tmpfront_run(&front);
	fd = tmpserver_connect(front.ports[TMPFRONT_TLS]);
	assert_true(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, 0) > 0);
	closed_after(fd);
	close(fd);
	tmpfront_expect(&front, STATUS_HANDSHAKES_FAILED, 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_handshake_timeout),
		CASE(test_idle_timeout),
		CASE(test_connection_limit),
		CASE(test_row_F18_out_of_descriptors),
		CASE(test_drain_lets_connections_finish),
		CASE(test_drain_without_connections),
		CASE(test_end_of_the_channel_ends_the_worker),
		CASE(test_successor),
		CASE(test_hello_in_small_records),
		CASE(test_hello_too_long),
		CASE(test_not_tls),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tmpcert_done();
	return failed;
}
