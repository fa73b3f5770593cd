/* SPDX-License-Identifier: Apache-2.0 */
/* The transport against a real HTTPS server of ours on loopback. */
#include "acme/transport.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/support/tmphttps.h"
#include "tests/support/tmpserver.h"

enum { NOW = 1445412480 }; /* Wed, 21 Oct 2015 07:28:00 GMT; only our clock, not OpenSSL's */

#define OK    "HTTP/1.1 200 OK\r\nConnection: close\r\n"
#define K64   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define K1024 K64 K64 K64 K64 K64 K64 K64 K64 K64 K64 K64 K64 K64 K64 K64 K64
#define H16K                                                                                       \
	"X-1: " K1024 K1024 K1024 K1024 "\r\nX-2: " K1024 K1024 K1024 K1024                        \
	"\r\nX-3: " K1024 K1024 K1024 K1024 "\r\nX-4: " K1024 K1024 K1024 K1024 "\r\n"

static const struct tmphttps_page pages[] = {
	{.path = "/plain", .head = OK "Content-Length: 5\r\n", .body = "hello"},
	{.path = "/acme/x",
         .head = "HTTP/1.1 201 Created\r\nConnection: close\r\nReplay-Nonce: abc-_9\r\n"
                 "LOCATION: ../order/1\r\nRetry-after: 7\r\n"
                 "Link: <%s/dir>;rel=\"index\", </a?x=1>; title=\"a, b\"; rel=alternate\r\n"
                 "link: <b>;rel=\"alternate\"\r\nLink: <http://plain.example/>;rel=up\r\n"},
	{.path = "/nonce", .head = OK "Replay-Nonce: not base64url\r\nRetry-After: -1\r\n"},
	{.path = "/date", .head = OK "Retry-After: Wed, 21 Oct 2015 07:28:09 GMT\r\n"},
	{.path = "/away",
         .head = "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: %s/plain\r\n"},
	{.path = "/downgrade",
         .head = "HTTP/1.1 301 Moved\r\nConnection: close\r\nLocation: http://localhost/x\r\n"},
	{.path = "/fits", .head = OK, .body = K1024, .repeat = 1024},
	{.path = "/huge", .head = OK, .body = K1024, .repeat = 1025},
	{.path = "/endless",
         .head = OK "Content-Length: 100000000\r\n",
         .body = K1024,
         .repeat = 100000},
	{.path = "/headers", .head = OK H16K H16K H16K H16K H16K},
	{.path = "/cut", .head = OK "Content-Length: 10\r\n", .body = "five!"},
	{.path = "/zipped", .head = OK "Content-Encoding: gzip\r\n", .body = "not unpacked"},
	{.path = "/garbage", .head = "no HTTP at all\r\n"},
	{.path = "/slow", .head = OK, .body = "slow", .delay_ms = 300},
	{.path = "/once-more",
         .head = "HTTP/1.1 103 Early Hints\r\nReplay-Nonce: early\r\n\r\n" OK
                 "Replay-Nonce: late\r\n"},
};

static struct tmphttps server;
static struct transport *transport;

static int
begin(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	unsetenv("https_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("ALL_PROXY");
	tmphttps_start(&server, "localhost", pages, sizeof(pages) / sizeof(pages[0]));
	return transport_new("certd/0 (test)", &transport);
}

static int
end(void **state)
{
	(void)state;
	transport_free(transport);
	tmphttps_stop(&server);
	return 0;
}

/* What came, copied out of the callback. */
struct heard {
	unsigned calls;
	struct transport_reply reply;
};

static void
on_reply(void *arg, struct transport_reply *reply)
{
	struct heard *h = arg;
	struct buf body = {0};

	h->calls++;
	buf_add(&body, reply->body.data, reply->body.len);
	h->reply = *reply;
	h->reply.body = body;
}

static void
run_until(const unsigned *calls, unsigned count)
{
	int64_t until = clock_mono_ms() + 20000;

	while (*calls < count) {
		assert_true(clock_mono_ms() < until);
		assert_int_equal(transport_run(transport, 1000), ERR_OK);
	}
}

static struct heard *
ask_url(const char *method, const char *url, const char *ca_file, const char *body)
{
	struct heard *h = calloc(1, sizeof(*h));
	struct transport_request request = {.method = method,
	                                    .url = url,
	                                    .ca_file = ca_file,
	                                    .body = body,
	                                    .len = body ? strlen(body) : 0};

	assert_int_equal(transport_submit(transport, &request, on_reply, h), ERR_OK);
	assert_int_equal(h->calls, 0);
	run_until(&h->calls, 1);
	return h;
}

static struct heard *
ask(const char *method, const char *path, const char *body)
{
	char url[200];

	snprintf(url, sizeof(url), "%s%s", server.base, path);
	return ask_url(method, url, server.ca_file, body);
}

static void
drop(struct heard *h)
{
	assert_int_equal(h->calls, 1);
	buf_done(&h->reply.body);
	free(h);
}

static void
bodies_arrive(void **state)
{
	struct heard *h = ask("GET", "/plain", NULL);

	(void)state;
	assert_int_equal(h->reply.err, ERR_OK);
	assert_int_equal(h->reply.status, 200);
	assert_int_equal(h->reply.body.len, 5);
	assert_memory_equal(h->reply.body.data, "hello", 5);
	assert_int_equal(h->reply.retry_after_ms, -1);
	assert_string_equal(h->reply.nonce, "");
	assert_string_equal(h->reply.location, "");
	assert_int_equal(h->reply.link_count, 0);
	assert_non_null(strstr(server.last, "User-Agent: certd/0 (test)\r\n"));
	assert_null(strcasestr(server.last, "Accept-Encoding"));
	drop(h);
}

static void
posts_carry_their_type(void **state)
{
	struct heard *h = ask("POST", "/plain", "{\"a\":1}");

	(void)state;
	assert_int_equal(h->reply.status, 200);
	assert_int_equal(strncmp(server.last, "POST /plain HTTP/1.1\r\n", 22), 0);
	assert_non_null(strstr(server.last, "Content-Type: application/jose+json\r\n"));
	assert_non_null(strstr(server.last, "\r\n\r\n{\"a\":1}"));
	drop(h);
	h = ask("HEAD", "/nonce", NULL);
	assert_int_equal(strncmp(server.last, "HEAD /nonce ", 12), 0);
	drop(h);
}

static void
headers_are_understood(void **state)
{
	struct heard *h = ask("GET", "/acme/x", NULL);
	char url[200];

	(void)state;
	assert_int_equal(h->reply.status, 201);
	assert_string_equal(h->reply.nonce, "abc-_9");
	assert_int_equal(h->reply.retry_after_ms, 7000);
	snprintf(url, sizeof(url), "%s/order/1", server.base);
	assert_string_equal(h->reply.location, url);
	assert_int_equal(h->reply.link_count, 3); /* the one over http is left out */
	assert_string_equal(h->reply.links[0].rel, "index");
	snprintf(url, sizeof(url), "%s/dir", server.base);
	assert_string_equal(h->reply.links[0].url, url);
	assert_string_equal(h->reply.links[1].rel, "alternate");
	snprintf(url, sizeof(url), "%s/a?x=1", server.base);
	assert_string_equal(h->reply.links[1].url, url);
	snprintf(url, sizeof(url), "%s/acme/b", server.base);
	assert_string_equal(h->reply.links[2].url, url);
	drop(h);
	h = ask("GET", "/nonce", NULL);
	assert_string_equal(h->reply.nonce, "");
	assert_int_equal(h->reply.retry_after_ms, -1);
	drop(h);
	h = ask("GET", "/once-more", NULL);
	assert_int_equal(h->reply.status, 200);
	assert_string_equal(h->reply.nonce, "late");
	drop(h);
}

static void
dates_count_from_our_clock(void **state)
{
	struct heard *h;

	(void)state;
	clock_set_wall(NOW);
	h = ask("GET", "/date", NULL);
	assert_int_equal(h->reply.retry_after_ms, 9000);
	drop(h);
	clock_set_wall(NOW + 60);
	h = ask("GET", "/date", NULL);
	assert_int_equal(h->reply.retry_after_ms, 0);
	drop(h);
	clock_set_wall(-1);
}

static void
redirects_are_not_followed(void **state)
{
	struct heard *h = ask("GET", "/away", NULL);

	(void)state;
	assert_int_equal(h->reply.status, 302);
	assert_int_equal(h->reply.body.len, 0);
	drop(h);
	h = ask("GET", "/downgrade", NULL);
	assert_int_equal(h->reply.status, 301);
	assert_string_equal(h->reply.location, "");
	drop(h);
}

static void
sizes_are_bounded(void **state)
{
	static const char *const too_big[] = {"/huge", "/endless", "/headers"};
	struct heard *h = ask("GET", "/fits", NULL);

	(void)state;
	assert_int_equal(h->reply.err, ERR_OK);
	assert_int_equal(h->reply.body.len, TRANSPORT_BODY_MAX);
	drop(h);
	for (size_t i = 0; i < sizeof(too_big) / sizeof(too_big[0]); i++) {
		h = ask("GET", too_big[i], NULL);
		assert_int_equal(h->reply.err, ERR_TOOBIG);
		assert_true(h->reply.body.len <= TRANSPORT_BODY_MAX);
		assert_non_null(strstr(h->reply.error, "larger"));
		drop(h);
	}
	h = ask("GET", "/zipped", NULL);
	assert_int_equal(h->reply.body.len, 12);
	drop(h);
}

static void
failures_are_told_apart(void **state)
{
	static struct tmphttps other;
	char url[100];
	struct heard *h;

	(void)state;
	h = ask("GET", "/cut", NULL);
	assert_int_equal(h->reply.err, ERR_CLOSED);
	drop(h);
	h = ask("GET", "/garbage", NULL);
	assert_true(h->reply.err != ERR_OK);
	drop(h);
	h = ask("GET", "/nowhere", NULL); /* closed without a word */
	assert_int_equal(h->reply.err, ERR_CLOSED);
	drop(h);
	snprintf(url, sizeof(url), "%s/plain", server.base);
	h = ask_url("GET", url, NULL, NULL); /* the system does not know our CA */
	assert_int_equal(h->reply.err, ERR_CRYPTO);
	assert_true(h->reply.error[0] != '\0');
	drop(h);
	h = ask_url("GET", url, "/nonexistent/ca.pem", NULL);
	assert_int_equal(h->reply.err, ERR_CRYPTO);
	drop(h);
	tmphttps_start(&other, "elsewhere.example", pages, 1);
	snprintf(url, sizeof(url), "%s/plain", other.base);
	h = ask_url("GET", url, other.ca_file, NULL); /* trusted, but for another name */
	assert_int_equal(h->reply.err, ERR_CRYPTO);
	drop(h);
	tmphttps_stop(&other);
	h = ask_url("GET", url, server.ca_file, NULL); /* nobody listens there now */
	assert_int_equal(h->reply.err, ERR_UNREACHABLE);
	drop(h);
	snprintf(url, sizeof(url), "http://localhost:%d/plain", server.port);
	h = ask_url("GET", url, NULL, NULL);
	assert_int_equal(h->reply.err, ERR_INVALID);
	drop(h);
	h = ask_url("GET", "file:///etc/passwd", NULL, NULL);
	assert_int_equal(h->reply.err, ERR_INVALID);
	drop(h);
}

static void
many_run_side_by_side(void **state)
{
	enum { COUNT = 40 };
	static struct heard heard[COUNT];
	unsigned done = 0;
	char url[100];

	(void)state;
	snprintf(url, sizeof(url), "%s/plain", server.base);
	for (int i = 0; i < COUNT; i++) {
		struct transport_request request = {
			.method = "GET", .url = url, .ca_file = server.ca_file};

		assert_int_equal(transport_submit(transport, &request, on_reply, &heard[i]),
		                 ERR_OK);
	}
	for (int i = 0; i < COUNT; i++) {
		run_until(&heard[i].calls, 1);
		done += heard[i].reply.status == 200;
		buf_done(&heard[i].reply.body);
	}
	assert_int_equal(done, COUNT);
}

static void
cancelled_jobs_are_silent(void **state)
{
	struct heard h = {0}, other = {0};
	struct transport_request request = {.method = "GET", .ca_file = server.ca_file};
	char url[100];

	(void)state;
	snprintf(url, sizeof(url), "%s/slow", server.base);
	request.url = url;
	assert_int_equal(transport_submit(transport, &request, on_reply, &h), ERR_OK);
	assert_int_equal(transport_submit(transport, &request, on_reply, &other), ERR_OK);
	assert_int_equal(transport_run(transport, 10), ERR_OK);
	transport_cancel(transport, &h);
	run_until(&other.calls, 1);
	assert_int_equal(h.calls, 0);
	buf_done(&other.reply.body);
}

static void
on_deferred(void *arg, struct transport_reply *reply)
{
	unsigned *calls = arg;

	assert_int_equal(reply->err, ERR_OK);
	assert_int_equal(reply->status, 0);
	if (++*calls < 3)
		assert_int_equal(transport_defer(transport, on_deferred, calls), ERR_OK);
}

static void
deferred_calls_come_one_run_later(void **state)
{
	unsigned calls = 0;

	(void)state;
	assert_int_equal(transport_defer(transport, on_deferred, &calls), ERR_OK);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(calls, i);
		assert_int_equal(transport_run(transport, 5000), ERR_OK);
	}
	assert_int_equal(calls, 3);
	assert_int_equal(transport_defer(transport, on_deferred, &calls), ERR_OK);
	transport_cancel(transport, &calls);
	assert_int_equal(transport_run(transport, 0), ERR_OK);
	assert_int_equal(calls, 3);
}

static void *
wake_soon(void *arg)
{
	struct timespec ts = {.tv_nsec = 50 * 1000000};

	(void)arg;
	nanosleep(&ts, NULL);
	transport_wake(transport);
	return NULL;
}

static void
waking_ends_the_wait(void **state)
{
	int64_t start = clock_mono_ms();
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, wake_soon, NULL), 0);
	assert_int_equal(transport_run(transport, 10000), ERR_OK);
	assert_true(clock_mono_ms() - start < 5000);
	pthread_join(thread, NULL);
}

struct probe {
	unsigned calls;
	struct buf der;
	char error[256];
};

static void
on_probe(void *arg, const void *der, size_t len, const char *error)
{
	struct probe *p = arg;

	p->calls++;
	buf_reset(&p->der);
	buf_add(&p->der, der, len);
	snprintf(p->error, sizeof(p->error), "%s", error);
}

static void
probe(struct probe *p, const char *address, int port, const char *host)
{
	*p = (struct probe){0};
	assert_int_equal(transport_probe(transport,
	                                 &(struct transport_target){
						 .address = address, .port = port, .host = host},
	                                 on_probe, p),
	                 ERR_OK);
	run_until(&p->calls, 1);
}

static size_t
open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void
probes_bring_the_leaf(void **state)
{
	size_t files = 0;
	struct probe p;

	(void)state;
	for (int i = 0; i < 12; i++) {
		probe(&p, "127.0.0.1", server.port, "shop.example");
		assert_string_equal(p.error, "");
		assert_int_equal(p.der.len, server.leaf_len);
		assert_memory_equal(p.der.data, server.leaf, p.der.len);
		buf_done(&p.der);
		if (i == 1)
			files = open_files();
	}
	/* the server's threads in this process open and close a socket of theirs meanwhile */
	assert_in_range(open_files(), 1, files + 3);
	probe(&p, "127.0.0.1", 1, "shop.example");
	assert_int_equal(p.der.len, 0);
	assert_true(p.error[0] != '\0');
	buf_done(&p.der);
	probe(&p, "not an address", server.port, "shop.example");
	assert_true(p.error[0] != '\0');
	buf_done(&p.der);
}

static void
references_resolve(void **state)
{
	static const struct {
		const char *base, *reference, *url;
	} rows[] = {
		{"https://ca.example/a/b?c", "d", "https://ca.example/a/d"},
		{"https://ca.example/a/b", "/d?e=f", "https://ca.example/d?e=f"},
		{"https://ca.example/a/b", "//other.example/x", "https://other.example/x"},
		{"https://ca.example/a/b", "https://other.example/x", "https://other.example/x"},
		{"https://ca.example/a/b/c", "../d", "https://ca.example/a/d"},
		{"https://ca.example:14000/a", "?x", "https://ca.example:14000/a?x"},
		{"https://ca.example/a", "http://ca.example/", NULL},
		{"https://ca.example/a", "file:///etc/passwd", NULL},
		{"https://ca.example/a", "javascript:alert(1)", NULL},
		{"https://ca.example/a", "https://u:p@ca.example/", NULL},
		{"https://ca.example/a", "https://", NULL},
		{"https://ca.example/a", "a\nb", NULL},
		{"", "https:", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char url[TRANSPORT_URL_MAX + 1] = "";
		enum err err = transport_resolve(rows[i].base, rows[i].reference, url);

		if ((err == ERR_OK) != (rows[i].url != NULL) ||
		    (!err && strcmp(url, rows[i].url) != 0))
			fail_msg("%s + %s: %s %s", rows[i].base, rows[i].reference, err_word(err),
			         url);
	}
}

/* A responder: the answer is as long as the path says; "/away" sends elsewhere. */
static void
answer(int fd)
{
	char request[4096] = "", *body;
	size_t len = 0;
	long size;

	while (!(body = strstr(request, "\r\n\r\n")) || strcmp(body + 4, "question") != 0) {
		ssize_t n = read(fd, request + len, sizeof(request) - 1 - len);

		if (n <= 0)
			return;
		len += (size_t)n;
	}
	if (strncmp(request, "POST /away", 10) == 0) {
		dprintf(fd, "HTTP/1.1 302 Found\r\nLocation: /5\r\n\r\n");
		return;
	}
	size = strstr(request, "application/ocsp-request") ? atol(request + 6) : 0;
	dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", size);
	while (size-- > 0 && write(fd, "x", 1) == 1)
		;
}

static struct heard *
put_question(const char *host, int port, const char *path, bool any_address)
{
	struct heard *h = calloc(1, sizeof(*h));
	char url[128];
	struct transport_question question = {
		.url = url, .body = "question", .len = 8, .any_address = any_address};

	snprintf(url, sizeof(url), "http://%s:%d%s", host, port, path);
	assert_int_equal(transport_ask(transport, &question, on_reply, h), ERR_OK);
	run_until(&h->calls, 1);
	return h;
}

static void
heard_free(struct heard *h)
{
	buf_done(&h->reply.body);
	free(h);
}

/* A13: only where everybody else gets, too. */
static void
questions_go_to_public_addresses(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost",          "2130706433",
	                                    "0x7f.1",    "[::ffff:127.0.0.1]", "[::1]"};
	struct tmpserver responder;
	struct heard *h;

	(void)state;
	tmpserver_start(&responder, answer);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		h = put_question(hosts[i], responder.port, "/5", false);
		if (h->reply.err == ERR_OK)
			fail_msg("%s was asked", hosts[i]);
		heard_free(h);
	}
	assert_int_equal(atomic_load(&responder.accepted), 0);
	h = put_question("127.0.0.1", responder.port, "/5", true);
	assert_int_equal(h->reply.err, ERR_OK);
	assert_int_equal(h->reply.status, 200);
	assert_int_equal(h->reply.body.len, 5);
	heard_free(h);
	tmpserver_stop(&responder);
}

static void
answers_are_bounded(void **state)
{
	struct tmpserver responder;
	struct heard *h;
	struct transport_question file = {.url = "file:///etc/passwd", .any_address = true};
	char path[32];

	(void)state;
	tmpserver_start(&responder, answer);
	for (int more = 0; more < 2; more++) {
		snprintf(path, sizeof(path), "/%d", TRANSPORT_ANSWER_MAX + more);
		h = put_question("127.0.0.1", responder.port, path, true);
		assert_int_equal(h->reply.err, more ? ERR_TOOBIG : ERR_OK);
		heard_free(h);
	}
	h = put_question("127.0.0.1", responder.port, "/away", true);
	assert_int_equal(h->reply.status, 302);
	heard_free(h);
	assert_int_equal(transport_ask(transport, &file, on_reply, NULL), ERR_INVALID);
	tmpserver_stop(&responder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_arrive),
		cmocka_unit_test(posts_carry_their_type),
		cmocka_unit_test(headers_are_understood),
		cmocka_unit_test(dates_count_from_our_clock),
		cmocka_unit_test(redirects_are_not_followed),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(failures_are_told_apart),
		cmocka_unit_test(many_run_side_by_side),
		cmocka_unit_test(cancelled_jobs_are_silent),
		cmocka_unit_test(deferred_calls_come_one_run_later),
		cmocka_unit_test(waking_ends_the_wait),
		cmocka_unit_test(probes_bring_the_leaf),
		cmocka_unit_test(references_resolve),
		cmocka_unit_test(questions_go_to_public_addresses),
		cmocka_unit_test(answers_are_bounded),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
