/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of damaged names: in order, bounded, and whole whatever the writer does meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/hostname.h"
#include "daemon/common/report.h"

static struct hostname
numbered(unsigned n)
{
	struct hostname name;
	char text[64];

	/* The number in every label: a mixture of two names would show. */
	snprintf(text, sizeof(text), "n%06u.x%06u.y%06u.test", n, n, n);
	assert_int_equal(hostname_parse(text, &name, NULL), ERR_OK);
	return name;
}

static void
add(struct report_ring *ring, unsigned n)
{
	struct hostname name = numbered(n);

	report_add(ring, &name);
}

static unsigned
number_of(const struct hostname *name)
{
	unsigned n = (unsigned)strtoul(name->name + 1, NULL, 10);
	struct hostname whole = numbered(n);

	assert_true(hostname_equal(name, &whole));
	return n;
}

static void
test_in_order(void **state)
{
	static struct report_ring ring;
	struct report_reader reader = {0};
	struct hostname name;

	(void)state;
	assert_false(report_next(&ring, &reader, &name));
	for (unsigned n = 0; n < 100; n++) {
		add(&ring, n);
		if (n % 3 == 0)
			add(&ring, n + 1000);
		assert_true(report_next(&ring, &reader, &name));
		assert_int_equal(number_of(&name), n);
		if (n % 3 == 0) {
			assert_true(report_next(&ring, &reader, &name));
			assert_int_equal(number_of(&name), n + 1000);
		}
		assert_false(report_next(&ring, &reader, &name));
	}
	assert_int_equal(reader.lost, 0);
}

static void
test_overwritten_are_counted(void **state)
{
	static struct report_ring ring;
	struct report_reader reader = {0}, late = {0};
	struct hostname name;
	unsigned count = 0;

	(void)state;
	for (unsigned n = 0; n < 100; n++)
		add(&ring, n);
	while (report_next(&ring, &reader, &name))
		assert_int_equal(number_of(&name), 100 - (REPORT_RING - 1) + count++);
	assert_int_equal(count, REPORT_RING - 1);
	assert_int_equal(reader.lost, 100 - count);
	assert_true(report_next(&ring, &late, &name)); /* a keeper that was restarted */
}

static void
test_longest_name_and_nonsense(void **state)
{
	static struct report_ring ring;
	struct report_reader reader = {0};
	struct hostname longest = {.len = 0}, got;

	(void)state;
	while (longest.len < HOSTNAME_MAX) {
		longest.name[longest.len] = longest.len % 64 == 63 ? '.' : 'a';
		longest.len++;
	}
	longest.name[longest.len - 1] = 'a';
	report_add(&ring, &longest);
	assert_true(report_next(&ring, &reader, &got));
	assert_true(hostname_equal(&longest, &got));
	longest = (struct hostname){.len = 4, .name = "a..b"};
	report_add(&ring, &longest); /* as a worker gone mad may write */
	for (int i = 0; i < REPORT_WORDS; i++)
		atomic_store(&ring.words[2][i], UINT64_MAX);
	atomic_store(&ring.written, 3);
	assert_false(report_next(&ring, &reader, &got));
}

enum { WRITES = 200000 };

static void *
writer(void *arg)
{
	for (unsigned n = 0; n < WRITES; n++)
		add(arg, n);
	return NULL;
}

static void
test_whole_while_written(void **state)
{
	static struct report_ring ring;
	struct report_reader reader = {0};
	struct hostname name;
	pthread_t thread;
	uint64_t got = 0;
	unsigned last = 0, n;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, writer, &ring), 0);
	while (last != WRITES - 1) {
		if (!report_next(&ring, &reader, &name))
			continue;
		n = number_of(&name);
		assert_true(got == 0 || n > last);
		last = n;
		got++;
	}
	pthread_join(thread, NULL);
	assert_int_equal(got + reader.lost, WRITES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_overwritten_are_counted),
		cmocka_unit_test(test_longest_name_and_nonsense),
		cmocka_unit_test(test_whole_while_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
