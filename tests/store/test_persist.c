/* SPDX-License-Identifier: Apache-2.0 */
#include "store/persist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/tmpstore.h"

static struct persist
persist_of(const char *name, int64_t ends_at)
{
	struct persist p = {.name = tmpstore_name(name), .ends_at = ends_at, .seen_at = 7};

	snprintf(p.record, sizeof(p.record), "_validation-persist.%s", name);
	return p;
}

static void
put(struct tmpstore *t, const struct persist *p, enum err expected)
{
	struct store_txn *txn = tmpstore_write(t, STORE_PRIVATE);

	assert_int_equal(persist_put(txn, p), expected);
	if (expected)
		store_abort(txn);
	else
		tmpstore_commit(txn);
}

static void
the_last_one_seen_is_kept(void **state)
{
	struct persist a = persist_of("a.example", 100), b = persist_of("b.example", INT64_MAX),
		       got;
	struct store_txn *txn;

	put(*state, &a, ERR_OK);
	put(*state, &b, ERR_OK);
	a.ends_at = -1;
	a.told = true;
	put(*state, &a, ERR_OK);
	tmpstore_close(*state);
	tmpstore_open(*state);
	txn = tmpstore_read(*state, STORE_PRIVATE);
	assert_int_equal(persist_get(txn, &a.name, &got), ERR_OK);
	assert_memory_equal(&got, &a, sizeof(a));
	assert_int_equal(persist_get(txn, &b.name, &got), ERR_OK);
	assert_memory_equal(&got, &b, sizeof(b));
	store_abort(txn);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(persist_del(txn, &a.name), ERR_OK);
	assert_int_equal(persist_del(txn, &a.name), ERR_OK);
	assert_int_equal(persist_get(txn, &a.name, &got), ERR_NOTFOUND);
	tmpstore_commit(txn);
}

static void
they_come_in_pages(void **state)
{
	struct persist got[4], p;
	struct store_txn *txn;
	size_t count, all = 0;
	char name[32];

	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		p = persist_of(name, i);
		put(*state, &p, ERR_OK);
	}
	txn = tmpstore_read(*state, STORE_PRIVATE);
	assert_int_equal(persist_page(txn, NULL, 4, got, &count), ERR_OK);
	while (count > 0) {
		for (size_t i = 0; i < count; i++, all++)
			assert_int_equal(got[i].ends_at, all);
		assert_int_equal(persist_page(txn, &got[count - 1].name, 4, got, &count), ERR_OK);
	}
	assert_int_equal(all, 10);
	store_abort(txn);
}

static void
what_is_no_record_is_refused(void **state)
{
	struct persist p = persist_of("a.example", 1);

	*p.record = '\0';
	put(*state, &p, ERR_INVALID);
	p = persist_of("a.example", 1);
	p.name.len = 0;
	put(*state, &p, ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_last_one_seen_is_kept, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test_setup_teardown(they_come_in_pages, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test_setup_teardown(what_is_no_record_is_refused, tmpstore_setup,
	                                        tmpstore_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
