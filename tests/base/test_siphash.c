/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/siphash.h"

/* The reference vectors: key 00 01 .. 0f, input 00 01 02 .. of growing length. */
static const uint64_t vectors[] = {
	0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
	0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
	0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
	0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
};

static void
test_vectors(void **state)
{
	unsigned char key[SIPHASH_KEY_LEN], data[16];

	(void)state;
	for (unsigned i = 0; i < 16; i++)
		key[i] = data[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_true(siphash(key, data, i) == vectors[i]);
}

static void
test_key_matters(void **state)
{
	unsigned char a[SIPHASH_KEY_LEN] = {0}, b[SIPHASH_KEY_LEN] = {1};

	(void)state;
	assert_true(siphash(a, "example.org", 11) != siphash(b, "example.org", 11));
	assert_true(siphash(a, "", 0) != siphash(a, "\0", 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_key_matters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
