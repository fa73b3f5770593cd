/* SPDX-License-Identifier: Apache-2.0 */
/* Row A6: PROXY headers of both versions, good, bad and cut anywhere. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/front/proxy_in.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4_PAIR   "\xc0\x00\x02\x01\xcb\x00\x71\x07\x12\x34\x01\xbb"
#define X16       "xxxxxxxxxxxxxxxx"
#define X64       X16 X16 X16 X16
#define V6_PAIR                                                                                    \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"                                                 \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\x12\x34\x01\xbb"
#define BYTES(text) text, sizeof(text) - 1

struct row {
	const char *what;
	const char *data;
	size_t len;
	enum err err;
	const char *client; /* "address port", NULL: the header has none */
	const char *local;
};

static const struct row v1_rows[] = {
	{"TCP4", BYTES("PROXY TCP4 192.0.2.1 203.0.113.7 4660 443\r\n"), ERR_OK, "192.0.2.1 4660",
         "203.0.113.7 443"},
	{"TCP6", BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n"), ERR_OK, "2001:db8::1 0",
         "2001:db8::2 65535"},
	{"the longest TCP6",
         BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
               "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
         ERR_OK, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535"},
	{"UNKNOWN", BYTES("PROXY UNKNOWN\r\n"), ERR_OK, NULL, NULL},
	{"UNKNOWN with words", BYTES("PROXY UNKNOWN ff:: 1 \x1b 2 3 4 5 6\r\n"), ERR_OK, NULL,
         NULL},
	{"107 bytes", BYTES("PROXY UNKNOWN " X64 X16 "xxxxxxxxxxx\r\n"), ERR_OK, NULL, NULL},
	{"108 bytes", BYTES("PROXY UNKNOWN " X64 X16 "xxxxxxxxxxxx\r\n"), ERR_PROTO, 0, 0},
	{"107 bytes without an end", BYTES("PROXY UNKNOWN " X64 X16 "xxxxxxxxxxxxx"), ERR_PROTO, 0,
         0},
	{"no CR", BYTES("PROXY TCP4 192.0.2.1 203.0.113.7 4660 443\n"), ERR_PROTO, 0, 0},
	{"nothing", BYTES("PROXY \r\n"), ERR_PROTO, 0, 0},
	{"LF at once", BYTES("PROXY \n"), ERR_PROTO, 0, 0},
	{"another family", BYTES("PROXY UDP4 192.0.2.1 203.0.113.7 1 2\r\n"), ERR_PROTO, 0, 0},
	{"lower case", BYTES("PROXY tcp4 192.0.2.1 203.0.113.7 1 2\r\n"), ERR_PROTO, 0, 0},
	{"IPv6 in TCP4", BYTES("PROXY TCP4 2001:db8::1 203.0.113.7 1 2\r\n"), ERR_PROTO, 0, 0},
	{"IPv4 in TCP6", BYTES("PROXY TCP6 192.0.2.1 2001:db8::1 1 2\r\n"), ERR_PROTO, 0, 0},
	{"a name", BYTES("PROXY TCP4 localhost 203.0.113.7 1 2\r\n"), ERR_PROTO, 0, 0},
	{"octal", BYTES("PROXY TCP4 192.0.2.01 203.0.113.7 1 2\r\n"), ERR_PROTO, 0, 0},
	{"two blanks", BYTES("PROXY TCP4  192.0.2.1 203.0.113.7 1 2\r\n"), ERR_PROTO, 0, 0},
	{"a blank at the end", BYTES("PROXY TCP4 192.0.2.1 203.0.113.7 1 2 \r\n"), ERR_PROTO, 0, 0},
	{"a word missing", BYTES("PROXY TCP4 192.0.2.1 203.0.113.7 1\r\n"), ERR_PROTO, 0, 0},
	{"a word too many", BYTES("PROXY TCP4 192.0.2.1 203.0.113.7 1 2 3\r\n"), ERR_PROTO, 0, 0},
	{"port 65536", BYTES("PROXY TCP4 192.0.2.1 203.0.113.7 65536 2\r\n"), ERR_PROTO, 0, 0},
	{"port -1", BYTES("PROXY TCP4 192.0.2.1 203.0.113.7 -1 2\r\n"), ERR_PROTO, 0, 0},
	{"port 01", BYTES("PROXY TCP4 192.0.2.1 203.0.113.7 01 2\r\n"), ERR_PROTO, 0, 0},
	{"no port", BYTES("PROXY TCP4 192.0.2.1 203.0.113.7  2\r\n"), ERR_PROTO, 0, 0},
	{"a NUL", BYTES("PROXY TCP4 192.0.2.1\0 203.0.113.7 1 2\r\n"), ERR_PROTO, 0, 0},
	{"a NUL, no end", BYTES("PROXY TCP4 192.0.2.1\0"), ERR_PROTO, 0, 0},
	{"a request", BYTES("GET / HTTP/1.1\r\n\r\n"), ERR_PROTO, 0, 0},
	{"a ClientHello", BYTES("\x16\x03\x01\x02"), ERR_PROTO, 0, 0},
	{"nearly PROXY", BYTES("PROXYT"), ERR_PROTO, 0, 0},
};

static const struct row v2_rows[] = {
	{"TCP4", BYTES(SIGNATURE "\x21\x11\0\x0c" V4_PAIR), ERR_OK, "192.0.2.1 4660",
         "203.0.113.7 443"},
	{"TCP6", BYTES(SIGNATURE "\x21\x21\0\x24" V6_PAIR), ERR_OK, "2001:db8::1 4660",
         "2001:db8::2 443"},
	{"with TLVs", BYTES(SIGNATURE "\x21\x11\0\x18" V4_PAIR "\x01\0\2h2\x02\0\0\xea\0\1x"),
         ERR_OK, "192.0.2.1 4660", "203.0.113.7 443"},
	{"with a check sum", BYTES(SIGNATURE "\x21\x11\0\x13" V4_PAIR "\x03\0\4\x36\x52\x6a\xa2"),
         ERR_OK, "192.0.2.1 4660", "203.0.113.7 443"},
	{"with a wrong one", BYTES(SIGNATURE "\x21\x11\0\x13" V4_PAIR "\x03\0\4\x36\x52\x6a\xa3"),
         ERR_PROTO, 0, 0},
	{"a check sum of 3 bytes", BYTES(SIGNATURE "\x21\x11\0\x12" V4_PAIR "\x03\0\3xxx"),
         ERR_PROTO, 0, 0},
	{"LOCAL", BYTES(SIGNATURE "\x20\0\0\0"), ERR_OK, NULL, NULL},
	{"LOCAL with addresses", BYTES(SIGNATURE "\x20\x11\0\x0c" V4_PAIR), ERR_OK, NULL, NULL},
	{"LOCAL with anything", BYTES(SIGNATURE "\x20\x11\0\3xyz"), ERR_OK, NULL, NULL},
	{"AF_UNSPEC", BYTES(SIGNATURE "\x21\0\0\5hello"), ERR_OK, NULL, NULL},
	{"AF_UNIX", BYTES(SIGNATURE "\x21\x31\0\xd8" X64 X64 X64 X16 "xxxxxxxx"), ERR_OK, NULL,
         NULL},
	{"AF_UNIX too short", BYTES(SIGNATURE "\x21\x31\0\x10" X16), ERR_PROTO, 0, 0},
	{"a datagram", BYTES(SIGNATURE "\x21\x12\0\x0c" V4_PAIR), ERR_OK, NULL, NULL},
	{"TCP4 too short", BYTES(SIGNATURE "\x21\x11\0\x0bxxxxxxxxxxx"), ERR_PROTO, 0, 0},
	{"TCP6 too short", BYTES(SIGNATURE "\x21\x21\0\x0c" V4_PAIR), ERR_PROTO, 0, 0},
	{"a TLV's length too long", BYTES(SIGNATURE "\x21\x11\0\x10" V4_PAIR "\x01\0\2x"),
         ERR_PROTO, 0, 0},
	{"half a TLV", BYTES(SIGNATURE "\x21\x11\0\x0e" V4_PAIR "\x01\0"), ERR_PROTO, 0, 0},
	{"version 1", BYTES(SIGNATURE "\x11\x11\0\x0c" V4_PAIR), ERR_PROTO, 0, 0},
	{"version 3", BYTES(SIGNATURE "\x31\x11\0\x0c" V4_PAIR), ERR_PROTO, 0, 0},
	{"command 2", BYTES(SIGNATURE "\x22\x11\0\x0c" V4_PAIR), ERR_PROTO, 0, 0},
	{"family 4", BYTES(SIGNATURE "\x21\x41\0\x0c" V4_PAIR), ERR_PROTO, 0, 0},
	{"transport 3", BYTES(SIGNATURE "\x21\x13\0\x0c" V4_PAIR), ERR_PROTO, 0, 0},
	{"4081 bytes announced", BYTES(SIGNATURE "\x21\x11\x0f\xf1"), ERR_TOOBIG, 0, 0},
	{"65535 bytes announced", BYTES(SIGNATURE "\x20\0\xff\xff"), ERR_TOOBIG, 0, 0},
	{"a wrong signature", BYTES("\r\n\r\n\0\r\nQUIT\r\x21\x11\0\x0c" V4_PAIR), ERR_PROTO, 0, 0},
};

static void
check_address(const struct sockaddr_storage *sa, const char *expected)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)sa;
	char host[INET6_ADDRSTRLEN], text[64];

	assert_non_null(inet_ntop(sa->ss_family,
	                          sa->ss_family == AF_INET ? (const void *)&v4->sin_addr
	                                                   : (const void *)&v6->sin6_addr,
	                          host, sizeof(host)));
	snprintf(text, sizeof(text), "%s %u", host, ntohs(v4->sin_port));
	assert_string_equal(text, expected);
}

/* The header followed by foreign bytes, and every beginning of it. A copy of the exact size lets a
 * sanitizer see a read beyond it. */
static void
check(const struct row *row)
{
	struct proxy_in h;
	char bytes[512];
	enum err err;

	memcpy(bytes, row->data, row->len);
	memcpy(bytes + row->len, "\x16\x03\x01", 3);
	err = proxy_in_parse(bytes, row->len + (row->err ? 0 : 3), &h);
	if (err != row->err)
		fail_msg("%s: %s", row->what, err_text(err));
	if (err)
		return;
	assert_int_equal(h.len, row->len);
	assert_int_equal(h.has_addresses, row->client != NULL);
	if (row->client) {
		check_address(&h.client, row->client);
		check_address(&h.local, row->local);
	}
	for (size_t n = 0; n < row->len; n++)
		assert_int_equal(proxy_in_parse(bytes, n, &h), ERR_AGAIN);
}

static void
test_version_1(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(v1_rows) / sizeof(v1_rows[0]); i++)
		check(&v1_rows[i]);
}

static void
test_version_2(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(v2_rows) / sizeof(v2_rows[0]); i++)
		check(&v2_rows[i]);
}

/* Any one changed bit of a header with a check sum is seen, but for those that make it LOCAL, or
 * give it a family whose addresses nobody takes. (Without its type the sum is another TLV.) */
static void
test_flips(void **state)
{
	static const char good[] = SIGNATURE "\x21\x11\0\x13" V4_PAIR "\x03\0\4\x36\x52\x6a\xa2";
	const size_t type_at = 12 + 4 + sizeof(V4_PAIR) - 1;
	char bytes[sizeof(good)];
	struct proxy_in h;

	(void)state;
	for (size_t bit = 0; bit < (sizeof(good) - 1) * 8; bit++) {
		memcpy(bytes, good, sizeof(good));
		bytes[bit / 8] ^= (char)(1 << bit % 8);
		if (proxy_in_parse(bytes, sizeof(good) - 1, &h) == ERR_OK && bit / 8 != type_at)
			assert_false(h.has_addresses);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_1),
		cmocka_unit_test(test_version_2),
		cmocka_unit_test(test_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
