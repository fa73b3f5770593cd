/* SPDX-License-Identifier: Apache-2.0 */
/* Networks, connections counted by client address, and how many the open files allow. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/common/network.h"
#include "daemon/front/descriptors.h"
#include "daemon/front/peers.h"

static const struct sockaddr *
address(const char *text)
{
	static struct sockaddr_storage sas[2];
	static int at;
	struct sockaddr_storage *sa = &sas[at++ % 2];
	struct sockaddr_in *v4 = (struct sockaddr_in *)sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)sa;

	*sa = (struct sockaddr_storage){.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET};
	assert_int_equal(inet_pton(sa->ss_family, text,
	                           sa->ss_family == AF_INET ? (void *)&v4->sin_addr
	                                                    : (void *)&v6->sin6_addr),
	                 1);
	return (const struct sockaddr *)sa;
}

static void
test_parse(void **state)
{
	static const struct {
		const char *text;
		enum err err;
		const char *formatted; /* NULL: as TEXT */
	} rows[] = {
		{"192.0.2.0/24", ERR_OK, NULL},
		{"192.0.2.1", ERR_OK, "192.0.2.1/32"},
		{"0.0.0.0/0", ERR_OK, NULL},
		{"10.128.0.0/9", ERR_OK, NULL},
		{"2001:db8::/32", ERR_OK, NULL},
		{"2001:DB8::1", ERR_OK, "2001:db8::1/128"},
		{"::/0", ERR_OK, NULL},
		{"2001:db8:8000::/33", ERR_OK, NULL},
		{"192.0.2.0/33", ERR_TOOBIG, NULL},
		{"::/129", ERR_TOOBIG, NULL},
		{"192.0.2.1/24", ERR_UNSUPPORTED, NULL},
		{"10.128.0.0/8", ERR_UNSUPPORTED, NULL},
		{"2001:db8::1/127", ERR_UNSUPPORTED, NULL},
		{"", ERR_INVALID, NULL},
		{"/8", ERR_INVALID, NULL},
		{"192.0.2.0/", ERR_INVALID, NULL},
		{"192.0.2.0/-1", ERR_INVALID, NULL},
		{"192.0.2.0/8x", ERR_INVALID, NULL},
		{"192.0.2/24", ERR_INVALID, NULL},
		{"192.0.2.0/24/8", ERR_INVALID, NULL},
		{"[2001:db8::]/32", ERR_INVALID, NULL},
		{"localhost", ERR_INVALID, NULL},
		{"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/1", ERR_INVALID, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct network n;
		char text[NETWORK_TEXT_MAX + 1];
		enum err err = network_parse(rows[i].text, &n);

		if (err != rows[i].err)
			fail_msg("%s: %s", rows[i].text, err_text(err));
		if (err)
			continue;
		network_format(&n, text);
		assert_string_equal(text, rows[i].formatted ? rows[i].formatted : rows[i].text);
	}
}

static void
test_has(void **state)
{
	static const struct {
		const char *network, *address;
		bool has;
	} rows[] = {
		{"192.0.2.0/24", "192.0.2.255", true},
		{"192.0.2.0/24", "192.0.3.0", false},
		{"192.0.2.0/24", "::ffff:192.0.2.7", true}, /* the same client */
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.6", false},
		{"0.0.0.0/0", "203.0.113.1", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"::1", "::1", true},
	};
	const struct sockaddr unix_socket = {.sa_family = AF_UNIX};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct network n;

		assert_int_equal(network_parse(rows[i].network, &n), ERR_OK);
		if (network_has(&n, address(rows[i].address)) != rows[i].has)
			fail_msg("%s in %s", rows[i].address, rows[i].network);
		assert_false(network_has(&n, &unix_socket));
	}
	assert_true(network_is_own(address("192.0.2.1"), address("192.0.2.1")));
	assert_true(network_is_own(address("127.0.0.1"), address("127.9.9.9")));
	assert_true(network_is_own(address("::ffff:127.0.0.1"), address("::1")));
	assert_false(network_is_own(address("192.0.2.1"), address("192.0.2.2")));
	assert_false(network_is_own(address("127.0.0.1"), address("192.0.2.2")));
	assert_false(network_is_own(&unix_socket, &unix_socket));
}

static void
test_counts(void **state)
{
	struct peers *peers;
	struct peer *a, *b, *c, *d;

	(void)state;
	assert_int_equal(peers_new(2, &peers), ERR_OK);
	assert_int_equal(peers_take(peers, address("192.0.2.1"), &a), ERR_OK);
	assert_int_equal(peers_take(peers, address("::ffff:192.0.2.1"), &b), ERR_OK);
	assert_ptr_equal(a, b);
	assert_int_equal(peers_take(peers, address("192.0.2.1"), &c), ERR_FULL);
	assert_int_equal(peers_take(peers, address("192.0.2.2"), &c), ERR_OK);
	assert_int_equal(peers_count(peers), 2);
	peers_release(peers, a);
	assert_int_equal(peers_take(peers, address("192.0.2.1"), &a), ERR_OK);
	peers_release(peers, a);
	peers_release(peers, b);
	assert_int_equal(peers_count(peers), 1);
	/* an IPv6 client has its /64 */
	assert_int_equal(peers_take(peers, address("2001:db8:0:1::1"), &a), ERR_OK);
	assert_int_equal(peers_take(peers, address("2001:db8:0:1:ffff::2"), &b), ERR_OK);
	assert_int_equal(peers_take(peers, address("2001:db8:0:1:8000::3"), &d), ERR_FULL);
	assert_int_equal(peers_take(peers, address("2001:db8:0:2::1"), &d), ERR_OK);
	assert_int_equal(peers_count(peers), 3);
	peers_free(peers); /* with what is still in it */
}

static void
test_table_is_as_large_as_what_is_open(void **state)
{
	enum { MANY = 5000 };
	static struct peer *all[MANY];
	struct peers *peers;
	char text[32];

	(void)state;
	assert_int_equal(peers_new(1, &peers), ERR_OK);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "10.%d.%d.1", i / 250, i % 250);
		assert_int_equal(peers_take(peers, address(text), &all[i]), ERR_OK);
		if (i >= 100)
			peers_release(peers, all[i - 100]);
		assert_true(peers_count(peers) <= 101);
	}
	peers_free(peers);
}

static void
test_descriptors(void **state)
{
	static const struct {
		size_t limit, used, connections;
	} rows[] = {
		{20000, 36, 9950}, {1024, 30, 465}, {64, 20, 18},           {64, 54, 1},
		{64, 64, 1},       {3, 0, 1},       {1048576, 200, 524156},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(descriptors_under(rows[i].limit, rows[i].used).connections,
		                 rows[i].connections);
	assert_int_equal(descriptors_under(20000, 36).kept, DESCRIPTORS_KEPT);
	assert_int_equal(descriptors_under(64, 20).kept, 8);
	assert_true(descriptors_now(0).connections > descriptors_now(20).connections);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_table_is_as_large_as_what_is_open),
		cmocka_unit_test(test_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
