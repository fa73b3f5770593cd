/* SPDX-License-Identifier: Apache-2.0 */
/* What responders said, by name. */
#include "store/ocsp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/tmpstore.h"

static void
put_of(struct store_txn *txn, const char *name, bool second, int64_t due_at, size_t len)
{
	struct hostname host = tmpstore_name(name);
	struct ocsp o = {.generation = 7,
	                 .due_at = due_at,
	                 .failures = 3,
	                 .this_update = len ? 1000 : 0,
	                 .next_update = len ? 2000 : 0};

	for (size_t i = 0; i < len; i++)
		buf_u8(&o.response, (uint8_t)i);
	assert_int_equal(ocsp_put(txn, &host, second, &o), ERR_OK);
	ocsp_done(&o);
}

static void
put(struct store_txn *txn, const char *name, int64_t due_at, size_t len)
{
	put_of(txn, name, false, due_at, len);
}

static void
an_answer_comes_back(void **state)
{
	static const size_t lengths[] = {0, 1, 1500, OCSP_RESPONSE_MAX};
	struct hostname name = tmpstore_name("a.example");
	struct ocsp got = {0};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);

		put(txn, "a.example", 555, lengths[i]);
		tmpstore_commit(txn);
		txn = tmpstore_read(*state, STORE_SERVED);
		assert_int_equal(ocsp_get(txn, &name, false, &got), ERR_OK);
		store_abort(txn);
		assert_int_equal(got.generation, 7);
		assert_int_equal(got.due_at, 555);
		assert_int_equal(got.failures, 3);
		assert_int_equal(got.next_update, lengths[i] ? 2000 : 0);
		assert_int_equal(got.response.len, lengths[i]);
		for (size_t k = 0; k < lengths[i]; k++)
			assert_int_equal(got.response.data[k], (uint8_t)k);
	}
	ocsp_done(&got);
}

static void
too_long_an_answer_is_refused(void **state)
{
	struct hostname name = tmpstore_name("a.example");
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct ocsp o = {0};

	for (size_t i = 0; i <= OCSP_RESPONSE_MAX; i++)
		buf_u8(&o.response, 0);
	assert_int_equal(ocsp_put(txn, &name, false, &o), ERR_TOOBIG);
	store_abort(txn);
	ocsp_done(&o);
}

static void
it_goes_with_its_domain(void **state)
{
	struct domain d = tmpstore_domain("a.example", 100);
	struct ocsp got = {0};
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);

	assert_int_equal(domain_put(txn, &d), ERR_OK);
	put(txn, "a.example", 1, 10);
	put(txn, "b.example", 1, 10);
	assert_int_equal(domain_del(txn, &d.name), ERR_OK);
	assert_int_equal(ocsp_get(txn, &d.name, false, &got), ERR_NOTFOUND);
	assert_int_equal(ocsp_del(txn, &d.name, false), ERR_OK);
	d.name = tmpstore_name("b.example");
	assert_int_equal(ocsp_get(txn, &d.name, false, &got), ERR_OK);
	tmpstore_commit(txn);
	ocsp_done(&got);
}

static void
that_of_a_second_certificate_goes_with_it(void **state)
{
	struct domain d = tmpstore_domain("a.example", 100);
	struct ocsp got = {0};
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);

	d.second = (struct domain_second){7, 1, 2};
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	put_of(txn, "a.example", false, 1, 10);
	put_of(txn, "a.example", true, 2, 20);
	assert_int_equal(ocsp_get(txn, &d.name, true, &got), ERR_OK);
	assert_int_equal(got.response.len, 20);
	d.failures = 3;
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	assert_int_equal(ocsp_get(txn, &d.name, true, &got), ERR_OK);
	d.second = (struct domain_second){0};
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	assert_int_equal(ocsp_get(txn, &d.name, true, &got), ERR_NOTFOUND);
	assert_int_equal(ocsp_get(txn, &d.name, false, &got), ERR_OK);
	assert_int_equal(got.response.len, 10);
	store_abort(txn);
	ocsp_done(&got);
}

static void
pages_go_round(void **state)
{
	struct ocsp_row rows[4];
	struct ocsp_row after;
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	size_t count = 9, seen = 0;
	char name[32];

	assert_int_equal(ocsp_page(txn, NULL, 4, rows, &count), ERR_OK);
	assert_int_equal(count, 0);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		put(txn, name, 100 + i, 20);
		if (i >= 7)
			put_of(txn, name, true, 100 + 3 + i, 20);
	}
	do {
		assert_int_equal(ocsp_page(txn, seen ? &after : NULL, 4, rows, &count), ERR_OK);
		for (size_t i = 0; i < count; i++, seen++) {
			snprintf(name, sizeof(name), "n%zu.example", seen < 10 ? seen : seen - 3);
			assert_int_equal(rows[i].second, seen >= 10);
			assert_string_equal(rows[i].name.name, name);
			assert_int_equal(rows[i].due_at, 100 + seen);
			after = rows[i];
		}
	} while (count == 4);
	assert_int_equal(seen, 13);
	store_abort(txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_comes_back, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test_setup_teardown(too_long_an_answer_is_refused, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test_setup_teardown(it_goes_with_its_domain, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test_setup_teardown(that_of_a_second_certificate_goes_with_it,
	                                        tmpstore_setup, tmpstore_teardown),
		cmocka_unit_test_setup_teardown(pages_go_round, tmpstore_setup, tmpstore_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
