/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/front/http01.h"
#include "store/challenge.h"
#include "tests/support/tmpstore.h"

#define TOKEN       "Sm9pbi_the-Choir0123456789abcdef"
#define TOKEN4      "of-an-IPv4-address"
#define TOKEN6      "of-an-IPv6-address"
#define KEYAUTH     TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define PATH        "/.well-known/acme-challenge/"
#define HOST        "Host: a.example.org\r\n"
#define GET(target) "GET " target " HTTP/1.1\r\n" HOST "\r\n"
#define TO(target)  "https://a.example.org" target

static struct tmpstore store;

static const struct {
	const char *title;
	const char *head;
	int status;
	const char *location; /* or NULL */
} cases[] = {
	/* answered */
	{"challenge", GET(PATH TOKEN), 200, NULL},
	{"challenge, HEAD", "HEAD " PATH TOKEN " HTTP/1.1\r\n" HOST "\r\n", 200, NULL},
	{"challenge, 1.0", "GET " PATH TOKEN " HTTP/1.0\r\n" HOST "\r\n", 200, NULL},
	{"challenge, port", "GET " PATH TOKEN " HTTP/1.1\r\nHost: a.example.org:80\r\n\r\n", 200,
         NULL},
	{"challenge, case and dot", "GET " PATH TOKEN " HTTP/1.1\r\nhOST:A.Example.ORG.\r\n\r\n",
         200, NULL},
	{"challenge, other fields",
         "GET " PATH TOKEN " HTTP/1.1\r\nUser-Agent: \xc3\xa9\tx\r\n" HOST "Accept:\r\n\r\n", 200,
         NULL},
	/* redirected */
	{"root", GET("/"), 301, TO("/")},
	{"path and query", GET("/a/b%20c?d=e&f=%2f"), 301, TO("/a/b%20c?d=e&f=%2f")},
	{"port dropped", "GET /x HTTP/1.1\r\nHost: a.example.org:8080\r\n\r\n", 301, TO("/x")},
	{"empty port", "GET /x HTTP/1.1\r\nHost: a.example.org:\r\n\r\n", 301, TO("/x")},
	{"HEAD", "HEAD /x HTTP/1.1\r\n" HOST "\r\n", 301, TO("/x")},
	{"POST", "POST /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n", 308, TO("/x")},
	{"POST to a challenge", "POST " PATH TOKEN " HTTP/1.1\r\n" HOST "\r\n", 308,
         TO(PATH TOKEN)},
	{"two slashes stay behind our host", GET("//evil.example/"), 301, TO("//evil.example/")},
	{"encoded challenge path is a path", GET("/.well-known/acme%2Dchallenge/" TOKEN), 301,
         TO("/.well-known/acme%2Dchallenge/" TOKEN)},
	{"other case of the path", GET("/.WELL-KNOWN/acme-challenge/x"), 301,
         TO("/.WELL-KNOWN/acme-challenge/x")},
	{"traversal is only text", GET("/../../etc/passwd"), 301, TO("/../../etc/passwd")},
	{"unknown host name", "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n", 301,
         "https://other.example/"},
	/* not found */
	{"no token", GET(PATH), 404, NULL},
	{"unknown token", GET(PATH "unknown"), 404, NULL},
	{"known token of another host",
         "GET " PATH TOKEN " HTTP/1.1\r\nHost: b.example.org\r\n\r\n", 404, NULL},
	{"token and more", GET(PATH TOKEN "x"), 404, NULL},
	{"token with slash", GET(PATH TOKEN "/"), 404, NULL},
	{"token with query", GET(PATH TOKEN "?x"), 404, NULL},
	{"token encoded", GET(PATH "%53m9pbi_the-Choir0123456789abcdef"), 404, NULL},
	{"token with traversal", GET(PATH "../" TOKEN), 404, NULL},
	{"token behind two slashes", GET(PATH "/" TOKEN), 404, NULL},
	{"token of the wrong alphabet", GET(PATH "a.b"), 404, NULL},
	/* refused */
	{"no host", "GET / HTTP/1.1\r\n\r\n", 400, NULL},
	{"no host, 1.0", "GET / HTTP/1.0\r\n\r\n", 400, NULL},
	{"two hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, NULL},
	{"empty host", "GET / HTTP/1.1\r\nHost: \r\n\r\n", 400, NULL},
	{"IPv6 host in the open", "GET / HTTP/1.1\r\nHost: 2001:db8::1\r\n\r\n", 400, NULL},
	{"IPv4 host in brackets", "GET / HTTP/1.1\r\nHost: [192.0.2.1]\r\n\r\n", 400, NULL},
	{"half an IPv6 host", "GET / HTTP/1.1\r\nHost: [2001:db8::1\r\n\r\n", 400, NULL},
	{"behind the bracket", "GET / HTTP/1.1\r\nHost: [2001:db8::1]x:80\r\n\r\n", 400, NULL},
	{"empty brackets", "GET / HTTP/1.1\r\nHost: []\r\n\r\n", 400, NULL},
	{"IPv4 with leading zeros", "GET / HTTP/1.1\r\nHost: 192.0.02.1\r\n\r\n", 400, NULL},
	{"IPv4 in three parts", "GET / HTTP/1.1\r\nHost: 192.0.2\r\n\r\n", 400, NULL},
	{"no host's address", "GET / HTTP/1.1\r\nHost: 0.0.0.0\r\n\r\n", 400, NULL},
	{"IPv6 with a zone", "GET / HTTP/1.1\r\nHost: [fe80::1%eth0]\r\n\r\n", 400, NULL},
	{"IPv4 host", "GET /x HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n", 301, "https://192.0.2.1/x"},
	{"IPv6 host", "GET /x HTTP/1.1\r\nHost: [2001:DB8:0::1]:80\r\n\r\n", 301,
         "https://[2001:db8::1]/x"},
	{"challenge of an IPv4 host", "GET " PATH TOKEN4 " HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n",
         200, NULL},
	{"challenge of an IPv6 host", "GET " PATH TOKEN6 " HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n",
         200, NULL},
	{"challenge of another IPv4 host",
         "GET " PATH TOKEN4 " HTTP/1.1\r\nHost: 192.0.2.2\r\n\r\n", 404, NULL},
	{"challenge of an address for a name", GET(PATH TOKEN4), 404, NULL},
	{"host with ESC", "GET / HTTP/1.1\r\nHost: a\x1b[2J.example\r\n\r\n", 400, NULL},
	{"host with slash", "GET / HTTP/1.1\r\nHost: a.example/b\r\n\r\n", 400, NULL},
	{"host with user", "GET / HTTP/1.1\r\nHost: a@b.example\r\n\r\n", 400, NULL},
	{"host with two ports", "GET / HTTP/1.1\r\nHost: a.example:80:80\r\n\r\n", 400, NULL},
	{"port in words", "GET / HTTP/1.1\r\nHost: a.example:http\r\n\r\n", 400, NULL},
	{"port too long", "GET / HTTP/1.1\r\nHost: a.example:000080\r\n\r\n", 400, NULL},
	{"wildcard host", "GET / HTTP/1.1\r\nHost: *.example\r\n\r\n", 400, NULL},
	{"UTF-8 host", "GET / HTTP/1.1\r\nHost: b\xc3\xbc.example\r\n\r\n", 400, NULL},
	{"HTTP/0.9", "GET /\r\n\r\n", 400, NULL},
	{"HTTP/2", "GET / HTTP/2.0\r\n" HOST "\r\n", 400, NULL},
	{"HTTP/1.10", "GET / HTTP/1.10\r\n" HOST "\r\n", 400, NULL},
	{"lower-case version", "GET / http/1.1\r\n" HOST "\r\n", 400, NULL},
	{"absolute form", "GET http://a.example.org/ HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"CONNECT", "CONNECT a.example.org:443 HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"asterisk", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"empty target", "GET  HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"two spaces", "GET  / HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"tab for space", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"space in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"lower-case method", "get / HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"long method", "ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"empty line first", "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"fragment", GET("/#x"), 400, NULL},
	{"quote in the target", GET("/\"x"), 400, NULL},
	{"angle in the target", GET("/<x>"), 400, NULL},
	{"ESC in the target", GET("/\x1b[2J"), 400, NULL},
	{"8 bit in the target", GET("/\xc3\xa9"), 400, NULL},
	{"CR in the target", GET("/a\rSet-Cookie:x"), 400, NULL},
	{"LF alone", "GET / HTTP/1.1\n" HOST "\r\n", 400, NULL},
	{"LF alone in fields", "GET / HTTP/1.1\r\nHost: a.example.org\nX: y\r\n\r\n", 400, NULL},
	{"folded field", "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400, NULL},
	{"space before the colon", "GET / HTTP/1.1\r\nHost : a.example.org\r\n\r\n", 400, NULL},
	{"field without colon", "GET / HTTP/1.1\r\n" HOST "junk\r\n\r\n", 400, NULL},
	{"field without name", "GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n", 400, NULL},
	{"control in a value", "GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", 400, NULL},
	{"two lengths", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
         400, NULL},
	{"length and encoding",
         "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
         NULL},
	{"two encodings",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: x\r\ntransfer-encoding: chunked\r\n\r\n",
         400, NULL},
	{"nothing", "\r\n\r\n", 400, NULL},
	{"TLS on port 80", "\x16\x03\x01\x02\r\n\r\n", 400, NULL},
};

static void
check_reply(const char *title, int status, const char *location, struct buf *reply)
{
	const char *text = buf_str(reply);
	char expected[512];

	snprintf(expected, sizeof(expected), "HTTP/1.1 %d ", status);
	assert_non_null(text);
	if (strncmp(text, expected, strlen(expected)) != 0 ||
	    !strstr(text, "\r\nConnection: close\r\n"))
		fail_msg("%s: %s", title, text);
	snprintf(expected, sizeof(expected), "\r\nLocation: %s\r\n", location ? location : "");
	if (location ? !strstr(text, expected) : strstr(text, "Location") != NULL)
		fail_msg("%s: %s", title, text);
	for (size_t i = 0; i < reply->len; i++)
		if ((text[i] < ' ' && text[i] != '\r' && text[i] != '\n') || text[i] == 0x7f)
			fail_msg("%s: a control byte in the reply", title);
}

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *head = cases[i].head;
		struct buf reply;
		int status;

		buf_init(&reply);
		assert_int_equal(http01_head_len(head, strlen(head)), strlen(head));
		status = http01_reply(head, strlen(head), store.store, &reply);
		if (status != cases[i].status)
			fail_msg("%s: %d, not %d", cases[i].title, status, cases[i].status);
		check_reply(cases[i].title, status, cases[i].location, &reply);
		buf_done(&reply);
	}
}

static void
test_bodies(void **state)
{
	static const char get[] = GET(PATH TOKEN);
	static const char head[] = "HEAD " PATH TOKEN " HTTP/1.1\r\n" HOST "\r\n";
	struct buf reply;
	const char *text;

	(void)state;
	buf_init(&reply);
	assert_int_equal(http01_reply(get, sizeof(get) - 1, store.store, &reply), 200);
	text = buf_str(&reply);
	assert_string_equal(strstr(text, "\r\n\r\n") + 4, KEYAUTH);
	buf_reset(&reply);
	assert_int_equal(http01_reply(head, sizeof(head) - 1, store.store, &reply), 200);
	text = buf_str(&reply);
	assert_string_equal(strstr(text, "\r\n\r\n") + 4, "");
	assert_non_null(strstr(text, "Content-Length: 76\r\n"));
	buf_done(&reply);
}

static void
test_nul(void **state)
{
	static const char in_host[] = "GET / HTTP/1.1\r\nHost: a.example\0.org\r\n\r\n";
	static const char in_target[] = "GET /\0 HTTP/1.1\r\n" HOST "\r\n";
	static const char in_token[] = "GET " PATH TOKEN "\0 HTTP/1.1\r\n" HOST "\r\n";
	static const char in_name[] = "GET / HTTP/1.1\r\n" HOST "X\0Y: z\r\n\r\n";
	static const struct {
		const char *head;
		size_t len;
	} heads[] = {{in_host, sizeof(in_host)},
	             {in_target, sizeof(in_target)},
	             {in_token, sizeof(in_token)},
	             {in_name, sizeof(in_name)}};
	struct buf reply;

	(void)state;
	buf_init(&reply);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(http01_reply(heads[i].head, heads[i].len - 1, store.store, &reply),
		                 400);
	buf_done(&reply);
}

static void
test_sizes(void **state)
{
	static char head[70000];
	struct buf reply;
	int len = snprintf(head, sizeof(head), "GET " PATH "%065536d HTTP/1.1\r\n" HOST "\r\n", 0);

	(void)state;
	buf_init(&reply);
	assert_int_equal(http01_reply(head, (size_t)len, store.store, &reply), 404);
	assert_int_equal(http01_reply(head, 0, store.store, &reply), 431);
	assert_int_equal(http01_head_len(head, (size_t)len - 1), 0);
	assert_int_equal(http01_head_len("", 0), 0);
	buf_done(&reply);
}

static int
setup(void **state)
{
	static const char *const names[][2] = {
		{"a.example.org", TOKEN}, {"192.0.2.1", TOKEN4}, {"2001:db8::1", TOKEN6}};
	struct challenge c = {
		.kind = CHALLENGE_HTTP_01, .keyauth = KEYAUTH, .created_at = clock_wall()};
	struct store_txn *txn;

	(void)state;
	tmpstore_init(&store);
	tmpstore_open(&store);
	txn = tmpstore_write(&store, STORE_SERVED);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(hostname_parse_any(names[i][0], &c.name, NULL), ERR_OK);
		strcpy(c.token, names[i][1]);
		assert_int_equal(challenge_put(txn, &c), ERR_OK);
	}
	tmpstore_commit(txn);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tmpstore_done(&store);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
