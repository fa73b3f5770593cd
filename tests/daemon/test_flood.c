/* SPDX-License-Identifier: Apache-2.0 */
/* threaded: row A4, what a worker keeps of clients that ask for names nobody serves. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/common/flood.h"
#include "daemon/common/network.h"

enum { SEEN_MAX = 100000 };

static struct {
	uint64_t key, count;
} seen[SEEN_MAX];
static size_t seen_count;

static void
on_key(void *arg, uint64_t key, uint64_t count)
{
	(void)arg;
	for (size_t i = 0; i < seen_count; i++)
		if (seen[i].key == key) {
			seen[i].count += count;
			return;
		}
	assert_true(seen_count < SEEN_MAX);
	seen[seen_count].key = key;
	seen[seen_count++].count = count;
}

static uint64_t
seen_of(const char *network, enum flood_reason reason)
{
	for (size_t i = 0; i < seen_count; i++) {
		char text[NETWORK_TEXT_MAX + 1];
		struct network n;

		flood_key_network(seen[i].key, &n);
		network_format(&n, text);
		if (strcmp(text, network) == 0 && flood_key_reason(seen[i].key) == reason)
			return seen[i].count;
	}
	return 0;
}

static struct sockaddr_storage
address(const char *text)
{
	struct sockaddr_storage sa = {.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET};

	assert_int_equal(inet_pton(sa.ss_family, text,
	                           sa.ss_family == AF_INET
	                                   ? (void *)&((struct sockaddr_in *)&sa)->sin_addr
	                                   : (void *)&((struct sockaddr_in6 *)&sa)->sin6_addr),
	                 1);
	return sa;
}

static void
add(struct flood *flood, enum flood_reason reason, const char *client, const char *name)
{
	struct sockaddr_storage sa = address(client);

	flood_add(flood, reason, (struct sockaddr *)&sa, name, name ? strlen(name) : 0);
}

static int
setup(void **state)
{
	(void)state;
	seen_count = 0;
	return 0;
}

static void
test_by_network_and_reason(void **state)
{
	static struct flood flood;
	struct flood_reader reader = {0};

	(void)state;
	add(&flood, FLOOD_UNKNOWN, "192.0.2.1", "a");
	add(&flood, FLOOD_UNKNOWN, "192.0.2.255", "a");
	add(&flood, FLOOD_UNKNOWN, "::ffff:192.0.2.7", "a");
	add(&flood, FLOOD_INVALID, "192.0.2.1", "a b");
	add(&flood, FLOOD_ABSENT, "2001:db8:1:2::3", NULL);
	add(&flood, FLOOD_ABSENT, "2001:db8:1:ffff::4", NULL);
	add(&flood, FLOOD_ABSENT, "2001:db8:2::", NULL);
	flood_read(&flood, &reader, on_key, NULL);
	assert_int_equal(seen_count, 4);
	assert_int_equal(seen_of("192.0.2.0/24", FLOOD_UNKNOWN), 3);
	assert_int_equal(seen_of("192.0.2.0/24", FLOOD_INVALID), 1);
	assert_int_equal(seen_of("2001:db8:1::/48", FLOOD_ABSENT), 2);
	assert_int_equal(seen_of("2001:db8:2::/48", FLOOD_ABSENT), 1);
	flood_read(&flood, &reader, on_key, NULL); /* nothing is told twice */
	assert_int_equal(seen_of("192.0.2.0/24", FLOOD_UNKNOWN), 3);
	add(&flood, FLOOD_UNKNOWN, "192.0.2.1", "a");
	flood_read(&flood, &reader, on_key, NULL);
	assert_int_equal(seen_of("192.0.2.0/24", FLOOD_UNKNOWN), 4);
}

/* Ten noisy networks among a hundred thousand that come once each: the noisy ones are found, and no
 * count is larger than what there was. */
static void
test_the_frequent_are_found(void **state)
{
	static struct flood flood;
	struct flood_reader reader = {0};
	char text[32];

	(void)state;
	for (int i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "10.%d.%d.1", i / 250 % 250, i % 250);
		add(&flood, FLOOD_UNKNOWN, text, "x");
		snprintf(text, sizeof(text), "192.0.%d.9", i % 10);
		add(&flood, FLOOD_UNKNOWN, text, "x");
		if (i % 1000 == 999)
			flood_read(&flood, &reader, on_key, NULL);
	}
	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "192.0.%d.0/24", i);
		assert_in_range(seen_of(text, FLOOD_UNKNOWN), 9000, 10000);
	}
	for (size_t i = 0; i < seen_count; i++)
		assert_in_range(seen[i].count, 1, 10000);
}

static void
test_names_are_escaped_and_cut(void **state)
{
	static const struct {
		const char *name;
		size_t len;
		const char *shown;
	} rows[] = {
		{"www.example.org", 15, "www.example.org"},
		{"\x1b]0;pwn", 7, "\\x1b\\x5d0\\x3bpwn"},
		{"a\0b", 3, "a\\x00b"},
		{"b\xc3\xbc.test, x", 11, "b\\xc3\\xbc.test\\x2c\\x20x"},
		{"", 0, ""},
		{"\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1", 16,
	         "\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01..."},
		{"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg", 65,
	         "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffff..."},
		{"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffff\x01\x02", 59,
	         "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffff..."},
	};
	static struct flood flood;
	struct flood_reader reader = {0};
	struct sockaddr_storage sa = address("192.0.2.1");
	char name[FLOOD_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		flood_add(&flood, FLOOD_INVALID, (struct sockaddr *)&sa, rows[i].name, rows[i].len);
		assert_true(flood_next_name(&flood, &reader, name));
		assert_string_equal(name, rows[i].shown);
		assert_true(strlen(name) <= FLOOD_NAME_MAX);
		assert_false(flood_next_name(&flood, &reader, name));
	}
	for (int i = 0; i < 100; i++)
		add(&flood, FLOOD_UNKNOWN, "192.0.2.1", i < 99 ? "early" : "last");
	for (int i = 0; i < FLOOD_NAMES - 1; i++)
		assert_true(flood_next_name(&flood, &reader, name));
	assert_string_equal(name, "last");
	assert_false(flood_next_name(&flood, &reader, name));
}

/* Whatever the worker does meanwhile, the keeper reads whole keys and whole names. */
static struct flood shared;
static atomic_bool stop;

static void *
writer(void *arg)
{
	(void)arg;
	for (unsigned n = 0; !atomic_load(&stop); n++) {
		char client[32], name[64];

		snprintf(client, sizeof(client), "10.%u.%u.1", n % 200, n % 200);
		snprintf(name, sizeof(name), "n%06u.n%06u.n%06u", n % 1000000, n % 1000000,
		         n % 1000000);
		add(&shared, FLOOD_UNKNOWN, client, name);
	}
	return NULL;
}

static void
check_key(void *arg, uint64_t key, uint64_t count)
{
	struct network n;

	flood_key_network(key, &n);
	assert_int_equal(n.address[13], n.address[14]);
	*(uint64_t *)arg += count;
}

static void
test_reader_beside_a_writer(void **state)
{
	struct flood_reader reader = {0};
	char name[FLOOD_NAME_MAX + 1];
	uint64_t counted = 0, names = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, writer, NULL), 0);
	while (names < 2000) {
		flood_read(&shared, &reader, check_key, &counted);
		while (flood_next_name(&shared, &reader, name)) {
			assert_int_equal(strlen(name), 3 * 8 - 1);
			assert_memory_equal(name, name + 8, 7);
			assert_memory_equal(name, name + 16, 7);
			names++;
		}
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	flood_read(&shared, &reader, check_key, &counted);
	assert_in_range(counted, 1, atomic_load(&shared.written));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_by_network_and_reason, setup),
		cmocka_unit_test_setup(test_the_frequent_are_found, setup),
		cmocka_unit_test_setup(test_names_are_escaped_and_cut, setup),
		cmocka_unit_test_setup(test_reader_beside_a_writer, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
