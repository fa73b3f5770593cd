/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what a lookup and a write cost; asserts only what holds under any sanitizer. */
#include "store/domain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "store/cert.h"
#include "store/cert_pool.h"
#include "tests/support/tmpstore.h"

enum { NAMES = 10000, BATCH = 1000, LOOKUPS = 200000 };

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
name_text(int i, char text[64])
{
	snprintf(text, 64, "shop%06d.customer.example.org", i);
}

static void
fill(struct tmpstore *t)
{
	struct cert cert = tmpstore_cert(1, 1000);
	struct buf chain = {0};
	char text[64];

	buf_bytes32(&chain, "issuer", 6);
	for (int i = 0; i < NAMES; i += BATCH) {
		struct store_txn *txn = tmpstore_write(t, STORE_SERVED);

		for (int n = i; n < i + BATCH; n++) {
			struct domain d;

			name_text(n, text);
			d = tmpstore_domain(text, 1000 + n);
			d.state = DOMAIN_VALID;
			cert.generation = (uint64_t)n + 1;
			domain_take_cert(&d, &cert, true);
			assert_int_equal(cert_pool_put(txn, &d.name, 1, &cert, &chain), ERR_OK);
			assert_int_equal(domain_put(txn, &d), ERR_OK);
		}
		tmpstore_commit(txn);
	}
	cert_done(&cert);
	buf_done(&chain);
}

static void
look_up(struct tmpstore *t)
{
	struct hostname *names = calloc(NAMES, sizeof(*names));
	struct store_txn *txn;
	struct domain d;
	struct cert cert;
	char text[64];
	double start;
	int at;

	cert_init(&cert);
	for (int i = 0; i < NAMES; i++) {
		name_text(i, text);
		names[i] = tmpstore_name(text);
	}
	start = now_us();
	for (int i = 0; i < LOOKUPS; i++)
		store_abort(tmpstore_read(t, STORE_SERVED));
	print_message("begin and end a read:         %.2f us\n", (now_us() - start) / LOOKUPS);
	start = now_us();
	for (int i = 0; i < LOOKUPS; i++) {
		txn = tmpstore_read(t, STORE_SERVED);
		assert_int_equal(domain_get(txn, &names[rand() % NAMES], &d), ERR_OK);
		store_abort(txn);
	}
	print_message("begin, domain_get, end:       %.2f us\n", (now_us() - start) / LOOKUPS);
	start = now_us();
	for (int i = 0; i < LOOKUPS; i++) {
		txn = tmpstore_read(t, STORE_SERVED);
		at = rand() % NAMES;
		assert_int_equal(cert_pool_get(txn, (uint64_t)at + 1, &names[at], &cert), ERR_OK);
		store_abort(txn);
	}
	print_message("begin, cert_pool_get, end:    %.2f us\n", (now_us() - start) / LOOKUPS);
	cert_done(&cert);
	free(names);
}

static void
figures(void **state)
{
	struct tmpstore t;
	struct store_stat stat;
	double start;

	(void)state;
	tmpstore_init(&t);
	tmpstore_open(&t);
	start = now_us();
	fill(&t);
	print_message("domain and cert, %d a commit: %.2f us each\n", BATCH,
	              (now_us() - start) / NAMES);
	assert_int_equal(store_stat(t.store, &stat), ERR_OK);
	print_message("file per name:                %.0f bytes\n",
	              (double)stat.used_bytes / NAMES);
	look_up(&t);
	tmpstore_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
