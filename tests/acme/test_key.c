/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "acme/csr.h"
#include "base/buf.h"
#include "base/hostname.h"
#include "base/secret.h"

static void
words_go_both_ways(void **state)
{
	enum key_kind kind;

	(void)state;
	for (size_t i = 0; i < KEY_KINDS; i++) {
		assert_int_equal(key_kind_parse(key_kind_word((enum key_kind)i), &kind), ERR_OK);
		assert_int_equal(kind, i);
	}
	assert_string_equal(key_kind_word(KEY_KINDS), "unknown");
	assert_int_equal(key_kind_parse("rsa-1024", &kind), ERR_INVALID);
	assert_int_equal(key_kind_parse("", &kind), ERR_INVALID);
}

static void
keys_survive_storage(void **state)
{
	static const enum key_kind kinds[] = {KEY_ECDSA_P256, KEY_ECDSA_P384, KEY_RSA_2048};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct secret bytes = {0};
		EVP_PKEY *key, *again;

		assert_int_equal(key_new(kinds[i], &key), ERR_OK);
		assert_int_equal(key_save(key, &bytes), ERR_OK);
		assert_int_equal(bytes.len == KEY_P256_SCALAR_LEN, kinds[i] == KEY_ECDSA_P256);
		assert_int_equal(key_load(&bytes, &again), ERR_OK);
		assert_int_equal(EVP_PKEY_eq(key, again), 1);
		EVP_PKEY_free(key);
		EVP_PKEY_free(again);
		secret_done(&bytes);
	}
}

static void
known_point_saves_computing_it(void **state)
{
	unsigned char point[KEY_P256_POINT_LEN];
	struct secret bytes = {0};
	EVP_PKEY *key, *again = NULL;
	size_t len;

	(void)state;
	assert_int_equal(key_new(KEY_ECDSA_P256, &key), ERR_OK);
	assert_int_equal(key_save(key, &bytes), ERR_OK);
	assert_int_equal(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
	                                                 sizeof(point), &len),
	                 1);
	assert_int_equal(key_load_p256(&bytes, point, len, &again), ERR_OK);
	assert_int_equal(EVP_PKEY_eq(key, again), 1);
	EVP_PKEY_free(again);
	assert_int_equal(key_load_p256(&bytes, point, len - 1, &again), ERR_INVALID);
	point[64] ^= 1;
	assert_int_equal(key_load_p256(&bytes, point, len, &again), ERR_CRYPTO); /* off the curve */
	EVP_PKEY_free(key);
	secret_done(&bytes);
}

static void
bad_bytes_are_refused(void **state)
{
	static const unsigned char order[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
	                                        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	                                        0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
	                                        0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
	static const unsigned char zero[40] = {0};
	static const struct {
		const unsigned char *data;
		size_t len;
	} rows[] = {{zero, 32}, {order, 32}, {zero, 0}, {zero, 31}, {zero, 40}};
	EVP_PKEY *key = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct secret bytes = {0};

		assert_int_equal(secret_set(&bytes, rows[i].data, rows[i].len), ERR_OK);
		assert_int_equal(key_load(&bytes, &key), ERR_CRYPTO);
		secret_done(&bytes);
	}
	assert_null(key);
}

static void
trailing_bytes_are_refused(void **state)
{
	struct secret bytes = {0}, longer = {0};
	EVP_PKEY *key;

	(void)state;
	assert_int_equal(key_new(KEY_ECDSA_P384, &key), ERR_OK);
	assert_int_equal(key_save(key, &bytes), ERR_OK);
	EVP_PKEY_free(key);
	assert_int_equal(secret_alloc(&longer, bytes.len + 1), ERR_OK);
	memcpy(longer.data, bytes.data, bytes.len);
	assert_int_equal(key_load(&longer, &key), ERR_CRYPTO);
	secret_done(&bytes);
	secret_done(&longer);
}

static void
csr_has_names_in_the_san_only(void **state)
{
	static const char *const texts[] = {"a.example", "*.b.example"};
	struct hostname names[2];
	struct buf der = {0};
	const unsigned char *at;
	STACK_OF(X509_EXTENSION) * extensions;
	GENERAL_NAMES *san;
	X509_REQ *req;
	EVP_PKEY *key;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(hostname_parse(texts[i], &names[i], NULL), ERR_OK);
	assert_int_equal(key_new(KEY_ECDSA_P256, &key), ERR_OK);
	buf_add_str(&der, "what was there");
	assert_int_equal(csr_new(key, names, 2, &der), ERR_OK);
	at = der.data;
	req = d2i_X509_REQ(NULL, &at, (long)der.len);
	assert_non_null(req);
	assert_ptr_equal(at, der.data + der.len);
	assert_int_equal(X509_REQ_verify(req, key), 1);
	assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(req)), 0);
	extensions = X509_REQ_get_extensions(req);
	assert_int_equal(sk_X509_EXTENSION_num(extensions), 1);
	san = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(san), 2);
	for (int i = 0; i < 2; i++) {
		const GENERAL_NAME *gn = sk_GENERAL_NAME_value(san, i);

		assert_int_equal(gn->type, GEN_DNS);
		assert_string_equal((const char *)ASN1_STRING_get0_data(gn->d.dNSName), texts[i]);
	}
	sk_GENERAL_NAME_pop_free(san, GENERAL_NAME_free);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(req);
	EVP_PKEY_free(key);
	buf_done(&der);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_go_both_ways),
		cmocka_unit_test(keys_survive_storage),
		cmocka_unit_test(known_point_saves_computing_it),
		cmocka_unit_test(bad_bytes_are_refused),
		cmocka_unit_test(trailing_bytes_are_refused),
		cmocka_unit_test(csr_has_names_in_the_san_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
