/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of several names, and second ones: one record, as long as anybody has it. */
#include "store/cert_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/check.h"
#include "store/event.h"
#include "store/quarantine.h"
#include "tests/support/rawdb.h"
#include "tests/support/tmpstore.h"

enum { NAMES = 3 };

static struct domain
domain_of(struct store_txn *txn, int i)
{
	char text[32];
	struct domain d;

	snprintf(text, sizeof(text), "n%d.example", i);
	d = tmpstore_domain(text, 100);
	d.state = DOMAIN_VALID;
	(void)!domain_get(txn, &d.name, &d);
	return d;
}

/* One certificate for n0 .. n2; its generation. */
static uint64_t
put_shared(struct tmpstore *t)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct hostname names[NAMES];
	struct cert cert = tmpstore_cert(1, 900);
	struct buf chain = {0};
	struct domain d = domain_of(txn, 0);
	uint64_t generation;

	buf_bytes32(&chain, "issuer", 6);
	assert_int_equal(cert_next_generation(txn, &d, &cert.generation), ERR_OK);
	generation = cert.generation;
	for (int i = 0; i < NAMES; i++)
		names[i] = domain_of(txn, i).name;
	assert_int_equal(cert_pool_put(txn, names, NAMES, &cert, &chain), ERR_OK);
	for (int i = 0; i < NAMES; i++) {
		d = domain_of(txn, i);
		domain_take_cert(&d, &cert, true);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	tmpstore_commit(txn);
	cert_done(&cert);
	buf_done(&chain);
	return generation;
}

/* A certificate of its own, or a second one, for name I. */
static void
put_own(struct tmpstore *t, int i, bool second)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct domain d = domain_of(txn, i);
	struct cert cert = tmpstore_cert(2, 700);
	struct buf chain = {0};

	assert_int_equal(cert_next_generation(txn, &d, &cert.generation), ERR_OK);
	if (second) {
		assert_int_equal(cert_pool_put(txn, &d.name, 1, &cert, &chain), ERR_OK);
		d.second = (struct domain_second){cert.generation, cert.not_before, cert.not_after};
	} else {
		assert_int_equal(cert_put(txn, &d.name, &cert, &chain), ERR_OK);
		domain_take_cert(&d, &cert, false);
	}
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	cert_done(&cert);
}

/* The length of the leaf that name I has, 0: none. */
static size_t
leaf_of(struct tmpstore *t, int i, bool second)
{
	struct store_txn *txn = tmpstore_read(t, STORE_SERVED);
	struct domain d = domain_of(txn, i);
	struct cert cert;
	size_t len;
	enum err err;

	cert_init(&cert);
	err = second ? cert_get_second(txn, &d, &cert) : cert_get_for(txn, &d, &cert);
	assert_true(err == ERR_OK || err == ERR_NOTFOUND);
	len = cert.leaf.len;
	cert_done(&cert);
	store_abort(txn);
	return len;
}

static bool
pool_has(struct tmpstore *t, uint64_t generation)
{
	struct store_txn *txn = tmpstore_read(t, STORE_SERVED);
	struct cert cert;
	bool has;

	cert_init(&cert);
	has = cert_pool_get(txn, generation, NULL, &cert) == ERR_OK;
	cert_done(&cert);
	store_abort(txn);
	return has;
}

static void
on_finding(void *arg, const struct check_finding *finding)
{
	if (finding->err)
		print_message("%s %s: %s\n", finding->table, finding->key, finding->what);
	*(int *)arg += finding->err != ERR_OK;
}

static int
findings(struct tmpstore *t)
{
	struct check_result result;
	struct problem why;
	int count = 0;

	tmpstore_close(t);
	assert_int_equal(store_check(t->dir, &t->master, on_finding, &count, &result, &why),
	                 ERR_OK);
	tmpstore_open(t);
	return count;
}

static void
several_names_have_one_record(void **state)
{
	struct tmpstore *t = *state;
	uint64_t generation = put_shared(t);

	for (int i = 0; i < NAMES; i++)
		assert_int_equal(leaf_of(t, i, false), 900);
	assert_int_equal(findings(t), 0);
	put_own(t, 0, false);
	assert_int_equal(leaf_of(t, 0, false), 700);
	assert_int_equal(leaf_of(t, 1, false), 900);
	put_own(t, 1, false);
	assert_true(pool_has(t, generation));
	assert_int_equal(findings(t), 0);
	put_own(t, 2, false);
	assert_false(pool_has(t, generation)); /* the last one has gone */
	assert_int_equal(findings(t), 0);
}

static void
removing_names_removes_the_record_with_the_last(void **state)
{
	struct tmpstore *t = *state;
	uint64_t generation = put_shared(t);

	for (int i = 0; i < NAMES; i++) {
		struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
		struct hostname name = domain_of(txn, i).name;

		assert_int_equal(domain_del(txn, &name), ERR_OK);
		tmpstore_commit(txn);
		assert_int_equal(pool_has(t, generation), i < NAMES - 1);
	}
	assert_int_equal(findings(t), 0);
}

static void
an_own_certificate_goes_when_a_shared_one_comes(void **state)
{
	struct tmpstore *t = *state;
	struct store_txn *txn;
	struct domain d;
	struct cert cert;

	put_own(t, 1, false);
	put_shared(t);
	txn = tmpstore_read(t, STORE_SERVED);
	d = domain_of(txn, 1);
	cert_init(&cert);
	assert_int_equal(cert_get(txn, &d.name, &cert), ERR_NOTFOUND);
	store_abort(txn);
	assert_int_equal(leaf_of(t, 1, false), 900);
	assert_int_equal(findings(t), 0);
}

static void
a_second_one_stands_beside_the_first(void **state)
{
	struct tmpstore *t = *state;
	struct store_txn *txn;
	struct domain d;

	put_own(t, 0, false);
	assert_int_equal(leaf_of(t, 0, true), 0);
	put_own(t, 0, true);
	assert_int_equal(leaf_of(t, 0, true), 700);
	put_own(t, 0, false);
	assert_int_equal(leaf_of(t, 0, true), 700);
	assert_int_equal(findings(t), 0);
	txn = tmpstore_write(t, STORE_SERVED);
	d = domain_of(txn, 0);
	d.second = (struct domain_second){0};
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	assert_int_equal(findings(t), 0);
}

static void
nobody_gets_a_record_that_is_not_for_him(void **state)
{
	struct tmpstore *t = *state;
	uint64_t generation = put_shared(t);
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct domain d = domain_of(txn, 7);
	struct cert cert;

	d.generation = generation;
	d.pooled = true;
	cert_init(&cert);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	assert_int_equal(cert_get_for(txn, &d, &cert), ERR_CORRUPT);
	d.generation++;
	assert_int_equal(cert_get_for(txn, &d, &cert), ERR_CORRUPT);
	d.second.generation = generation;
	assert_int_equal(cert_get_second(txn, &d, &cert), ERR_CORRUPT);
	store_abort(txn);
}

static void
what_cannot_be_is_refused(void **state)
{
	struct tmpstore *t = *state;
	struct hostname name = tmpstore_name("a.example");
	struct hostname *many = calloc(CERT_POOL_NAMES_MAX + 1, sizeof(*many));
	struct cert cert = tmpstore_cert(1, 900);
	struct buf chain = {0};
	struct {
		const struct hostname *names;
		size_t count;
		uint64_t generation;
		enum err err;
	} cases[] = {
		{&name, 1, 0, ERR_INVALID},
		{&name, 0, 5, ERR_INVALID},
		{many, CERT_POOL_NAMES_MAX + 1, 5, ERR_TOOBIG},
		{&name, 1, put_shared(t), ERR_EXISTS},
	};

	for (int i = 0; i <= CERT_POOL_NAMES_MAX; i++)
		many[i] = name;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_txn *txn = tmpstore_write(t, STORE_SERVED);

		cert.generation = cases[i].generation;
		assert_int_equal(cert_pool_put(txn, cases[i].names, cases[i].count, &cert, &chain),
		                 cases[i].err);
		store_abort(txn);
	}
	cert_done(&cert);
	free(many);
}

/* A damaged record is put aside name by name; a second one costs only itself. */
static void
damage_is_put_aside(void **state)
{
	struct tmpstore *t = *state;
	uint64_t generation = put_shared(t);
	unsigned char data[RAWDB_MAX];
	unsigned char key[8];
	struct quarantine q[2];
	struct store_txn *txn;
	struct rawdb raw;
	size_t len;

	for (int i = 0; i < 8; i++)
		key[i] = (unsigned char)(generation >> (56 - 8 * i));
	put_own(t, 5, false);
	put_own(t, 5, true);
	tmpstore_close(t);
	raw = rawdb_open(t->dir, "served", "pool");
	len = rawdb_get(&raw, key, 8, data);
	data[len / 2] ^= 1;
	rawdb_put(&raw, key, 8, data, len);
	rawdb_close(&raw);
	tmpstore_open(t);
	assert_int_not_equal(findings(t), 0);
	for (int i = 0; i < NAMES; i++) {
		struct event event = {0};
		struct domain d;

		txn = tmpstore_write(t, STORE_SERVED);
		d = domain_of(txn, i);
		assert_int_equal(domain_check(txn, &d.name), ERR_CORRUPT);
		assert_int_equal(domain_quarantine(txn, &d.name, "flipped", 50, &event), ERR_OK);
		assert_string_equal(event.name, d.name.name);
		assert_int_equal(domain_get(txn, &d.name, &d), ERR_OK);
		assert_int_equal(d.generation, 0);
		assert_false(d.pooled);
		assert_int_equal(d.due_at, 50);
		tmpstore_commit(txn);
	}
	txn = tmpstore_read(t, STORE_SERVED);
	assert_int_equal(quarantine_page(txn, 0, 2, q, &len), ERR_OK);
	assert_int_equal(len, 1);
	assert_string_equal(q[0].table, "pool");
	assert_string_equal(q[0].name, domain_of(txn, 0).name.name);
	store_abort(txn);
	assert_int_equal(leaf_of(t, 5, false), 700);
	assert_int_equal(leaf_of(t, 5, true), 700);
	assert_int_equal(findings(t), 0);
}

static void
a_damaged_second_costs_only_itself(void **state)
{
	struct tmpstore *t = *state;
	struct event event = {0};
	struct store_txn *txn;
	struct domain d;
	struct rawdb raw;
	unsigned char key[8];
	uint64_t generation;

	put_own(t, 5, false);
	put_own(t, 5, true);
	txn = tmpstore_read(t, STORE_SERVED);
	d = domain_of(txn, 5);
	store_abort(txn);
	generation = d.second.generation;
	for (int i = 0; i < 8; i++)
		key[i] = (unsigned char)(generation >> (56 - 8 * i));
	tmpstore_close(t);
	raw = rawdb_open(t->dir, "served", "pool");
	rawdb_put(&raw, key, 8, "nonsense, long enough to have a head and a tag", 46);
	rawdb_close(&raw);
	tmpstore_open(t);
	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(domain_check(txn, &d.name), ERR_CORRUPT);
	assert_int_equal(domain_quarantine(txn, &d.name, "nonsense", 50, &event), ERR_OK);
	assert_int_equal(domain_get(txn, &d.name, &d), ERR_OK);
	assert_int_equal(d.state, DOMAIN_VALID);
	assert_int_equal(d.second.generation, 0);
	assert_int_not_equal(d.generation, 0);
	tmpstore_commit(txn);
	assert_int_equal(leaf_of(t, 5, false), 700);
	assert_int_equal(findings(t), 0);
}

/* The first one was put aside before. */
static void
a_damaged_second_without_a_first_is_found(void **state)
{
	struct tmpstore *t = *state;
	uint64_t own = put_shared(t); /* of the names 0 to 2, and no other */
	struct event event = {0};
	struct store_txn *txn;
	struct domain d;

	put_own(t, 5, false);
	txn = tmpstore_write(t, STORE_SERVED);
	d = domain_of(txn, 5);
	d.second = (struct domain_second){own, 1000, 2000};
	d.generation = 0;
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	assert_int_equal(domain_check(txn, &d.name), ERR_CORRUPT);
	d.second.generation = own + 50; /* missing */
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	assert_int_equal(domain_check(txn, &d.name), ERR_CORRUPT);
	assert_int_equal(domain_quarantine(txn, &d.name, "missing", 50, &event), ERR_OK);
	assert_int_equal(domain_check(txn, &d.name), ERR_OK);
	assert_int_equal(domain_get(txn, &d.name, &d), ERR_OK);
	assert_int_equal(d.second.generation, 0);
	assert_int_equal(d.due_at, 50);
	assert_int_equal(domain_quarantine_second(txn, &d.name, "x", 50, &event), ERR_NOTFOUND);
	tmpstore_commit(txn);
}

static void
what_nobody_has_is_swept(void **state)
{
	struct tmpstore *t = *state;
	uint64_t kept = put_shared(t), lost, swept = 0, aside;
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct domain d = domain_of(txn, 9);
	struct cert cert = tmpstore_cert(3, 600);
	struct buf chain = {0};
	uint64_t suspects[3] = {kept, 0, 12345};

	assert_int_equal(cert_next_generation(txn, &d, &cert.generation), ERR_OK);
	suspects[1] = lost = cert.generation;
	assert_int_equal(cert_pool_put(txn, &d.name, 1, &cert, &chain), ERR_OK);
	tmpstore_commit(txn);
	cert_done(&cert);
	assert_int_equal(findings(t), 1);
	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(cert_pool_sweep(txn, suspects, 3, 50, &swept), ERR_OK);
	tmpstore_commit(txn);
	assert_int_equal(swept, 1);
	txn = tmpstore_read(t, STORE_SERVED);
	assert_int_equal(quarantine_count(txn, &aside), ERR_OK);
	assert_int_equal(aside, 1);
	store_abort(txn);
	assert_true(pool_has(t, kept));
	assert_false(pool_has(t, lost));
	assert_int_equal(findings(t), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, tmpstore_setup, tmpstore_teardown)
		TEST(several_names_have_one_record),
		TEST(removing_names_removes_the_record_with_the_last),
		TEST(an_own_certificate_goes_when_a_shared_one_comes),
		TEST(a_second_one_stands_beside_the_first),
		TEST(nobody_gets_a_record_that_is_not_for_him),
		TEST(what_cannot_be_is_refused),
		TEST(damage_is_put_aside),
		TEST(a_damaged_second_costs_only_itself),
		TEST(a_damaged_second_without_a_first_is_found),
		TEST(what_nobody_has_is_swept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
