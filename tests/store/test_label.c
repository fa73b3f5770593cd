/* SPDX-License-Identifier: Apache-2.0 */
#include "store/label.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/domain_list.h"
#include "store/table.h"
#include "tests/support/rawdb.h"
#include "tests/support/tmpstore.h"

static void
labels_are_parsed_or_refused(void **state)
{
	static const struct {
		const char *text;
		enum err err;
	} cases[] = {
		{"tenant=shop", ERR_OK},
		{"a=b", ERR_OK},
		{"k.e_y-9=a value = with ~", ERR_OK},
		{"abcdefghijklmnopqrstuvwxyz012345=x", ERR_OK},
		{"v=0123456789012345678901234567890123456789012345678901234567890123", ERR_OK},
		{"", ERR_INVALID},
		{"tenant", ERR_INVALID},
		{"=x", ERR_INVALID},
		{"tenant=", ERR_INVALID},
		{"Tenant=x", ERR_INVALID},
		{"te nant=x", ERR_INVALID},
		{"t\xc3\xa4=x", ERR_INVALID},
		{"t=\xc3\xa4", ERR_INVALID},
		{"t=a\nb", ERR_INVALID},
		{"t=a\tb", ERR_INVALID},
		{"t=\x7f", ERR_INVALID},
		{"t=\x1b[0m", ERR_INVALID},
		{"abcdefghijklmnopqrstuvwxyz0123456=x", ERR_INVALID},
		{"v=01234567890123456789012345678901234567890123456789012345678901234",
	         ERR_INVALID},
	};
	struct label label;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *why = NULL;

		if (label_parse(cases[i].text, &label, &why) != cases[i].err)
			fail_msg("%s", cases[i].text);
		assert_true(!cases[i].err == !why);
	}
}

static void
set(struct domain *d, const char *text, enum err err)
{
	struct label label;

	assert_int_equal(label_parse(text, &label, NULL), ERR_OK);
	assert_int_equal(label_set(d, &label), err);
}

static void
a_domain_keeps_eight_by_key(void **state)
{
	struct domain d = {.state = DOMAIN_VALID};
	struct label labels[LABELS_MAX];
	char text[128];

	(void)state;
	for (int i = LABELS_MAX; i-- > 0;) {
		snprintf(text, sizeof(text), "key-%028d=%064d", i, i);
		set(&d, text, ERR_OK);
	}
	set(&d, "one=more", ERR_TOOBIG);
	snprintf(text, sizeof(text), "key-%028d=replaced", 3);
	set(&d, text, ERR_OK);
	assert_int_equal(label_list(&d, labels), LABELS_MAX);
	for (int i = 0; i < LABELS_MAX; i++) {
		snprintf(text, sizeof(text), "key-%028d", i);
		assert_string_equal(labels[i].key, text);
	}
	assert_string_equal(labels[3].value, "replaced");
	assert_true(label_text_is_good(d.labels));
	assert_int_equal(label_remove(&d, labels[0].key), ERR_OK);
	assert_int_equal(label_remove(&d, labels[0].key), ERR_NOTFOUND);
	assert_int_equal(label_list(&d, labels), LABELS_MAX - 1);
}

static void
bad_label_text_is_refused_by_put(void **state)
{
	static const char *const bad[] = {
		"a=b", "a=b\nc", "b=1\na=2\n", "a=1\na=2\n",
		"\n",  "A=1\n",  "a=\n",       "a=1\nb=1\nc=1\nd=1\ne=1\nf=1\ng=1\nh=1\ni=1\n"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct domain d = tmpstore_domain("a.example", 0);
		struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);

		strcpy(d.labels, bad[i]);
		assert_int_equal(domain_put(txn, &d), ERR_INVALID);
		store_abort(txn);
	}
}

static void
names_are_listed_by_label(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain page[8], d;
	char text[32];
	size_t count;

	for (int i = 0; i < 6; i++) {
		snprintf(text, sizeof(text), "n%d.example", i);
		d = tmpstore_domain(text, 0);
		set(&d, i % 2 ? "tenant=odd" : "tenant=even", ERR_OK);
		set(&d, "all=yes", ERR_OK);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	assert_int_equal(domain_page_label(txn, "tenant=odd", NULL, 8, page, &count), ERR_OK);
	assert_int_equal(count, 3);
	assert_string_equal(page[0].name.name, "n1.example");
	assert_int_equal(domain_page_label(txn, "tenant=odd", &page[0].name, 1, page, &count),
	                 ERR_OK);
	assert_int_equal(count, 1);
	assert_string_equal(page[0].name.name, "n3.example");
	assert_string_equal(page[0].labels, "all=yes\ntenant=odd\n");
	assert_int_equal(domain_page_label(txn, "all=yes", NULL, 8, page, &count), ERR_OK);
	assert_int_equal(count, 6);
	assert_int_equal(domain_page_label(txn, "tenant=od", NULL, 8, page, &count), ERR_OK);
	assert_int_equal(count, 0);
	assert_int_equal(domain_page_label(txn, "tenant", NULL, 8, page, &count), ERR_INVALID);
	d = page[0];
	assert_int_equal(domain_get(txn, &(struct hostname){10, "n1.example"}, &d), ERR_OK);
	assert_int_equal(label_remove(&d, "tenant"), ERR_OK);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	assert_int_equal(domain_page_label(txn, "tenant=odd", NULL, 8, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(domain_verify(txn), ERR_OK);
	tmpstore_commit(txn);
}

static uint64_t
count_of(struct store_txn *txn, const char *label)
{
	uint64_t count;

	assert_int_equal(domain_count_label(txn, label, &count), ERR_OK);
	return count;
}

static void
assert_counts(struct store_txn *txn)
{
	static const char *const labels[] = {"t=0", "t=1", "t=2", "u=0", "u=1", "u=2", "t=10"};

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		struct domain page[32];
		size_t count;

		assert_int_equal(domain_page_label(txn, labels[i], NULL, 32, page, &count), ERR_OK);
		assert_int_equal(count_of(txn, labels[i]), count);
	}
	assert_int_equal(domain_verify(txn), ERR_OK);
}

/* Names come, change their labels and go; as the list has it at each step. */
static void
names_are_counted_by_label(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	uint64_t count;

	srand(7);
	for (int i = 0; i < 300; i++) {
		struct domain d;
		char text[32];

		snprintf(text, sizeof(text), "n%d.example", rand() % 20);
		d = tmpstore_domain(text, 0);
		snprintf(text, sizeof(text), "t=%d", rand() % 3);
		if (rand() % 3)
			set(&d, text, ERR_OK);
		snprintf(text, sizeof(text), "u=%d", rand() % 3);
		if (rand() % 3)
			set(&d, text, ERR_OK);
		if (rand() % 4)
			assert_int_equal(domain_put(txn, &d), ERR_OK);
		else
			(void)!domain_del(txn, &d.name);
		assert_counts(txn);
	}
	assert_true(count_of(txn, "t=1") > 0);
	assert_int_equal(count_of(txn, "never=seen"), 0);
	assert_int_equal(domain_count_label(txn, "nolabel", &count), ERR_INVALID);
	tmpstore_commit(txn);
}

/* As certd wrote it before there were such counters; meanwhile names come and go all the same. */
static void
a_store_from_before_is_counted_once(void **state)
{
	static const char *const keys[] = {"label\0", "label\0t=0", "label\0t=1"};
	struct tmpstore *t = *state;
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct rawdb raw;

	for (int i = 0; i < 9; i++) {
		struct domain d;
		char text[32];

		snprintf(text, sizeof(text), "n%d.example", i);
		d = tmpstore_domain(text, 0);
		set(&d, i % 3 ? "t=1" : "t=0", ERR_OK);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	tmpstore_commit(txn);
	for (int round = 0; round < 2; round++) {
		tmpstore_close(t);
		raw = rawdb_open(t->dir, "served", "count");
		for (size_t i = 0; i < 3; i++)
			rawdb_del(&raw, keys[i], i ? 9 : 6);
		rawdb_close(&raw);
		tmpstore_open(t);
		txn = tmpstore_write(t, STORE_SERVED);
		assert_int_equal(count_of(txn, "t=0"), 3);
		assert_int_equal(count_of(txn, "t=1"), 6);
		assert_int_equal(domain_verify(txn), ERR_OK);
		store_abort(txn);
	}
	/* the first start had no room for it */
	txn = tmpstore_write(t, STORE_SERVED);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(table_del(txn, TABLE_COUNT, table_key(keys[i], i ? 9 : 6)),
		                 ERR_OK);
	assert_int_equal(domain_verify(txn), ERR_OK);
	assert_int_equal(domain_del(txn, &(struct hostname){10, "n1.example"}), ERR_OK);
	tmpstore_commit(txn);
	txn = tmpstore_read(t, STORE_SERVED);
	assert_int_equal(domain_count_label(txn, "t=1", &(uint64_t){0}), ERR_UNSUPPORTED);
	store_abort(txn);
	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(count_of(txn, "t=1"), 5);
	assert_int_equal(domain_verify(txn), ERR_OK);
	tmpstore_commit(txn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpstore_setup, tmpstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(labels_are_parsed_or_refused),     TEST(a_domain_keeps_eight_by_key),
		TEST(bad_label_text_is_refused_by_put), TEST(names_are_listed_by_label),
		TEST(names_are_counted_by_label),       TEST(a_store_from_before_is_counted_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
