/* SPDX-License-Identifier: Apache-2.0 */
/* When CAs want certificates renewed: records that come and go with certificates, and who is due.
 */
#include "store/renewal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/cert_pool.h"
#include "tests/support/rawdb.h"
#include "tests/support/tmpstore.h"

enum { NOW = 1800000000, DAY = 86400 };

static int
setup(void **state)
{
	struct tmpstore *t = calloc(1, sizeof(*t));

	clock_set_wall(NOW);
	tmpstore_init(t);
	tmpstore_open(t);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	tmpstore_done(*state);
	free(*state);
	clock_set_wall(-1);
	return 0;
}

static struct renewal
renewal_of(const char *name, uint64_t generation, const char *ca, int64_t due_at)
{
	struct renewal r = {.name = tmpstore_name(name), .generation = generation};

	snprintf(r.ca, sizeof(r.ca), "%s", ca);
	r.due_at = due_at;
	return r;
}

static void
all_of_it_comes_back(void **state)
{
	struct renewal r = renewal_of("*.a.example", UINT64_MAX - 5, "le", 555), got;
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);

	r.stored_at = 11;
	r.failures = 12;
	r.early = 13;
	r.window_start = 14;
	r.window_end = 15;
	r.renew_at = 16;
	memset(r.id, 'i', RENEWAL_TEXT_MAX); /* as long as they may be */
	memset(r.account, 'a', RENEWAL_LINK_MAX);
	memset(r.explanation, 'e', RENEWAL_LINK_MAX);
	assert_int_equal(renewal_put(txn, &r), ERR_OK);
	tmpstore_commit(txn);
	txn = tmpstore_read(*state, STORE_SERVED);
	assert_int_equal(renewal_get(txn, &r.name, r.generation, &got), ERR_OK);
	assert_true(hostname_equal(&got.name, &r.name));
	assert_int_equal(got.generation, r.generation);
	assert_int_equal(got.due_at, 555);
	assert_int_equal(got.stored_at, 11);
	assert_int_equal(got.failures, 12);
	assert_int_equal(got.early, 13);
	assert_int_equal(got.window_start, 14);
	assert_int_equal(got.window_end, 15);
	assert_int_equal(got.renew_at, 16);
	assert_string_equal(got.ca, "le");
	assert_string_equal(got.id, r.id);
	assert_string_equal(got.account, r.account);
	assert_string_equal(got.explanation, r.explanation);
	assert_int_equal(renewal_get(txn, &r.name, 1, &got), ERR_NOTFOUND);
	store_abort(txn);
}

static size_t
due(struct store_txn *txn, const char *ca, size_t limit, char *names)
{
	struct renewal_row rows[16];
	size_t count = 99;

	assert_int_equal(renewal_due(txn, ca, NOW, limit, rows, &count), ERR_OK);
	*names = '\0';
	for (size_t i = 0; i < count; i++)
		sprintf(names + strlen(names), "%.1s%llu ", rows[i].name.name,
		        (unsigned long long)rows[i].generation);
	return count;
}

static void
who_is_due(void **state)
{
	static const struct {
		const char *name, *ca;
		uint64_t generation;
		int64_t due_at;
	} rows[] = {
		{"a.example", "le", 1, NOW},
		{"a.example", "le", 2, NOW - 10},
		{"b.example", "le", 1, NOW - 5},
		{"c.example", "le", 1, NOW + 1},
		{"d.example", "le", 1, NOW + RENEWAL_AHEAD_MAX_S + 1}, /* a clock went wrong */
		{"e.example", "le", 1, NOW + DAY},
		{"f.example", "lea", 1, NOW - 99},
		{"g.example", "l", 1, NOW - 99},
	};
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct renewal r;
	char names[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		r = renewal_of(rows[i].name, rows[i].generation, rows[i].ca, rows[i].due_at);
		assert_int_equal(renewal_put(txn, &r), ERR_OK);
	}
	due(txn, "le", 16, names);
	assert_string_equal(names, "a2 b1 a1 d1 ");
	due(txn, "le", 2, names);
	assert_string_equal(names, "a2 b1 ");
	due(txn, "lea", 16, names);
	assert_string_equal(names, "f1 ");
	assert_int_equal(due(txn, "", 16, names), 0);
	/* put again: one entry, at its new place */
	r = renewal_of("a.example", 2, "le", NOW - 1);
	assert_int_equal(renewal_put(txn, &r), ERR_OK);
	due(txn, "le", 16, names);
	assert_string_equal(names, "b1 a2 a1 d1 ");
	assert_int_equal(renewal_del(txn, &r.name, 2), ERR_OK);
	assert_int_equal(renewal_del(txn, &r.name, 2), ERR_OK);
	due(txn, "le", 16, names);
	assert_string_equal(names, "b1 a1 d1 ");
	store_abort(txn);
}

static void
an_entry_without_a_record_is_forgotten(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct renewal r = renewal_of("a.example", 1, "le", NOW);
	struct renewal_row row = {.name = r.name, .generation = 1, .due_at = NOW};
	char names[256];

	assert_int_equal(renewal_put(txn, &r), ERR_OK);
	assert_int_equal(renewal_forget(txn, "le", &row), ERR_OK);
	assert_int_equal(due(txn, "le", 16, names), 0);
	assert_int_equal(renewal_forget(txn, "le", &row), ERR_OK);
	store_abort(txn);
}

/* Any flipped bit. */
static void
a_damaged_record_is_no_other(void **state)
{
	struct renewal r = renewal_of("a.example", 1, "le", NOW), got;
	unsigned char key[] = "a.example\0\0\0\0\0\0\0\0\1", value[256];
	struct tmpstore *t = *state;
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct rawdb raw;
	MDB_val k = {sizeof(key) - 1, key}, v;

	assert_int_equal(renewal_put(txn, &r), ERR_OK);
	tmpstore_commit(txn);
	tmpstore_close(t);
	raw = rawdb_open(t->dir, "served", "renewal");
	assert_int_equal(mdb_get(raw.txn, raw.dbi, &k, &v), 0);
	assert_true(v.mv_size < sizeof(value));
	memcpy(value, v.mv_data, v.mv_size);
	for (size_t bit = 0; bit < v.mv_size * 8; bit++) {
		value[bit / 8] ^= (unsigned char)(1 << bit % 8);
		rawdb_put(&raw, key, sizeof(key) - 1, value, v.mv_size);
		rawdb_close(&raw);
		tmpstore_open(t);
		txn = tmpstore_write(t, STORE_SERVED);
		assert_int_equal(renewal_get(txn, &r.name, 1, &got), ERR_CORRUPT);
		if (bit == 77) { /* and it is replaced */
			assert_int_equal(renewal_put(txn, &r), ERR_OK);
			assert_int_equal(renewal_get(txn, &r.name, 1, &got), ERR_OK);
		}
		store_abort(txn);
		tmpstore_close(t);
		value[bit / 8] ^= (unsigned char)(1 << bit % 8);
		raw = rawdb_open(t->dir, "served", "renewal");
	}
	rawdb_close(&raw);
	tmpstore_open(t);
}

static void
bad_ones_are_refused(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct renewal r = renewal_of("a.example", 0, "le", NOW);

	assert_int_equal(renewal_put(txn, &r), ERR_INVALID);
	store_abort(txn);
	txn = tmpstore_write(*state, STORE_SERVED);
	r = renewal_of("a.example", 1, "le", -1);
	assert_int_equal(renewal_put(txn, &r), ERR_INVALID);
	store_abort(txn);
	txn = tmpstore_read(*state, STORE_SERVED);
	r.due_at = 1;
	assert_int_equal(renewal_put(txn, &r), ERR_WRONGSTATE);
	store_abort(txn);
}

/* ---- with the domain ------------------------------------------------------------------------ */

static void
put(struct store_txn *txn, struct domain *d, uint64_t generation)
{
	d->generation = generation;
	assert_int_equal(domain_put(txn, d), ERR_OK);
}

static void
it_comes_and_goes_with_the_certificate(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain d = tmpstore_domain("a.example", 100);
	struct renewal r;
	char names[256];

	assert_int_equal(domain_put(txn, &d), ERR_OK);
	assert_int_equal(due(txn, "le", 16, names), 0);
	put(txn, &d, 3);
	assert_int_equal(renewal_get(txn, &d.name, 3, &r), ERR_OK);
	assert_string_equal(r.ca, "le");
	assert_int_equal(r.due_at, NOW); /* asked about at once */
	assert_int_equal(r.stored_at, NOW);
	assert_string_equal(r.id, "");
	r.due_at = NOW + DAY;
	assert_int_equal(renewal_put(txn, &r), ERR_OK);
	d.due_at = 200; /* the same certificate: nothing changes */
	put(txn, &d, 3);
	assert_int_equal(renewal_get(txn, &d.name, 3, &r), ERR_OK);
	assert_int_equal(r.due_at, NOW + DAY);
	put(txn, &d, 9); /* replaced: not asked about again */
	assert_int_equal(renewal_get(txn, &d.name, 3, &r), ERR_NOTFOUND);
	due(txn, "le", 16, names);
	assert_string_equal(names, "a9 ");
	assert_int_equal(domain_del(txn, &d.name), ERR_OK);
	assert_int_equal(due(txn, "le", 16, names), 0);
	store_abort(txn);
}

static void
a_second_one_has_its_own(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain d = tmpstore_domain("a.example", 100);
	char names[256];

	d.second.generation = 5;
	put(txn, &d, 3);
	due(txn, "le", 16, names);
	assert_string_equal(names, "a3 a5 ");
	d.second.generation = 3; /* they change places */
	put(txn, &d, 5);
	due(txn, "le", 16, names);
	assert_string_equal(names, "a3 a5 ");
	d.second.generation = 0;
	put(txn, &d, 6);
	due(txn, "le", 16, names);
	assert_string_equal(names, "a6 ");
	store_abort(txn);
}

static void
who_shares_anothers_has_none(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain d = tmpstore_domain("a.example", 0);
	char names[256];

	d.lead = tmpstore_name("b.example");
	put(txn, &d, 3);
	assert_int_equal(due(txn, "le", 16, names), 0);
	d.lead.len = 0; /* on its own from now on */
	put(txn, &d, 3);
	due(txn, "le", 16, names);
	assert_string_equal(names, "a3 ");
	d.lead = tmpstore_name("b.example");
	put(txn, &d, 3);
	assert_int_equal(due(txn, "le", 16, names), 0);
	store_abort(txn);
}

static void
an_imported_one_moves_with_its_name(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain d = tmpstore_domain("a.example", 100), e = tmpstore_domain("b.example", 100);
	struct renewal r;
	char names[256];

	put(txn, &d, 3);
	put(txn, &e, 4);
	assert_int_equal(renewal_get(txn, &e.name, 4, &r), ERR_OK);
	snprintf(r.account, sizeof(r.account), "https://le/acct/1");
	assert_int_equal(renewal_put(txn, &r), ERR_OK);
	strcpy(d.ca, "zero");
	strcpy(e.ca, "zero");
	put(txn, &d, 3);
	put(txn, &e, 4);
	due(txn, "zero", 16, names);
	assert_string_equal(names, "a3 ");
	due(txn, "le", 16, names); /* issued there: asked there */
	assert_string_equal(names, "b4 ");
	store_abort(txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_of_it_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_due, setup, teardown),
		cmocka_unit_test_setup_teardown(an_entry_without_a_record_is_forgotten, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(a_damaged_record_is_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_ones_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(it_comes_and_goes_with_the_certificate, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(a_second_one_has_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(who_shares_anothers_has_none, setup, teardown),
		cmocka_unit_test_setup_teardown(an_imported_one_moves_with_its_name, setup,
	                                        teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
