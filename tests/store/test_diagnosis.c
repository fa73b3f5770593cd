/* SPDX-License-Identifier: Apache-2.0 */
#include "store/diagnosis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/tmpstore.h"

static int
setup(void **state)
{
	struct tmpstore *t = calloc(1, sizeof(*t));

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
	return 0;
}

static void
put(struct tmpstore *t, const struct diagnosis *d, enum err expected)
{
	struct store_txn *txn = tmpstore_write(t, STORE_PRIVATE);

	assert_int_equal(diagnosis_put(txn, d), expected);
	if (expected)
		store_abort(txn);
	else
		tmpstore_commit(txn);
}

static void
the_last_look_is_kept_until_it_is_forgotten(void **state)
{
	struct diagnosis d = {.name = tmpstore_name("a.example"),
	                      .code = "dns/elsewhere",
	                      .text = "it points elsewhere",
	                      .record = "a.example. A 192.0.2.1\n",
	                      .findings = "A 198.51.100.7\n",
	                      .at = 5,
	                      .since = 4,
	                      .attempted_at = 3,
	                      .next_at = INT64_MAX,
	                      .woken_at = 2,
	                      .looks = 7};
	struct diagnosis got;
	struct store_txn *txn;

	put(*state, &d, ERR_OK);
	memset(d.text, 'x', DIAGNOSIS_TEXT_MAX);
	memset(d.record, 'y', DIAGNOSIS_RECORD_MAX);
	memset(d.findings, 'z', DIAGNOSIS_FINDINGS_MAX);
	put(*state, &d, ERR_OK);
	tmpstore_close(*state);
	tmpstore_open(*state);
	txn = tmpstore_read(*state, STORE_PRIVATE);
	assert_int_equal(diagnosis_get(txn, &d.name, &got), ERR_OK);
	assert_string_equal(got.code, d.code);
	assert_string_equal(got.text, d.text);
	assert_string_equal(got.record, d.record);
	assert_string_equal(got.findings, d.findings);
	assert_true(got.at == 5 && got.since == 4 && got.attempted_at == 3);
	assert_true(got.next_at == INT64_MAX && got.woken_at == 2 && got.looks == 7);
	assert_true(hostname_equal(&got.name, &d.name));
	store_abort(txn);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(diagnosis_del(txn, &d.name), ERR_OK);
	assert_int_equal(diagnosis_del(txn, &d.name), ERR_OK);
	assert_int_equal(diagnosis_get(txn, &d.name, &got), ERR_NOTFOUND);
	tmpstore_commit(txn);
}

static void
names_come_in_pages(void **state)
{
	struct hostname names[4];
	struct store_txn *txn;
	size_t count, all = 0;
	char text[32];

	for (int i = 0; i < 10; i++) {
		struct diagnosis d = {.code = "ok"};

		snprintf(text, sizeof(text), "n%d.example", i);
		d.name = tmpstore_name(text);
		put(*state, &d, ERR_OK);
	}
	txn = tmpstore_read(*state, STORE_PRIVATE);
	assert_int_equal(diagnosis_names(txn, NULL, 4, names, &count), ERR_OK);
	while (count > 0) {
		for (size_t i = 0; i < count; i++, all++) {
			snprintf(text, sizeof(text), "n%zu.example", all);
			assert_string_equal(names[i].name, text);
		}
		assert_int_equal(diagnosis_names(txn, &names[count - 1], 4, names, &count), ERR_OK);
	}
	assert_int_equal(all, 10);
	store_abort(txn);
}

static void
what_says_nothing_is_refused(void **state)
{
	struct diagnosis d = {.name = tmpstore_name("a.example")};

	put(*state, &d, ERR_INVALID);
	snprintf(d.code, sizeof(d.code), "ok");
	d.name.len = 0;
	put(*state, &d, ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_last_look_is_kept_until_it_is_forgotten, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(names_come_in_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(what_says_nothing_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
