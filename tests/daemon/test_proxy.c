/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/front/proxy.h"

static const unsigned char signature[] = "\r\n\r\n\0\r\nQUIT\n";

static struct sockaddr_storage
address(const char *text, uint16_t port)
{
	struct sockaddr_storage sa = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&sa;

	if (strchr(text, ':')) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
	} else {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
	}
	return sa;
}

static struct proxy_facts
facts_of(const char *client, const char *local)
{
	return (struct proxy_facts){.client = address(client, 0x1234),
	                            .local = address(local, 443)};
}

/* Behind the signature. */
static void
check(const struct proxy_facts *facts, const void *expected, size_t len)
{
	unsigned char header[PROXY_MAX];

	assert_int_equal(proxy_v2(facts, header), 12 + len);
	assert_memory_equal(header, signature, 12);
	assert_memory_equal(header + 12, expected, len);
}

static void
test_tcp4(void **state)
{
	static const unsigned char expected[] = {0x21, 0x11, 0,   12, 192,  0,    2,    1,
	                                         203,  0,    113, 7,  0x12, 0x34, 0x01, 0xbb};
	struct proxy_facts facts = facts_of("192.0.2.1", "203.0.113.7");

	(void)state;
	check(&facts, expected, sizeof(expected));
}

static void
test_tcp6(void **state)
{
	static const unsigned char expected[] = {
		0x21, 0x21, 0, 36, 0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,   0, 0,
		0,    0,    0, 0,  0,    1,    0x20, 0x01, 0x0d, 0xb8, 0,    0,   0, 0,
		0,    0,    0, 0,  0,    0,    0,    2,    0x12, 0x34, 0x01, 0xbb};
	struct proxy_facts facts = facts_of("2001:db8::1", "2001:db8::2");

	(void)state;
	check(&facts, expected, sizeof(expected));
}

static void
test_mixed_families_have_no_address(void **state)
{
	static const unsigned char expected[] = {0x21, 0x00, 0, 5, 2, 0, 2, 'a', 'b'};
	struct proxy_facts facts = facts_of("192.0.2.1", "2001:db8::2");
	unsigned char line[PROXY_MAX];

	(void)state;
	facts.authority = "ab";
	check(&facts, expected, sizeof(expected));
	assert_int_equal(proxy_v1(&facts, line), 15);
	assert_memory_equal(line, "PROXY UNKNOWN\r\n", 15);
}

static void
test_tlvs(void **state)
{
	static const char expected[] = "\x21\x11\x00\x5d"
				       "\xc0\x00\x02\x01\xcb\x00\x71\x07\x12\x34\x01\xbb"
				       "\x01\x00\x02h2"
				       "\x02\x00\x07"
				       "a.b.org"
				       "\x20\x00\x30\x07\x00\x00\x00\x00"
				       "\x21\x00\x07TLSv1.3"
				       "\x23\x00\x16TLS_AES_128_GCM_SHA256"
				       "\x22\x00\x05"
				       "alice"
				       "\xe0\x00\x0c"
				       "CN=alice,C=X";
	struct proxy_facts facts = facts_of("192.0.2.1", "203.0.113.7");

	(void)state;
	facts.alpn = (const unsigned char *)"h2";
	facts.alpn_len = 2;
	facts.authority = "a.b.org";
	facts.tls_version = "TLSv1.3";
	facts.cipher = "TLS_AES_128_GCM_SHA256";
	facts.client_cert = true;
	strcpy(facts.cn, "alice");
	strcpy(facts.subject, "CN=alice,C=X");
	check(&facts, expected, sizeof(expected) - 1);
}

/* Without a client certificate verify is not 0; what was shown in an earlier connection says so. */
static void
test_client_certificate(void **state)
{
	static const struct {
		bool cert, resumed;
		uint32_t verify;
		unsigned char flags, expected;
	} rows[] = {
		{false, false, 0, 0x01, 1}, {false, true, 0, 0x01, 1},   {true, false, 0, 0x07, 0},
		{true, true, 0, 0x05, 0},   {true, false, 18, 0x07, 18},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proxy_facts facts = facts_of("192.0.2.1", "203.0.113.7");
		unsigned char header[PROXY_MAX], *tlv = header + 16 + 12;

		facts.tls_version = "TLSv1.2";
		facts.client_cert = rows[i].cert;
		facts.resumed = rows[i].resumed;
		facts.verify_result = rows[i].verify;
		strcpy(facts.subject, "CN=a");
		assert_int_equal(proxy_v2(&facts, header),
		                 16 + 12 + 3 + 5 + 3 + 7 + (rows[i].cert ? 3 + 4 : 0));
		assert_int_equal(tlv[0], 0x20);
		assert_int_equal(tlv[3], rows[i].flags);
		assert_int_equal(tlv[7], rows[i].expected);
	}
}

/* Nothing that a client sends makes the header longer than its buffer. */
static void
test_longest(void **state)
{
	static unsigned char alpn[255];
	char authority[256], version[64], cipher[64];
	struct proxy_facts facts = facts_of("2001:db8::1", "2001:db8::2");
	unsigned char header[PROXY_MAX + 1];
	size_t len;

	(void)state;
	memset(authority, 'a', sizeof(authority));
	memset(version, 'v', sizeof(version));
	memset(cipher, 'c', sizeof(cipher));
	memset(facts.cn, 'n', sizeof(facts.cn));
	memset(facts.subject, 's', sizeof(facts.subject));
	facts.subject[PROXY_SUBJECT_MAX] = '\0';
	authority[255] = version[63] = cipher[63] = facts.cn[PROXY_CN_MAX] = '\0';
	facts.alpn = alpn;
	facts.alpn_len = sizeof(alpn);
	facts.authority = authority;
	facts.tls_version = version;
	facts.cipher = cipher;
	facts.client_cert = true;
	header[PROXY_MAX] = 0x5a;
	len = proxy_v2(&facts, header);
	assert_int_equal(len, 16 + 36 + 258 + 258 + 8 + 66 + 66 + 258);
	assert_int_equal(header[14] << 8 | header[15], len - 16);
	assert_int_equal(header[PROXY_MAX], 0x5a);
	facts.alpn_len = 256; /* too long for its field: left out */
	assert_int_equal(proxy_v2(&facts, header), len - 258);
	facts.subject[PROXY_MAX - (len - 258) - 3] = '\0'; /* just fits */
	assert_int_equal(proxy_v2(&facts, header), PROXY_MAX);
	strcat(facts.subject, "s"); /* and just not */
	assert_int_equal(proxy_v2(&facts, header), len - 258);
	assert_int_equal(header[PROXY_MAX], 0x5a);
}

static void
test_v1(void **state)
{
	static const struct {
		const char *client, *local, *line;
	} rows[] = {
		{"192.0.2.1", "203.0.113.7", "PROXY TCP4 192.0.2.1 203.0.113.7 4660 443\r\n"},
		{"2001:db8::1", "::1", "PROXY TCP6 2001:db8::1 ::1 4660 443\r\n"},
		{"2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:fff0",
	         "PROXY TCP6 2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff "
	         "2001:db8:aaaa:bbbb:cccc:dddd:eeee:fff0 4660 443\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proxy_facts facts = facts_of(rows[i].client, rows[i].local);
		unsigned char line[PROXY_MAX];

		facts.authority = "left-out.example";
		assert_int_equal(proxy_v1(&facts, line), strlen(rows[i].line));
		assert_memory_equal(line, rows[i].line, strlen(rows[i].line));
	}
}

static void
test_local(void **state)
{
	unsigned char header[PROXY_MAX];

	(void)state;
	assert_int_equal(proxy_local(2, header), 16);
	assert_memory_equal(header, signature, 12);
	assert_memory_equal(header + 12, "\x20\x00\x00\x00", 4);
	assert_int_equal(proxy_local(1, header), 15);
	assert_memory_equal(header, "PROXY UNKNOWN\r\n", 15);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp4),
		cmocka_unit_test(test_tcp6),
		cmocka_unit_test(test_mixed_families_have_no_address),
		cmocka_unit_test(test_tlvs),
		cmocka_unit_test(test_client_certificate),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_v1),
		cmocka_unit_test(test_local),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
