/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that makes RSA keys: all that was asked for comes, what was cancelled does not. */
#include "daemon/order/keymaker.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/evp.h>

enum { OWNERS = 4, PATIENCE_MS = 60000 };

static int bell[2];

static void
ring(void *arg)
{
	assert_ptr_equal(arg, bell);
	assert_int_equal(write(bell[1], "x", 1), 1);
}

/* The next key's owner, waiting for it. */
static void *
next(struct keymaker *k, EVP_PKEY **ret_key)
{
	struct pollfd fd = {.fd = bell[0], .events = POLLIN};
	void *owner;
	char c;

	while (!(owner = keymaker_take(k, ret_key))) {
		assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
		assert_int_equal(read(bell[0], &c, 1), 1);
	}
	return owner;
}

static void
keys_come_in_turn(void **state)
{
	static const enum key_kind kinds[OWNERS] = {KEY_RSA_2048, KEY_RSA_3072, KEY_ECDSA_P384,
	                                            KEY_RSA_2048};
	static const int bits[OWNERS] = {2048, 3072, 384, 2048};
	EVP_PKEY *keys[OWNERS];
	struct keymaker *k;
	int owners[OWNERS];

	(void)state;
	assert_int_equal(pipe(bell), 0);
	assert_int_equal(keymaker_new(ring, bell, &k), ERR_OK);
	for (int i = 0; i < OWNERS; i++)
		assert_int_equal(keymaker_ask(k, kinds[i], &owners[i]), ERR_OK);
	for (int i = 0; i < OWNERS; i++) {
		assert_ptr_equal(next(k, &keys[i]), &owners[i]);
		assert_int_equal(EVP_PKEY_get_bits(keys[i]), bits[i]);
	}
	assert_int_equal(EVP_PKEY_eq(keys[0], keys[3]), 0);
	assert_null(keymaker_take(k, &keys[0]));
	for (int i = 0; i < OWNERS; i++)
		EVP_PKEY_free(keys[i]);
	keymaker_free(k);
	close(bell[0]);
	close(bell[1]);
}

/* The first is in work or done already, the others wait: whichever, it is not given any more. */
static void
what_is_cancelled_does_not_come(void **state)
{
	struct keymaker *k;
	EVP_PKEY *key;
	int owners[OWNERS];

	(void)state;
	assert_int_equal(pipe(bell), 0);
	assert_int_equal(keymaker_new(ring, bell, &k), ERR_OK);
	for (int i = 0; i < OWNERS; i++)
		assert_int_equal(keymaker_ask(k, KEY_RSA_2048, &owners[i]), ERR_OK);
	for (int i = 0; i < OWNERS - 1; i++)
		keymaker_cancel(k, &owners[i]);
	keymaker_cancel(k, &key); /* nobody's */
	assert_ptr_equal(next(k, &key), &owners[OWNERS - 1]);
	EVP_PKEY_free(key);
	assert_int_equal(keymaker_ask(k, KEY_RSA_2048, &owners[0]), ERR_OK);
	keymaker_free(k); /* with one in work */
	keymaker_free(NULL);
	close(bell[0]);
	close(bell[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_in_turn),
		cmocka_unit_test(what_is_cancelled_does_not_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
