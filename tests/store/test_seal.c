/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/secret.h"

/* For the linker (--wrap). */
int __real_EVP_CipherUpdate(EVP_CIPHER_CTX *ctx, unsigned char *out, int *ret_len,
                            const unsigned char *in, int in_len);
int __wrap_EVP_CipherUpdate(EVP_CIPHER_CTX *ctx, unsigned char *out, int *ret_len,
                            const unsigned char *in, int in_len);

static int fails_after = -1; /* so many calls; -1: never */

int
__wrap_EVP_CipherUpdate(EVP_CIPHER_CTX *ctx, unsigned char *out, int *ret_len,
                        const unsigned char *in, int in_len)
{
	if (fails_after == 0)
		return 0;
	if (fails_after > 0)
		fails_after--;
	return __real_EVP_CipherUpdate(ctx, out, ret_len, in, in_len);
}

static const unsigned char id_a[SEAL_ID_LEN] = "store a";
static const unsigned char id_b[SEAL_ID_LEN] = "store b";
static const struct seal_place place = {"cert", "a.example", 9, 2, 7};

static struct seal *
seal_of(const unsigned char *id, unsigned char fill)
{
	struct secret master = {0};
	struct seal *seal = NULL;

	assert_int_equal(secret_alloc(&master, 32), ERR_OK);
	memset(master.data, fill, master.len);
	assert_int_equal(seal_new(&master, 1, id, &seal), ERR_OK);
	secret_done(&master);
	return seal;
}

static enum err
open_with(struct seal *seal, const struct seal_place *at, const struct buf *sealed, size_t len)
{
	struct span span = {sealed->data, len};
	struct buf out = {0};
	struct seal_head head = {0};
	enum err err = seal_open(seal, at, &span, &out, &head);

	if (err)
		assert_int_equal(out.len, 0);
	buf_done(&out);
	return err;
}

static void
what_was_closed_opens(void **state)
{
	static const size_t lens[] = {0, 1, 15, 16, 17, 1000, 100000};
	struct seal *seal = seal_of(id_a, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct buf plain = {0}, sealed = {0}, out = {0};
		struct seal_head head = {0};
		struct span span;

		for (size_t n = 0; n < lens[i]; n++)
			buf_u8(&plain, (uint8_t)n);
		assert_int_equal(seal_close(seal, &place, plain.data, plain.len, &sealed), ERR_OK);
		assert_int_equal(sealed.len, lens[i] + SEAL_OVERHEAD);
		span = (struct span){sealed.data, sealed.len};
		assert_int_equal(seal_open(seal, &place, &span, &out, &head), ERR_OK);
		assert_int_equal(head.format, 2);
		assert_int_equal(head.revision, 7);
		assert_true(out.secret);
		assert_int_equal(out.len, lens[i]);
		if (lens[i])
			assert_memory_equal(out.data, plain.data, lens[i]);
		buf_done(&plain);
		buf_done(&sealed);
		buf_done(&out);
	}
	seal_free(seal);
}

static void
every_flipped_bit_is_seen(void **state)
{
	struct seal *seal = seal_of(id_a, 1);
	struct buf sealed = {0};

	(void)state;
	assert_int_equal(seal_close(seal, &place, "a record", 8, &sealed), ERR_OK);
	for (size_t bit = 0; bit < sealed.len * 8; bit++) {
		sealed.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
		/* Bytes 1 and 2 are the key's id: that key is not known. */
		assert_int_equal(open_with(seal, &place, &sealed, sealed.len),
		                 bit / 8 == 1 || bit / 8 == 2 ? ERR_AGAIN : ERR_CORRUPT);
		sealed.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	for (size_t len = 0; len < sealed.len; len++)
		assert_int_equal(open_with(seal, &place, &sealed, len), ERR_CORRUPT);
	assert_int_equal(open_with(seal, &place, &sealed, sealed.len), ERR_OK);
	buf_done(&sealed);
	seal_free(seal);
}

static void
another_place_does_not_open(void **state)
{
	static const struct {
		struct seal_place at;
		enum err err;
	} cases[] = {
		{{"cert", "a.example", 9, 2, 0}, ERR_OK},
		{{"cert", "a.example", 9, 3, 0}, ERR_OK}, /* a later program reads it */
		{{"cert", "a.example", 9, 1, 0}, ERR_VERSION},
		{{"cert", "b.example", 9, 2, 0}, ERR_CORRUPT},
		{{"cert", "a.exampl", 8, 2, 0}, ERR_CORRUPT},
		{{"cert", "a.example\0", 10, 2, 0}, ERR_CORRUPT},
		{{"domain", "a.example", 9, 2, 0}, ERR_CORRUPT},
		{{"cer", "t\0a.example", 11, 2, 0}, ERR_CORRUPT},
	};
	struct seal *seal = seal_of(id_a, 1), *other_id = seal_of(id_b, 1),
		    *other_key = seal_of(id_a, 2);
	struct buf sealed = {0};

	(void)state;
	assert_int_equal(seal_close(seal, &place, "a record", 8, &sealed), ERR_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(open_with(seal, &cases[i].at, &sealed, sealed.len), cases[i].err);
	assert_int_equal(open_with(other_id, &place, &sealed, sealed.len), ERR_CORRUPT);
	assert_int_equal(open_with(other_key, &place, &sealed, sealed.len), ERR_CORRUPT);
	buf_done(&sealed);
	seal_free(seal);
	seal_free(other_id);
	seal_free(other_key);
}

static void
the_same_record_is_sealed_anew(void **state)
{
	struct seal *seal = seal_of(id_a, 1);
	struct buf one = {0}, two = {0};

	(void)state;
	assert_int_equal(seal_close(seal, &place, "a record", 8, &one), ERR_OK);
	assert_int_equal(seal_close(seal, &place, "a record", 8, &two), ERR_OK);
	assert_memory_not_equal(one.data + 11, two.data + 11, 12);
	assert_memory_not_equal(one.data + 23, two.data + 23, 8);
	buf_done(&one);
	buf_done(&two);
	seal_free(seal);
}

static void
keys_of_another_length_are_refused(void **state)
{
	static const size_t lens[] = {0, 16, 31, 33};
	struct secret master = {0};
	struct seal *seal = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		assert_int_equal(secret_alloc(&master, lens[i]), ERR_OK);
		assert_int_equal(seal_new(&master, 1, id_a, &seal), ERR_INVALID);
	}
	secret_done(&master);
	seal_free(NULL);
}

/* Out of memory in the library is no damage of the record, which would be put aside. */
static void
a_failure_of_the_library_is_no_damage(void **state)
{
	struct seal *seal = seal_of(id_a, 1);
	struct buf sealed = {0};

	(void)state;
	assert_int_equal(seal_close(seal, &place, "a record", 8, &sealed), ERR_OK);
	for (int at = 0; at < 2; at++) {
		fails_after = at;
		assert_int_equal(open_with(seal, &place, &sealed, sealed.len), ERR_CRYPTO);
	}
	fails_after = -1;
	assert_int_equal(open_with(seal, &place, &sealed, sealed.len), ERR_OK);
	sealed.data[sealed.len - 1] ^= 1;
	assert_int_equal(open_with(seal, &place, &sealed, sealed.len), ERR_CORRUPT);
	buf_done(&sealed);
	seal_free(seal);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_closed_opens),
		cmocka_unit_test(every_flipped_bit_is_seen),
		cmocka_unit_test(another_place_does_not_open),
		cmocka_unit_test(the_same_record_is_sealed_anew),
		cmocka_unit_test(keys_of_another_length_are_refused),
		cmocka_unit_test(a_failure_of_the_library_is_no_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
