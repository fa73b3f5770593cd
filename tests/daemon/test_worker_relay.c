/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: bytes between real clients and backends through a real worker. */
#include <errno.h>
#include <openssl/ssl.h>
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

#include "tests/support/tmpcert.h"
#include "tests/support/tmpclient.h"
#include "tests/support/tmpfront.h"
#include "tests/support/tmpserver.h"

enum { BIG = 32 * 1024 * 1024, CHUNK = 64 * 1024, RSS_GROWTH_MAX = 8 * 1024 * 1024 };

static struct tmpfront front;
static struct tmpserver server;
static struct conf_backend *backend;
static char pattern[CHUNK];

/* What the backend saw last. */
static atomic_int seen_bytes, seen_end; /* recv()'s last result: 0 or -errno */

static int
read_all(int fd)
{
	static _Thread_local char bytes[CHUNK];
	ssize_t n;
	int total = 0;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		total += (int)n;
	atomic_store(&seen_bytes, total);
	atomic_store(&seen_end, n == 0 ? 0 : -errno);
	return total;
}

/* Answers only after the client's end. */
static void
serve_collect(int fd)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "got %d", read_all(fd));

	send(fd, text, (size_t)n, MSG_NOSIGNAL);
}

/* Says goodbye at once and then listens. */
static void
serve_goodbye(int fd)
{
	char byte;

	if (recv(fd, &byte, 1, 0) != 1)
		return;
	send(fd, "bye", 3, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	read_all(fd);
}

static void
serve_source(int fd)
{
	char byte;

	if (recv(fd, &byte, 1, 0) != 1)
		return;
	for (size_t at = 0; at < BIG;) {
		ssize_t n = send(fd, pattern + at % CHUNK, CHUNK - at % CHUNK, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		at += (size_t)n;
	}
}

static void
start(tmpserver_fn *fn)
{
	atomic_store(&seen_bytes, -1);
	atomic_store(&seen_end, 1);
	for (size_t i = 0; i < CHUNK; i++)
		pattern[i] = (char)(i * 31 + i / 256);
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
wait_for_end(void)
{
	for (int i = 0; i < 500 && atomic_load(&seen_bytes) < 0; i++)
		usleep(10 * 1000);
}

static void
test_echo(void **state)
{
	(void)state;
	start(tmpserver_echo);
	tmpfront_run(&front);
	for (int i = 0; i < 2; i++) {
		struct tmpclient c = shake(i ? TLS1_2_VERSION : TLS1_3_VERSION);

		for (size_t n = 1; n <= CHUNK; n *= 4) {
			tmpclient_send(&c, pattern, n);
			tmpclient_expect(&c, pattern, n);
		}
		assert_int_equal(SSL_shutdown(c.ssl), 0);
		assert_true(tmpclient_ended_cleanly(&c));
		tmpclient_close(&c);
	}
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
	assert_int_equal(tmpfront_count(&front, STATUS_BYTES_IN),
	                 tmpfront_count(&front, STATUS_BYTES_OUT));
	assert_int_equal(tmpfront_count(&front, STATUS_BACKEND_CONNECTS), 2);
	assert_int_equal(tmpfront_count(&front, STATUS_HANDSHAKES), 2);
}

static void
test_client_closes_its_half_first(void **state)
{
	(void)state;
	start(serve_collect);
	tmpfront_run(&front);
	for (int i = 0; i < 2; i++) {
		struct tmpclient c = shake(i ? TLS1_2_VERSION : TLS1_3_VERSION);

		tmpclient_send(&c, "question", 8);
		assert_int_equal(SSL_shutdown(c.ssl), 0);
		tmpclient_expect(&c, "got 8", 5);
		assert_true(tmpclient_ended_cleanly(&c));
		tmpclient_close(&c);
		assert_int_equal(atomic_load(&seen_end), 0);
	}
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
}

static void
test_backend_closes_its_half_first(void **state)
{
	(void)state;
	start(serve_goodbye);
	tmpfront_run(&front);
	for (int i = 0; i < 2; i++) {
		struct tmpclient c = shake(i ? TLS1_2_VERSION : TLS1_3_VERSION);

		atomic_store(&seen_bytes, -1);
		tmpclient_send(&c, "x", 1);
		tmpclient_expect(&c, "bye", 3);
		assert_true(tmpclient_ended_cleanly(&c));
		tmpclient_send(&c, pattern, CHUNK); /* our half is still open */
		SSL_shutdown(c.ssl);
		wait_for_end();
		assert_int_equal(atomic_load(&seen_bytes), CHUNK);
		assert_int_equal(atomic_load(&seen_end), 0);
		tmpclient_close(&c);
	}
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
}

static void
test_backend_reset_is_no_clean_end(void **state)
{
	struct tmpclient c;

	(void)state;
	start(tmpserver_reset);
	tmpfront_run(&front);
	c = shake(0);
	tmpclient_send(&c, "x", 1);
	tmpclient_expect(&c, "partial", 7); /* what came before is passed on */
	assert_false(tmpclient_ended_cleanly(&c));
	tmpclient_close(&c);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
}

/* A truncated upload must not look complete. */
static void
test_client_truncation_is_no_clean_end(void **state)
{
	struct tmpclient c;

	(void)state;
	start(serve_collect);
	tmpfront_run(&front);
	c = shake(0);
	tmpclient_send(&c, "half a fi", 9);
	usleep(50 * 1000);
	close(c.fd);
	c.fd = -1;
	wait_for_end();
	assert_int_equal(atomic_load(&seen_end), -ECONNRESET);
	tmpclient_close(&c);
}

/* Sanitizers keep what was freed, so there this tells nothing. */
static size_t
rss(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return 0;
#else
	FILE *f = fopen("/proc/self/statm", "r");
	size_t total = 0, resident = 0;

	assert_int_equal(fscanf(f, "%zu %zu", &total, &resident), 2);
	fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
#endif
}

static void
test_slow_reader(void **state)
{
	struct tmpclient c;
	size_t before;

	(void)state;
	start(serve_source);
	tmpfront_run(&front);
	c = shake(0);
	before = rss();
	tmpclient_send(&c, "x", 1);
	usleep(500 * 1000); /* everything that can fill up is full */
	assert_true(tmpfront_count(&front, STATUS_BYTES_OUT) < BIG);
	for (size_t at = 0; at < BIG; at += CHUNK) {
		tmpclient_expect(&c, pattern, CHUNK);
		if (at % (BIG / 8) == 0)
			usleep(20 * 1000);
	}
	assert_true(rss() <= before + RSS_GROWTH_MAX);
	assert_true(tmpclient_ended_cleanly(&c));
	SSL_shutdown(c.ssl);
	tmpclient_close(&c);
	tmpfront_expect(&front, STATUS_CONNECTIONS, 0);
	assert_int_equal(tmpfront_count(&front, STATUS_BYTES_OUT), BIG);
}

/* Both directions busy: the client runs ahead of the echo by what the way there surely takes. */
static void
test_both_ways_at_once(void **state)
{
	struct tmpclient c;
	size_t sent = 0, got = 0;

	(void)state;
	start(tmpserver_echo);
	tmpfront_run(&front);
	c = shake(0);
	while (got < BIG) {
		while (sent < BIG && sent < got + 4 * CHUNK) {
			tmpclient_send(&c, pattern, CHUNK);
			sent += CHUNK;
		}
		tmpclient_expect(&c, pattern, CHUNK);
		got += CHUNK;
	}
	SSL_shutdown(c.ssl);
	assert_true(tmpclient_ended_cleanly(&c));
	tmpclient_close(&c);
}

static void
test_key_update(void **state)
{
	struct tmpclient c;

	(void)state;
	start(tmpserver_echo);
	tmpfront_run(&front);
	c = shake(TLS1_3_VERSION);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		tmpclient_send(&c, pattern, 1000);
		tmpclient_expect(&c, pattern, 1000);
	}
	tmpclient_close(&c);
}

#define CASE(test) cmocka_unit_test_teardown(test, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_echo),
		CASE(test_client_closes_its_half_first),
		CASE(test_backend_closes_its_half_first),
		CASE(test_backend_reset_is_no_clean_end),
		CASE(test_client_truncation_is_no_clean_end),
		CASE(test_slow_reader),
		CASE(test_both_ways_at_once),
		CASE(test_key_update),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tmpcert_done();
	return failed;
}
