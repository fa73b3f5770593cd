/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

static const struct {
	const char *text;
	bool public;
} cases[] = {
	{"1.1.1.1", true},
	{"0.0.0.0", false},
	{"9.255.255.255", true},
	{"10.0.0.1", false},
	{"11.0.0.0", true},
	{"100.63.255.255", true},
	{"100.64.0.0", false},
	{"100.127.255.255", false},
	{"100.128.0.0", true},
	{"127.0.0.1", false},
	{"127.255.255.254", false},
	{"128.0.0.0", true},
	{"169.254.169.254", false},
	{"172.15.255.255", true},
	{"172.16.0.0", false},
	{"172.31.255.255", false},
	{"172.32.0.0", true},
	{"192.0.0.8", false},
	{"192.0.2.1", false},
	{"192.168.1.1", false},
	{"192.169.0.0", true},
	{"198.17.255.255", true},
	{"198.18.0.1", false},
	{"198.19.255.255", false},
	{"198.51.100.7", false},
	{"203.0.113.7", false},
	{"223.255.255.255", true},
	{"224.0.0.1", false},
	{"240.0.0.1", false},
	{"255.255.255.255", false},
	{"::", false},
	{"::1", false},
	{"::ffff:127.0.0.1", false},
	{"::ffff:10.1.2.3", false},
	{"::ffff:1.1.1.1", true},
	{"::127.0.0.1", false},
	{"64:ff9b::a9fe:a9fe", false},
	{"64:ff9b::101:101", true},
	{"64:ff9b:1::101:101", false},
	{"fe80::1", false},
	{"fc00::1", false},
	{"fdff::1", false},
	{"ff02::1", false},
	{"2606:4700::1111", true},
	{"2001:db8::1", false},
	{"2001::1", false},
	{"2002:7f00:1::", false},
	{"3fff::1", false},
	{"4000::1", false},
};

static void
test_public(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_in v4 = {.sin_family = AF_INET};
		struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
		bool is4 = inet_pton(AF_INET, cases[i].text, &v4.sin_addr) == 1;
		const struct sockaddr *sa = is4 ? (void *)&v4 : (void *)&v6;

		if (!is4)
			assert_int_equal(inet_pton(AF_INET6, cases[i].text, &v6.sin6_addr), 1);
		if (address_is_public(sa) != cases[i].public)
			fail_msg("%s is taken for %s", cases[i].text,
			         cases[i].public ? "private" : "public");
	}
	assert_false(address_is_public((void *)&(struct sockaddr_un){.sun_family = AF_UNIX}));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_public),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
