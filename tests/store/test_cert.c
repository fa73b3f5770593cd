/* SPDX-License-Identifier: Apache-2.0 */
#include "store/cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/inside.h"
#include "store/table.h"
#include "tests/support/tmpstore.h"

enum { RECORD_MAX = 1320 }; /* so that three fit a page of 4 KiB with their keys */

static struct buf
chain_of(const char *text)
{
	struct buf chain = {0};

	buf_bytes32(&chain, text, strlen(text));
	return chain;
}

static void
put(struct tmpstore *t, const struct hostname *name, struct cert *cert, const char *chain_text)
{
	struct buf chain = chain_of(chain_text);
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);

	assert_int_equal(cert_put(txn, name, cert, &chain), ERR_OK);
	tmpstore_commit(txn);
	buf_done(&chain);
}

static void
every_field_comes_back(void **state)
{
	struct hostname name = tmpstore_name("*.a.example");
	struct cert cert = tmpstore_cert(7, 900), got;
	struct buf chain = {0}, expected = chain_of("issuer");
	struct store_txn *txn;

	cert_init(&got);
	put(*state, &name, &cert, "issuer");
	txn = tmpstore_read(*state, STORE_SERVED);
	for (int i = 0; i < 2; i++) { /* the second time over what is there */
		assert_int_equal(cert_get(txn, &name, &got), ERR_OK);
		assert_int_equal(got.generation, 7);
		assert_int_equal(got.not_before, 1000);
		assert_int_equal(got.not_after, 2000);
		assert_int_equal(got.key_kind, CERT_KEY_P256);
		assert_int_equal(got.key.len, 32);
		assert_memory_equal(got.key.data, cert.key.data, 32);
		assert_int_equal(got.leaf.len, 900);
		assert_memory_equal(got.leaf.data, cert.leaf.data, 900);
		assert_memory_equal(got.chain_id, cert.chain_id, CERT_CHAIN_ID_LEN);
	}
	buf_add_str(&chain, "before");
	assert_int_equal(cert_chain_get(txn, got.chain_id, &chain), ERR_OK);
	buf_eat(&chain, 6);
	assert_int_equal(chain.len, expected.len);
	assert_memory_equal(chain.data, expected.data, expected.len);
	store_abort(txn);
	cert_done(&got);
	cert_done(&cert);
	buf_done(&chain);
	buf_done(&expected);
}

static void
chains_are_stored_once(void **state)
{
	struct hostname a = tmpstore_name("a.example"), b = tmpstore_name("b.example"),
			c = tmpstore_name("c.example");
	struct cert cert = tmpstore_cert(1, 100);
	unsigned char none[CERT_CHAIN_ID_LEN] = {0};
	struct buf chain = {0};
	struct store_txn *txn;
	uint64_t records;

	put(*state, &a, &cert, "issuer one");
	put(*state, &b, &cert, "issuer one");
	put(*state, &c, &cert, "issuer two");
	put(*state, &a, &cert, "issuer one");
	txn = tmpstore_read(*state, STORE_SERVED);
	assert_int_equal(table_size(txn, TABLE_CHAIN, &records), ERR_OK);
	assert_int_equal(records, 2);
	assert_int_equal(cert_chain_get(txn, none, &chain), ERR_NOTFOUND);
	assert_int_equal(chain.len, 0);
	store_abort(txn);
	cert_done(&cert);
}

static void
a_usual_record_fits_three_to_a_page(void **state)
{
	struct hostname name = tmpstore_name("shop.customer.example.org");
	struct cert cert = tmpstore_cert(1, 1000);
	struct store_txn *txn;
	struct span record;

	put(*state, &name, &cert, "issuer");
	txn = tmpstore_read(*state, STORE_SERVED);
	assert_int_equal(table_get_plain(txn, TABLE_CERT, table_key_name(&name), &record), ERR_OK);
	print_message("a leaf of 1000 bytes makes a record of %zu\n", record.len);
	assert_true(record.len <= RECORD_MAX);
	store_abort(txn);
	cert_done(&cert);
}

static void
pkcs8_keys_and_large_leaves_fit(void **state)
{
	struct hostname name = tmpstore_name("rsa.example");
	struct cert cert = tmpstore_cert(3, CERT_LEAF_MAX), got;
	struct store_txn *txn;

	cert_init(&got);
	cert.key_kind = CERT_KEY_PKCS8;
	assert_int_equal(secret_alloc(&cert.key, CERT_KEY_MAX), ERR_OK);
	put(*state, &name, &cert, "");
	txn = tmpstore_read(*state, STORE_SERVED);
	assert_int_equal(cert_get(txn, &name, &got), ERR_OK);
	assert_int_equal(got.leaf.len, CERT_LEAF_MAX);
	assert_int_equal(got.key.len, CERT_KEY_MAX);
	store_abort(txn);
	cert_done(&cert);
	cert_done(&got);
}

static void
what_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *what;
		int kind;
		size_t key_len, leaf_len, chain_len;
		enum err err;
	} cases[] = {
		{"fine", CERT_KEY_P256, 32, 10, 10, ERR_OK},
		{"no chain", CERT_KEY_P256, 32, 10, 0, ERR_OK},
		{"kind 0", 0, 32, 10, 10, ERR_INVALID},
		{"kind 3", 3, 32, 10, 10, ERR_INVALID},
		{"short scalar", CERT_KEY_P256, 31, 10, 10, ERR_INVALID},
		{"long scalar", CERT_KEY_P256, 33, 10, 10, ERR_INVALID},
		{"no key", CERT_KEY_PKCS8, 0, 10, 10, ERR_INVALID},
		{"huge key", CERT_KEY_PKCS8, CERT_KEY_MAX + 1, 10, 10, ERR_INVALID},
		{"no leaf", CERT_KEY_P256, 32, 0, 10, ERR_INVALID},
		{"huge leaf", CERT_KEY_P256, 32, CERT_LEAF_MAX + 1, 10, ERR_TOOBIG},
		{"huge chain", CERT_KEY_P256, 32, 10, CERT_CHAIN_MAX + 1, ERR_TOOBIG},
	};
	struct hostname name = tmpstore_name("a.example");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cert cert = tmpstore_cert(1, cases[i].leaf_len);
		struct buf chain = {0};
		struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);

		cert.key_kind = (enum cert_key_kind)cases[i].kind;
		assert_int_equal(secret_alloc(&cert.key, cases[i].key_len), ERR_OK);
		for (size_t n = 0; n < cases[i].chain_len; n++)
			buf_u8(&chain, 1);
		if (cert_put(txn, &name, &cert, &chain) != cases[i].err)
			fail_msg("%s", cases[i].what);
		assert_int_equal(store_commit(txn), cases[i].err);
		cert_done(&cert);
		buf_done(&chain);
	}
}

static void
del_is_content_with_nothing(void **state)
{
	struct hostname name = tmpstore_name("a.example");
	struct cert cert = tmpstore_cert(1, 100), got;
	struct store_txn *txn;

	cert_init(&got);
	put(*state, &name, &cert, "issuer");
	txn = tmpstore_write(*state, STORE_SERVED);
	assert_int_equal(cert_del(txn, &name), ERR_OK);
	assert_int_equal(cert_del(txn, &name), ERR_OK);
	assert_int_equal(cert_get(txn, &name, &got), ERR_NOTFOUND);
	tmpstore_commit(txn);
	cert_done(&cert);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpstore_setup, tmpstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_field_comes_back),
		TEST(chains_are_stored_once),
		TEST(a_usual_record_fits_three_to_a_page),
		TEST(pkcs8_keys_and_large_leaves_fit),
		TEST(what_makes_no_sense_is_refused),
		TEST(del_is_content_with_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
