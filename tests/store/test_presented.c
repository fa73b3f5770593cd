/* SPDX-License-Identifier: Apache-2.0 */
#include "store/presented.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/tmpstore.h"

static struct presented
presented_of(const char *name, const char *identifier, const char *value)
{
	struct presented p = {.name = tmpstore_name(name),
	                      .identifier = tmpstore_name(identifier),
	                      .kind = CHALLENGE_DNS_01,
	                      .dns = "zone",
	                      .record = "_acme-challenge.a.example",
	                      .created_at = 7};

	strcpy(p.value, value);
	return p;
}

static void
put(struct tmpstore *t, const struct presented *p, enum err expected)
{
	struct store_txn *txn = tmpstore_write(t, STORE_PRIVATE);

	assert_int_equal(presented_put(txn, p), expected);
	if (expected)
		store_abort(txn);
	else
		tmpstore_commit(txn);
}

static size_t
page(struct tmpstore *t, const struct presented *after, size_t limit, struct presented *list)
{
	struct store_txn *txn = tmpstore_read(t, STORE_PRIVATE);
	size_t count;

	assert_int_equal(presented_page(txn, after, limit, list, &count), ERR_OK);
	store_abort(txn);
	return count;
}

static void
what_was_set_comes_back_until_it_is_gone(void **state)
{
	struct presented a = presented_of("a.example", "a.example", "v1"),
			 wild = presented_of("a.example", "*.a.example", "v2"),
			 b = presented_of("b.example", "c.example", "v1"), got[4];
	struct store_txn *txn;

	b.kind = CHALLENGE_DNS_ACCOUNT_01;
	put(*state, &b, ERR_OK);
	put(*state, &wild, ERR_OK);
	put(*state, &a, ERR_OK);
	put(*state, &a, ERR_OK); /* again: the same record */
	tmpstore_close(*state);
	tmpstore_open(*state);
	assert_int_equal(page(*state, NULL, 4, got), 3);
	assert_memory_equal(&got[0], &a, sizeof(a));
	assert_memory_equal(&got[1], &wild, sizeof(wild));
	assert_memory_equal(&got[2], &b, sizeof(b));
	assert_int_equal(page(*state, NULL, 1, got), 1);
	assert_int_equal(page(*state, &got[0], 4, got), 2);
	assert_true(presented_same(&got[0], &wild));
	assert_false(presented_same(&got[0], &a));
	assert_false(presented_same(&got[1], &a));
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(presented_del(txn, &wild), ERR_OK);
	assert_int_equal(presented_del(txn, &wild), ERR_OK);
	tmpstore_commit(txn);
	assert_int_equal(page(*state, &a, 4, got), 1);
	assert_string_equal(got[0].name.name, "b.example");
}

static void
the_longest_fits(void **state)
{
	struct presented p = presented_of("a.example", "a.example", "v"), got[2];

	memset(p.value, 'v', PRESENTED_VALUE_MAX);
	memset(p.record, 'r', HOSTNAME_MAX);
	memset(p.dns, 'd', NAME_WORD_MAX);
	p.name.len = HOSTNAME_MAX;
	for (size_t i = 0; i < HOSTNAME_MAX; i++)
		p.name.name[i] = i % 50 == 49 ? '.' : 'n';
	p.identifier = p.name;
	put(*state, &p, ERR_OK);
	assert_int_equal(page(*state, NULL, 2, got), 1);
	assert_memory_equal(&got[0], &p, sizeof(p));
	assert_int_equal(page(*state, &p, 2, got), 0);
}

static void
what_makes_no_sense_is_refused(void **state)
{
	const struct presented good = presented_of("a.example", "a.example", "v");
	struct presented p = good;

	p.kind = CHALLENGE_HTTP_01;
	put(*state, &p, ERR_INVALID);
	p.kind = CHALLENGE_KIND_END;
	put(*state, &p, ERR_INVALID);
	p = good;
	p.value[0] = '\0';
	put(*state, &p, ERR_INVALID);
	p = good;
	memset(p.value, 'v', sizeof(p.value));
	put(*state, &p, ERR_INVALID);
	p = good;
	p.dns[0] = '\0';
	put(*state, &p, ERR_INVALID);
	p = good;
	p.record[0] = '\0';
	put(*state, &p, ERR_INVALID);
	p = good;
	p.name.len = 0;
	put(*state, &p, ERR_INVALID);
	p = good;
	p.identifier.len = 0;
	put(*state, &p, ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpstore_setup, tmpstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_set_comes_back_until_it_is_gone),
		TEST(the_longest_fits),
		TEST(what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
