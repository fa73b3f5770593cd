/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renewals [NAMES] - what renewal information costs the keeper with NAMES certificates (default
 * 1,000,000): bytes on the disk, and a second's work (a page of who is due, its answers, one
 * commit) when half of the windows are new. No CA: see tests/system/test_ari.py for that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/watch/renewal.h"
#include "daemon/watch/renewer.h"
#include "store/store.h"
#include "tests/support/tmpstore.h"

enum { TXN = 1000, SECONDS = 50, LIFE = 90 * 86400 };

static size_t names = 1000000;

static double
now_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static double
mib(const struct tmpstore *t)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/served/data.mdb", t->dir);
	return stat(path, &st) ? 0 : (double)st.st_blocks * 512 / (1 << 20);
}

/* GENERATION 0: names without certificates; else they get them, and so their records. */
static void
fill(struct tmpstore *t, uint64_t generation)
{
	char name[64];

	for (size_t at = 0; at < names; at += TXN) {
		struct store_txn *txn = tmpstore_write(t, STORE_SERVED);

		for (size_t i = at; i < at + TXN && i < names; i++) {
			struct domain d;

			snprintf(name, sizeof(name), "shop-%07zu.customers.example", i);
			d = tmpstore_domain(name, clock_wall() + LIFE / 2);
			d.generation = generation;
			d.not_before = generation ? clock_wall() : 0;
			d.not_after = generation ? clock_wall() + LIFE : 0;
			d.state = generation ? DOMAIN_VALID : DOMAIN_PENDING;
			assert_int_equal(domain_put(txn, &d), ERR_OK);
		}
		tmpstore_commit(txn);
	}
}

static void
second(struct tmpstore *t, size_t round, double *ret_look_ms)
{
	static struct renewal_row rows[RENEWER_LOOK];
	double began = now_ms(CLOCK_MONOTONIC);
	struct store_txn *txn = tmpstore_read(t, STORE_SERVED);
	size_t count = 0;

	assert_int_equal(renewal_due(txn, "le", clock_wall(), RENEWER_LOOK, rows, &count), ERR_OK);
	assert_int_equal(count, RENEWER_LOOK);
	store_abort(txn);
	*ret_look_ms += now_ms(CLOCK_MONOTONIC) - began;
	txn = tmpstore_write(t, STORE_SERVED);
	for (size_t i = 0; i < count; i++) {
		struct renewal_subject subject = {.ca = "le", .row = rows[i]};
		struct renewal_answer a = {
			.word = i % 2 ? RENEWAL_WINDOW : RENEWAL_LATER,
			.info = {.start = clock_wall() + LIFE / 2,
		                 .end = clock_wall() + LIFE * 2 / 3},
			.again_at = clock_wall() + 21600,
			.id = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.BFE6lICkZHT1jg8QZQm9rgVl"};
		struct renewal_change change;
		struct renewal r;

		a.info.start += (int64_t)round;
		assert_int_equal(renewal_settle(txn, &subject, &a, &r, &change), ERR_OK);
	}
	tmpstore_commit(txn);
}

static void
bench(void **state)
{
	struct tmpstore t;
	struct rusage usage;
	double before, look = 0, cpu, wall;

	(void)state;
	tmpstore_init(&t);
	tmpstore_open(&t);
	fill(&t, 0);
	before = mib(&t);
	fill(&t, 1);
	printf("%zu certificates: their records take %.0f MiB of %.0f, pages to spare included\n",
	       names, mib(&t) - before, mib(&t));
	cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);
	wall = now_ms(CLOCK_MONOTONIC);
	for (size_t i = 0; i < SECONDS; i++)
		second(&t, i, &look);
	cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = now_ms(CLOCK_MONOTONIC) - wall;
	printf("a second at the limit, %d answers: %.1f ms CPU, %.1f ms with the disk; a look %.2f "
	       "ms\n",
	       RENEWER_LOOK, cpu / SECONDS, wall / SECONDS, look / SECONDS);
	printf("so at 6 hours, %.1f answers a second: %.2f %% of a CPU\n", (double)names / 21600,
	       cpu / SECONDS / RENEWER_LOOK * (double)names / 21600 / 10);
	getrusage(RUSAGE_SELF, &usage);
	printf("memory at most %ld MiB, the store's page cache with it\n", usage.ru_maxrss / 1024);
	tmpstore_done(&t);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(bench)};

	if (argc > 1)
		names = strtoul(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
