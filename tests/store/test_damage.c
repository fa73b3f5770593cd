/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes changed behind our back, written through LMDB itself: seen, named, and contained. */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/account.h"
#include "store/cert.h"
#include "store/challenge.h"
#include "store/domain.h"
#include "store/domain_due.h"
#include "store/event.h"
#include "store/order.h"
#include "tests/support/rawdb.h"
#include "tests/support/tmpstore.h"

enum { NAMES = 20 };

/* Changes one byte of the record under KEY. */
static void
flip(const struct tmpstore *t, const char *folder, const char *table, const char *key,
     size_t key_len)
{
	struct rawdb raw = rawdb_open(t->dir, folder, table);
	unsigned char data[RAWDB_MAX];
	size_t len = rawdb_get(&raw, key, key_len, data);

	data[(size_t)rand() % len] ^= (unsigned char)(1 << rand() % 8);
	rawdb_put(&raw, key, key_len, data, len);
	rawdb_close(&raw);
}

static struct hostname
number(int i)
{
	char text[32];

	snprintf(text, sizeof(text), "n%02d.example", i);
	return tmpstore_name(text);
}

static void
fill_served(struct tmpstore *t)
{
	struct cert cert = tmpstore_cert(1, 500);
	struct challenge c = {.kind = CHALLENGE_HTTP_01, .token = "tok", .keyauth = "tok.x"};
	struct buf chain = {0};
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);

	buf_bytes32(&chain, "issuer", 6);
	for (int i = 0; i < NAMES; i++) {
		struct domain d = tmpstore_domain("x", i + 1);

		d.name = number(i);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
		assert_int_equal(cert_put(txn, &d.name, &cert, &chain), ERR_OK);
	}
	c.name = number(0);
	assert_int_equal(challenge_put(txn, &c), ERR_OK);
	tmpstore_commit(txn);
	cert_done(&cert);
	buf_done(&chain);
}

static void
fill_private(struct tmpstore *t)
{
	struct account a = {.directory = "https://ca"};
	struct order o;
	struct store_txn *txn = tmpstore_write(t, STORE_PRIVATE);

	order_init(&o);
	o.name = number(0);
	assert_int_equal(secret_alloc(&a.key, 32), ERR_OK);
	assert_int_equal(account_put(txn, &a), ERR_OK);
	assert_int_equal(order_put(txn, &o), ERR_OK);
	for (int i = 0; i < 3; i++) {
		struct event e = {.type = "test"};

		snprintf(e.detail, sizeof(e.detail), "number %d", i);
		assert_int_equal(event_put(txn, &e), ERR_OK);
	}
	tmpstore_commit(txn);
	account_done(&a);
	order_done(&o);
}

static int
setup(void **state)
{
	struct tmpstore *t = calloc(1, sizeof(*t));

	srand(7);
	tmpstore_init(t);
	tmpstore_open(t);
	fill_served(t);
	fill_private(t);
	tmpstore_close(t);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	tmpstore_done(*state);
	free(*state);
	return 0;
}

static void
a_flipped_domain_harms_only_its_name(void **state)
{
	struct tmpstore *t = *state;
	struct hostname bad = number(7);
	struct domain page[NAMES], d;
	struct store_txn *txn;
	size_t count;

	flip(t, "served", "domain", bad.name, bad.len);
	tmpstore_open(t);
	txn = tmpstore_read(t, STORE_SERVED);
	assert_int_equal(domain_get(txn, &bad, &d), ERR_CORRUPT);
	assert_int_equal(domain_get(txn, &(struct hostname){0}, &d), ERR_INVALID);
	assert_int_equal(domain_page(txn, NULL, NAMES, page, &count), ERR_OK);
	assert_int_equal(count, NAMES);
	for (int i = 0; i < NAMES; i++) {
		struct hostname name = number(i);

		assert_true(hostname_equal(&page[i].name, &name));
		assert_int_equal(page[i].state, i == 7 ? DOMAIN_FAILING : DOMAIN_PENDING);
		assert_int_equal(domain_get(txn, &name, &d), i == 7 ? ERR_CORRUPT : ERR_OK);
	}
	assert_non_null(strstr(page[7].problem.detail, "damaged"));
	assert_int_equal(domain_verify(txn), ERR_CORRUPT);
	store_abort(txn);
	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(domain_put(txn, &page[7]), ERR_CORRUPT);
	assert_int_equal(store_commit(txn), ERR_CORRUPT);
}

static void
flips_in_every_table_are_seen(void **state)
{
	struct tmpstore *t = *state;
	struct hostname bad = number(0), good = number(1);
	static const char third[8] = {0, 0, 0, 0, 0, 0, 0, 3};
	struct cert cert;
	struct challenge c;
	struct account a = {0};
	struct order o;
	struct event events[4];
	struct store_txn *txn;
	size_t count;

	cert_init(&cert);
	order_init(&o);
	flip(t, "served", "cert", bad.name, bad.len);
	flip(t, "served", "challenge-http", "tok", 3);
	flip(t, "private", "account", "https://ca", 10);
	flip(t, "private", "order", bad.name, bad.len);
	flip(t, "private", "event", third, sizeof(third));
	tmpstore_open(t);
	txn = tmpstore_read(t, STORE_SERVED);
	assert_int_equal(cert_get(txn, &bad, &cert), ERR_CORRUPT);
	assert_int_equal(cert_get(txn, &good, &cert), ERR_OK);
	assert_int_equal(challenge_get_http(txn, "tok", &c), ERR_CORRUPT);
	assert_int_equal(domain_verify(txn), ERR_OK);
	store_abort(txn);
	txn = tmpstore_read(t, STORE_PRIVATE);
	assert_int_equal(account_get(txn, "https://ca", &a), ERR_CORRUPT);
	assert_int_equal(order_get(txn, &bad, &o), ERR_CORRUPT);
	assert_int_equal(event_page(txn, 0, 4, events, &count), ERR_OK);
	assert_int_equal(count, 2);
	store_abort(txn);
	/* A damaged certificate is replaced, a damaged challenge cleared away. */
	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(cert_put(txn, &bad, &cert, &(struct buf){0}), ERR_OK);
	assert_int_equal(challenge_expire(txn, 0), ERR_OK);
	assert_int_equal(cert_get(txn, &bad, &cert), ERR_OK);
	assert_int_equal(challenge_get_http(txn, "tok", &c), ERR_NOTFOUND);
	tmpstore_commit(txn);
	cert_done(&cert);
}

static void
a_damaged_chain_is_written_anew(void **state)
{
	struct tmpstore *t = *state;
	struct hostname name = number(0);
	struct cert cert;
	struct buf chain = {0}, got = {0};
	struct store_txn *txn;

	cert_init(&cert);
	buf_bytes32(&chain, "issuer", 6);
	tmpstore_open(t);
	txn = tmpstore_read(t, STORE_SERVED);
	assert_int_equal(cert_get(txn, &name, &cert), ERR_OK);
	store_abort(txn);
	tmpstore_close(t);
	flip(t, "served", "chain", (const char *)cert.chain_id, CERT_CHAIN_ID_LEN);
	tmpstore_open(t);
	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(cert_chain_get(txn, cert.chain_id, &got), ERR_CORRUPT);
	assert_int_equal(cert_put(txn, &name, &cert, &chain), ERR_OK);
	assert_int_equal(cert_chain_get(txn, cert.chain_id, &got), ERR_OK);
	assert_int_equal(got.len, chain.len);
	tmpstore_commit(txn);
	cert_done(&cert);
	buf_done(&chain);
	buf_done(&got);
}

static void
a_record_moved_to_another_key_does_not_open(void **state)
{
	struct tmpstore *t = *state;
	struct hostname from = number(3), to = number(4);
	struct rawdb raw = rawdb_open(t->dir, "served", "cert");
	unsigned char data[RAWDB_MAX];
	size_t len = rawdb_get(&raw, from.name, from.len, data);
	struct store_txn *txn;
	struct cert cert;

	cert_init(&cert);
	rawdb_put(&raw, to.name, to.len, data, len);
	rawdb_close(&raw);
	tmpstore_open(t);
	txn = tmpstore_read(t, STORE_SERVED);
	assert_int_equal(cert_get(txn, &to, &cert), ERR_CORRUPT);
	assert_int_equal(cert_get(txn, &from, &cert), ERR_OK);
	store_abort(txn);
	cert_done(&cert);
}

static void
keys_that_are_no_names_are_passed_over(void **state)
{
	struct tmpstore *t = *state;
	struct rawdb raw = rawdb_open(t->dir, "served", "domain");
	struct domain page[NAMES + 4];
	struct hostname names[NAMES + 4];
	struct store_txn *txn;
	size_t count;

	rawdb_put(&raw, "A.EXAMPLE", 9, "x", 1);
	rawdb_put(&raw, "a\0b", 3, "x", 1);
	rawdb_close(&raw);
	raw = rawdb_open(t->dir, "served", "due");
	rawdb_put(&raw, "le\0short", 8, "", 0);
	rawdb_put(&raw, "le\0\0\0\0\0\0\0\0\0BAD NAME", 19, "", 0);
	rawdb_close(&raw);
	tmpstore_open(t);
	txn = tmpstore_read(t, STORE_SERVED);
	assert_int_equal(domain_page(txn, NULL, NAMES + 4, page, &count), ERR_OK);
	assert_int_equal(count, NAMES);
	assert_int_equal(domain_due(txn, &(struct domain_queue){"le", LANE_FIRST}, 1000, NAMES + 4,
	                            names, &count),
	                 ERR_OK);
	assert_int_equal(count, NAMES);
	assert_int_equal(domain_verify(txn), ERR_CORRUPT);
	store_abort(txn);
}

static void
wrong_indexes_are_found(void **state)
{
	static const struct {
		const char *table, *key;
		size_t key_len;
		const char *value;
		size_t len;
	} cases[] = {
		{"count", "ca\0le", 5, "\x13\0\0\0\0\0\0\0", 8},
		{"count", "ca\0other", 8, "\1\0\0\0\0\0\0\0", 8},
		{"count", "ca\0le", 5, "\x14", 1},
		{"due", "le\0\0\0\0\0\0\0\0\1zz.example", 21, "", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tmpstore *t;
		struct rawdb raw;
		struct store_txn *txn;

		if (i) {
			teardown(state);
			setup(state);
		}
		t = *state;
		raw = rawdb_open(t->dir, "served", cases[i].table);
		rawdb_put(&raw, cases[i].key, cases[i].key_len, cases[i].value, cases[i].len);
		rawdb_close(&raw);
		tmpstore_open(t);
		txn = tmpstore_read(t, STORE_SERVED);
		assert_int_equal(domain_verify(txn), ERR_CORRUPT);
		store_abort(txn);
	}
}

/* Opening T must fail with ERR and a sentence that has WORDS. */
static void
assert_refused(struct tmpstore *t, enum err err, const char *words)
{
	struct problem why;
	struct store *store;

	assert_int_equal(store_open(t->dir, STORE_KEEPER, &t->master, &store, &why), err);
	if (!strstr(why.detail, words))
		fail_msg("\"%s\" does not say \"%s\"", why.detail, words);
}

static void
a_newer_format_is_refused(void **state)
{
	struct tmpstore *t = *state;
	struct rawdb raw = rawdb_open(t->dir, "served", "meta");

	rawdb_put(&raw, "format", 6, "\5\0\0\0", 4);
	rawdb_close(&raw);
	assert_refused(t, ERR_VERSION, "install that version again");
	raw = rawdb_open(t->dir, "served", "meta");
	rawdb_put(&raw, "format", 6, "\1", 1);
	rawdb_close(&raw);
	assert_refused(t, ERR_CORRUPT, "restore it from a backup");
}

static void
a_lost_meta_is_not_made_anew(void **state)
{
	struct tmpstore *t = *state;
	struct rawdb raw = rawdb_open(t->dir, "private", "meta");

	assert_int_equal(mdb_drop(raw.txn, raw.dbi, 1), 0);
	rawdb_close(&raw);
	assert_refused(t, ERR_CORRUPT, "restore it from a backup");
	/* Nor is one whose data key does not open. */
	raw = rawdb_open(t->dir, "served", "meta");
	rawdb_put(&raw, "key.1", 5, "nonsense", 8);
	rawdb_close(&raw);
	assert_refused(t, ERR_CRYPTO, "another master key");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_flipped_domain_harms_only_its_name),
		TEST(flips_in_every_table_are_seen),
		TEST(a_damaged_chain_is_written_anew),
		TEST(a_record_moved_to_another_key_does_not_open),
		TEST(keys_that_are_no_names_are_passed_over),
		TEST(wrong_indexes_are_found),
		TEST(a_newer_format_is_refused),
		TEST(a_lost_meta_is_not_made_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
