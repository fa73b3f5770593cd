/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: one check of one server, and lookups of names. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/common/failure.h"
#include "daemon/common/loop.h"
#include "daemon/conf/conf.h"
#include "daemon/watch/health_inside.h"
#include "daemon/watch/resolver.h"
#include "tests/support/tmpserver.h"

static struct tmpserver server;
static struct conf_backend backend;
static struct target target;
static struct health health;
static uint32_t outcome;
static const char *answer; /* NULL: never one */
static char asked[1024];
static int expected; /* connections */

static void
serve(int fd)
{
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(asked) - 1 && !strstr(asked, "\r\n\r\n")) {
		n = recv(fd, asked + len, sizeof(asked) - 1 - len, 0);
		if (n <= 0)
			return;
		len += (size_t)n;
		asked[len] = '\0';
	}
	for (const char *p = answer; p && *p; p++)
		send(fd, p, 1, MSG_NOSIGNAL);
	if (!answer)
		recv(fd, asked, 1, 0);
}

static void
on_outcome(struct target *t, uint32_t failure)
{
	health_check_free(t->check);
	t->check = NULL;
	outcome = failure;
	loop_stop(health.loop);
}

static uint32_t
check(uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
	                         .sin_port = htons(port),
	                         .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct conf_server *s = &backend.servers[0];
	enum err err;

	memcpy(&s->address.sa, &sa, sizeof(sa));
	s->address.len = sizeof(sa);
	s->text = "app:80";
	target = (struct target){.backend = &backend, .server = s};
	memset(asked, 0, sizeof(asked));
	assert_int_equal(loop_new(&health.loop), ERR_OK);
	err = health_check_start(&health, &target, &s->address, on_outcome, &target.check);
	if (err) {
		assert_int_equal(err, ERR_UNREACHABLE);
		outcome = failure_of(FAILURE_CONNECT, errno);
	} else {
		loop_run(health.loop);
	}
	loop_free(health.loop);
	expected += port == server.port;
	while (atomic_load(&server.accepted) < expected || atomic_load(&server.open) > 0)
		sched_yield(); /* what the server's thread works with is the next check's */
	return outcome;
}

static int
setup(void **state)
{
	(void)state;
	backend = (struct conf_backend){.connect_timeout_ms = 5000, .server_count = 1};
	backend.check = (struct conf_check){.kind = CHECK_HTTP,
	                                    .method = "GET",
	                                    .path = "/healthz",
	                                    .expect_min = 200,
	                                    .expect_max = 399};
	answer = "";
	expected = 0;
	tmpserver_start(&server, serve);
	return bio_room_init(&health.room) != ERR_OK;
}

static int
teardown(void **state)
{
	(void)state;
	tmpserver_stop(&server);
	bio_room_done(&health.room);
	return 0;
}

static void
test_answers(void **state)
{
	static const struct {
		const char *answer;
		uint32_t failure;
	} rows[] = {
		{"HTTP/1.1 200 OK\r\n\r\n", 0},
		{"HTTP/1.0 399 \r\n\r\n", 0},
		{"HTTP/1.1 400 Bad\r\n\r\n", FAILURE_STATUS << 24 | 400},
		{"HTTP/1.1 199 \r\n\r\n", FAILURE_STATUS << 24 | 199},
		{"HTTP/1.1 503 Busy\r\n\r\n", FAILURE_STATUS << 24 | 503},
		{"HTTP/1.1 2000 OK", 0}, /* what follows three digits is not looked at */
		{"HTTP/1.1 20", FAILURE_LOST << 24},
		{"HTTP/1.1 020 OK\r\n", FAILURE_ANSWER << 24},
		{"HTTP/1.1 2x0 OK\r\n", FAILURE_ANSWER << 24},
		{"HTTP/2.0 200 OK\r\n", FAILURE_ANSWER << 24},
		{"220 mail.example\r\n", FAILURE_ANSWER << 24},
		{"\x15\x03\x01\x02\x02PADDINGPADDING", FAILURE_ANSWER << 24},
		{"", FAILURE_LOST << 24},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		answer = rows[i].answer;
		if (check(server.port) != rows[i].failure)
			fail_msg("\"%s\": %#x, not %#x", answer, outcome, rows[i].failure);
	}
}

static void
test_request(void **state)
{
	static const char request[] = "PROXY UNKNOWN\r\nHEAD /a?b HTTP/1.1\r\nHost: h.example\r\n";

	(void)state;
	answer = "HTTP/1.1 204 No\r\n\r\n";
	assert_int_equal(check(server.port), 0);
	assert_memory_equal(asked, "GET /healthz HTTP/1.1\r\nHost: app:80\r\n", 37);
	assert_non_null(strstr(asked, "\r\nConnection: close\r\n"));
	backend.send_proxy = 1;
	backend.check.method = "HEAD";
	backend.check.path = "/a?b";
	backend.check.host = "h.example";
	backend.check.expect_min = backend.check.expect_max = 204;
	assert_int_equal(check(server.port), 0);
	assert_memory_equal(asked, request, sizeof(request) - 1);
}

static void
test_connect(void **state)
{
	char why[FAILURE_TEXT_MAX];

	(void)state;
	backend.check.kind = CHECK_CONNECT;
	assert_int_equal(check(server.port), 0);
	assert_string_equal(failure_text(check(tmpserver_closed_port()), why),
	                    "cannot connect: Connection refused");
}

static void
expire(void *arg)
{
	(void)arg;
	health_check_expire(target.check, clock_mono_ms() + 5001);
}

/* A server that takes a connection and says nothing has its time, and no more. */
static void
test_silence(void **state)
{
	struct loop_timer *timer;

	(void)state;
	(void)check(server.port);
	memset(asked, 0, sizeof(asked));
	answer = NULL;
	assert_int_equal(loop_new(&health.loop), ERR_OK);
	target = (struct target){.backend = &backend, .server = &backend.servers[0]};
	assert_int_equal(health_check_start(&health, &target, &backend.servers[0].address,
	                                    on_outcome, &target.check),
	                 ERR_OK);
	health_check_expire(target.check, clock_mono_ms());
	assert_non_null(target.check);
	assert_int_equal(loop_timer(health.loop, expire, NULL, &timer), ERR_OK);
	loop_timer_start(timer, 100);
	loop_run(health.loop);
	loop_timer_free(timer);
	loop_free(health.loop);
	assert_int_equal(outcome, FAILURE_TIMEOUT << 24);
	assert_null(target.check);
}

/* ---- resolver ---------------------------------------------------------------------------------
 */

static sem_t answered;

static void
on_answer(void *arg)
{
	(void)arg;
	sem_post(&answered);
}

static void
test_lookups(void **state)
{
	static const char *const hosts[] = {"127.0.0.9", "127.0.0.10", "::1", "a..b"};
	struct resolver_answer got;
	struct resolver *resolver;
	unsigned seen = 0;

	(void)state;
	sem_init(&answered, 0, 0);
	assert_int_equal(resolver_new(on_answer, NULL, &resolver), ERR_OK);
	assert_false(resolver_next(resolver, &got));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(resolver_ask(resolver, hosts[i], i), ERR_OK);
	for (int i = 0; i < 4; i++) {
		sem_wait(&answered);
		assert_true(resolver_next(resolver, &got));
		seen |= 1u << got.number;
		assert_int_equal(got.error != 0, got.number == 3);
		assert_int_equal(got.count > 0, got.number != 3);
		if (got.number == 0) {
			const struct sockaddr_in *v4 = (const void *)&got.addresses[0].sa;

			assert_int_equal(got.count, 1);
			assert_int_equal(ntohl(v4->sin_addr.s_addr), 0x7f000009);
		}
		if (got.number == 2)
			assert_int_equal(got.addresses[0].sa.ss_family, AF_INET6);
	}
	assert_int_equal(seen, 15);
	assert_int_equal(resolver_ask(resolver, "127.0.0.1", 9), ERR_OK); /* nobody fetches it */
	resolver_free(resolver);
	sem_destroy(&answered);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_answers),
		CASE(test_request),
		CASE(test_connect),
		CASE(test_silence),
		cmocka_unit_test(test_lookups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
