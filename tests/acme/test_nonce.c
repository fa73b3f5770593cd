/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/nonce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
the_youngest_goes_first_and_each_once(void **state)
{
	struct nonce_pool *pool = calloc(1, sizeof(*pool));
	char got[NONCE_MAX + 1];

	(void)state;
	nonce_put(pool, "", 1);
	assert_int_equal(nonce_take(pool, 1, got), ERR_NOTFOUND);
	nonce_put(pool, "a", 1);
	nonce_put(pool, "b", 2);
	assert_int_equal(nonce_take(pool, 3, got), ERR_OK);
	assert_string_equal(got, "b");
	assert_int_equal(nonce_take(pool, 3, got), ERR_OK);
	assert_string_equal(got, "a");
	assert_int_equal(nonce_take(pool, 3, got), ERR_NOTFOUND);
	free(pool);
}

static void
the_oldest_leaves_a_full_pool(void **state)
{
	struct nonce_pool *pool = calloc(1, sizeof(*pool));
	char text[NONCE_MAX + 1], got[NONCE_MAX + 1];

	(void)state;
	for (int i = 0; i <= NONCE_POOL_MAX; i++) {
		snprintf(text, sizeof(text), "n%d", i);
		nonce_put(pool, text, 1);
	}
	for (int i = NONCE_POOL_MAX; i > 0; i--) {
		snprintf(text, sizeof(text), "n%d", i);
		assert_int_equal(nonce_take(pool, 1, got), ERR_OK);
		assert_string_equal(got, text);
	}
	assert_int_equal(nonce_take(pool, 1, got), ERR_NOTFOUND); /* n0 */
	free(pool);
}

/* CAs forget them: after a long rest all are dropped, so none costs a round of badNonce. */
static void
idleness_drops_them(void **state)
{
	struct nonce_pool *pool = calloc(1, sizeof(*pool));
	char got[NONCE_MAX + 1];

	(void)state;
	nonce_put(pool, "old", 0);
	nonce_put(pool, "young", 1000);
	assert_int_equal(nonce_take(pool, 1000 + NONCE_AGE_MAX_MS, got), ERR_OK);
	assert_int_equal(nonce_take(pool, 1000 + NONCE_AGE_MAX_MS, got), ERR_NOTFOUND);
	nonce_put(pool, "a", 0);
	nonce_put(pool, "b", 0);
	assert_int_equal(nonce_take(pool, NONCE_AGE_MAX_MS + 1, got), ERR_NOTFOUND);
	assert_int_equal(pool->count, 0);
	free(pool);
}

static void
the_longest_fits_and_longer_ones_are_ignored(void **state)
{
	struct nonce_pool *pool = calloc(1, sizeof(*pool));
	char text[NONCE_MAX + 2] = "", got[NONCE_MAX + 1];

	(void)state;
	memset(text, 'x', NONCE_MAX + 1);
	nonce_put(pool, text, 1);
	assert_int_equal(pool->count, 0);
	text[NONCE_MAX] = '\0';
	nonce_put(pool, text, 1);
	assert_int_equal(nonce_take(pool, 1, got), ERR_OK);
	assert_string_equal(got, text);
	free(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_youngest_goes_first_and_each_once),
		cmocka_unit_test(the_oldest_leaves_a_full_pool),
		cmocka_unit_test(idleness_drops_them),
		cmocka_unit_test(the_longest_fits_and_longer_ones_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
