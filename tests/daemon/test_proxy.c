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

#include "daemon/proxy.h"

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

static void
check(const char *client, const char *local, const void *expected, size_t len)
{
	struct sockaddr_storage c = address(client, 0x1234), l = address(local, 443);
	unsigned char header[PROXY_V2_MAX];

	assert_int_equal(proxy_v2((struct sockaddr *)&c, (struct sockaddr *)&l, header), 12 + len);
	assert_memory_equal(header, signature, 12);
	assert_memory_equal(header + 12, expected, len);
}

static void
test_tcp4(void **state)
{
	static const unsigned char expected[] = {0x21, 0x11, 0,   12, 192,  0,    2,    1,
	                                         203,  0,    113, 7,  0x12, 0x34, 0x01, 0xbb};

	(void)state;
	check("192.0.2.1", "203.0.113.7", expected, sizeof(expected));
}

static void
test_tcp6(void **state)
{
	static const unsigned char expected[] = {
		0x21, 0x21, 0, 36, 0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,   0, 0,
		0,    0,    0, 0,  0,    1,    0x20, 0x01, 0x0d, 0xb8, 0,    0,   0, 0,
		0,    0,    0, 0,  0,    0,    0,    2,    0x12, 0x34, 0x01, 0xbb};

	(void)state;
	check("2001:db8::1", "2001:db8::2", expected, sizeof(expected));
}

static void
test_mixed_families_have_no_address(void **state)
{
	static const unsigned char expected[] = {0x21, 0x00, 0, 0};

	(void)state;
	check("192.0.2.1", "2001:db8::2", expected, sizeof(expected));
	check("2001:db8::2", "192.0.2.1", expected, sizeof(expected));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp4),
		cmocka_unit_test(test_tcp6),
		cmocka_unit_test(test_mixed_families_have_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
