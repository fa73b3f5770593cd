/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempts [NAMES] - what the memory of attempts (store/attempt.h) takes of private/ with NAMES
 * names (default 1,000,000) that have been renewed twice, and what a twentieth of them take that
 * fail with each attempt. Written as the issuer does it: while an attempt is in work, and at its
 * end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "store/attempt.h"
#include "store/store.h"
#include "tests/support/tmpstore.h"

enum { AT_ONCE = 1024, PART_DEAD = 20 };

static size_t names = 1000000;

/* Who comes next is not the neighbour, as names are due in an order of their own. */
static size_t
shuffled(size_t i)
{
	size_t bits = 1, n = i;

	while (((size_t)1 << bits) < names)
		bits++;
	do { /* a permutation of 2^bits, walked until it is in range */
		n = (n * 0x9e3779b1u + 12345) & (((size_t)1 << bits) - 1);
		n ^= n >> (bits / 2);
	} while (n >= names);
	return n;
}

static double
bytes(const struct tmpstore *t)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/private/data.mdb", t->dir);
	return stat(path, &st) ? 0 : (double)st.st_blocks * 512;
}

static void
attempt(struct attempt *a, size_t i, int round, bool fails)
{
	static const char *const steps[] = {"new-order", "authorize", "respond", "validate",
	                                    "finalize",  "issue",     "download"};
	size_t count = fails ? 4 : sizeof(steps) / sizeof(steps[0]);

	*a = (struct attempt){.began_ms = INT64_C(1800000000000) + round, .ca = "letsencrypt"};
	snprintf(a->order, sizeof(a->order),
	         "https://acme-v02.api.letsencrypt.org/acme/order/1234567890/%012zu", i);
	for (size_t k = 0; k < count; k++)
		attempt_step(a, steps[k], k ? 200 : 201, a->began_ms);
}

static void
end(struct attempt *a, bool fails)
{
	static const char words[] =
		"DNS problem: NXDOMAIN looking up A for www.shop.example - check "
		"that a DNS record exists for this domain";

	a->ended_at = a->began_ms / 1000 + 2;
	if (!fails)
		return;
	a->next_at = a->ended_at + 86400;
	problem_set(&a->problem, PROBLEM_AUTHZ_DNS, "%s", words);
	snprintf(a->document, sizeof(a->document),
	         "{\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":\"%s\",\"status\":400}",
	         words);
}

static void
round_of_all(struct tmpstore *t, int round, bool fails)
{
	for (size_t at = 0; at < names; at += AT_ONCE)
		for (int ends = 0; ends < 2; ends++) {
			struct store_txn *txn = tmpstore_write(t, STORE_PRIVATE);

			for (size_t i = at; i < at + AT_ONCE && i < names; i++) {
				char text[64];
				struct hostname name;
				struct attempt a;

				snprintf(text, sizeof(text), "%s-%07zu.customers.example",
				         fails ? "dead" : "shop", shuffled(i));
				name = tmpstore_name(text);
				attempt(&a, i, round, fails);
				if (ends)
					end(&a, fails);
				assert_int_equal(attempt_put(txn, &name, &a), ERR_OK);
			}
			tmpstore_commit(txn);
		}
}

static void
bench(void **state)
{
	struct tmpstore t;
	double before;

	(void)state;
	tmpstore_init(&t);
	tmpstore_open(&t);
	before = bytes(&t);
	for (int i = 0; i < 2; i++)
		round_of_all(&t, i, false);
	printf("%zu names, each renewed twice: %.0f B/name of attempts\n", names,
	       (bytes(&t) - before) / (double)names);
	before = bytes(&t);
	names /= PART_DEAD;
	for (int i = 0; i < ATTEMPTS_MAX + 2; i++)
		round_of_all(&t, i, true);
	printf("%zu that have failed %d times: %.0f B/name\n", names, ATTEMPTS_MAX + 2,
	       (bytes(&t) - before) / (double)names);
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
