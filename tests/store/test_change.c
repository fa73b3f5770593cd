/* SPDX-License-Identifier: Apache-2.0 */
#include "store/change.h"

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

#include "store/cert.h"
#include "store/challenge.h"
#include "store/domain.h"
#include "tests/support/tmpstore.h"

static void
fill(struct store_txn *txn, int from, int to, uint64_t generation)
{
	struct cert cert = tmpstore_cert(1, 500);
	struct buf chain = {0};
	char text[32];

	buf_bytes32(&chain, "issuer", 6);
	for (int i = from; i < to; i++) {
		struct domain d;

		snprintf(text, sizeof(text), "n%03d.example", i);
		d = tmpstore_domain(text, i + 1);
		d.state = DOMAIN_VALID;
		d.generation = cert.generation = generation;
		d.not_after = cert.not_after;
		assert_int_equal(cert_put(txn, &d.name, &cert, &chain), ERR_OK);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	cert_done(&cert);
	buf_done(&chain);
}

enum { PAGE = 7 };

/* Everything behind *AFTER from one store to another. */
static void
replicate(struct tmpstore *from, struct tmpstore *to, uint64_t *after, size_t *ret_changes)
{
	struct change page[PAGE];
	struct store_txn *in, *out;
	size_t count;

	for (int i = 0; i < PAGE; i++)
		change_init(&page[i]);
	*ret_changes = 0;
	in = tmpstore_read(from, STORE_SERVED);
	do {
		assert_int_equal(change_page(in, *after, PAGE, page, &count), ERR_OK);
		out = tmpstore_write(to, STORE_SERVED);
		for (size_t i = 0; i < count; i++) {
			assert_true(page[i].revision > *after);
			*after = page[i].revision;
			assert_int_equal(change_apply(out, &page[i]), ERR_OK);
		}
		tmpstore_commit(out);
		*ret_changes += count;
	} while (count == PAGE);
	store_abort(in);
	for (int i = 0; i < PAGE; i++)
		change_done(&page[i]);
}

static bool
is_in(struct store_txn *txn, const struct change *c)
{
	struct change page[PAGE];
	uint64_t after = 0;
	size_t count;
	bool found = false;

	for (int i = 0; i < PAGE; i++)
		change_init(&page[i]);
	do {
		assert_int_equal(change_page(txn, after, PAGE, page, &count), ERR_OK);
		for (size_t i = 0; i < count; i++) {
			after = page[i].revision;
			if (strcmp(page[i].table, c->table) == 0 && page[i].key_len == c->key_len &&
			    memcmp(page[i].key, c->key, c->key_len) == 0 &&
			    page[i].gone == c->gone && page[i].record.len == c->record.len &&
			    (!c->record.len ||
			     memcmp(page[i].record.data, c->record.data, c->record.len) == 0))
				found = true;
		}
	} while (count == PAGE);
	for (int i = 0; i < PAGE; i++)
		change_done(&page[i]);
	return found;
}

static void
assert_equal_stores(struct tmpstore *a, struct tmpstore *b)
{
	struct store_txn *in_a = tmpstore_read(a, STORE_SERVED),
			 *in_b = tmpstore_read(b, STORE_SERVED);
	struct change c;
	uint64_t after = 0;
	size_t count;

	change_init(&c);
	while (change_page(in_a, after, 1, &c, &count) == ERR_OK && count) {
		after = c.revision;
		if (!c.gone && !is_in(in_b, &c))
			fail_msg("%s %.*s is missing", c.table, (int)c.key_len, c.key);
		if (c.gone) {
			struct change there = c;

			there.gone = false;
			assert_false(is_in(in_b, &there));
		}
	}
	change_done(&c);
	assert_int_equal(domain_verify(in_a), ERR_OK);
	assert_int_equal(domain_verify(in_b), ERR_OK);
	store_abort(in_a);
	store_abort(in_b);
}

static void
another_store_follows(void **state)
{
	struct challenge c = {.kind = CHALLENGE_HTTP_01, .token = "tok", .keyauth = "tok.x"};
	struct tmpstore other, *t = *state;
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	uint64_t after = 0, last;
	size_t changes;

	tmpstore_init(&other);
	memset(other.master.data, 9, other.master.len); /* seals differ, records do not */
	tmpstore_open(&other);
	fill(txn, 0, 30, 1);
	c.name = tmpstore_name("n000.example");
	assert_int_equal(challenge_put(txn, &c), ERR_OK);
	tmpstore_commit(txn);
	replicate(t, &other, &after, &changes);
	assert_int_equal(changes, 30 * 2 + 1 + 1);
	assert_equal_stores(t, &other);
	txn = tmpstore_write(t, STORE_SERVED);
	fill(txn, 5, 8, 2);
	assert_int_equal(domain_del(txn, &c.name), ERR_OK);
	assert_int_equal(challenge_del(txn, &c), ERR_OK);
	tmpstore_commit(txn);
	replicate(t, &other, &after, &changes);
	assert_int_equal(changes, 3 * 2 + 3);
	assert_equal_stores(t, &other);
	assert_equal_stores(&other, t);
	/* A name that comes back has no tombstone any more. */
	txn = tmpstore_write(t, STORE_SERVED);
	fill(txn, 0, 1, 3);
	tmpstore_commit(txn);
	replicate(t, &other, &after, &changes);
	assert_int_equal(changes, 2);
	assert_equal_stores(t, &other);
	/* The same again changes nothing over there. */
	txn = tmpstore_read(&other, STORE_SERVED);
	assert_int_equal(change_last(txn, &last), ERR_OK);
	store_abort(txn);
	after = 0;
	replicate(t, &other, &after, &changes);
	txn = tmpstore_read(&other, STORE_SERVED);
	assert_int_equal(change_last(txn, &after), ERR_OK);
	assert_int_equal(after, last);
	store_abort(txn);
	tmpstore_done(&other);
}

static void
revisions_grow_and_each_key_is_there_once(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain d = tmpstore_domain("a.example", 1);
	struct change c[4];
	uint64_t last;
	size_t count;

	for (int i = 0; i < 4; i++)
		change_init(&c[i]);
	assert_int_equal(change_last(txn, &last), ERR_OK);
	assert_int_equal(last, 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	assert_int_equal(change_page(txn, 0, 4, c, &count), ERR_OK);
	assert_int_equal(count, 1);
	assert_int_equal(c[0].revision, 5);
	assert_int_equal(change_page(txn, 5, 4, c, &count), ERR_OK);
	assert_int_equal(count, 0);
	assert_int_equal(change_page(txn, UINT64_MAX, 4, c, &count), ERR_NOTFOUND);
	assert_int_equal(domain_del(txn, &d.name), ERR_OK);
	tmpstore_commit(txn);
	tmpstore_close(*state);
	tmpstore_open(*state);
	txn = tmpstore_write(*state, STORE_SERVED);
	assert_int_equal(change_last(txn, &last), ERR_OK);
	assert_int_equal(last, 6); /* also with nothing left in the store */
	assert_int_equal(change_page(txn, 0, 4, c, &count), ERR_OK);
	assert_int_equal(count, 1);
	assert_true(c[0].gone);
	for (int i = 0; i < 4; i++)
		change_done(&c[i]);
	store_abort(txn);
}

static void
nonsense_is_not_applied(void **state)
{
	static const struct {
		const char *table, *key;
		uint8_t format;
		bool gone;
		enum err err;
	} cases[] = {
		{"nowhere", "a", 2, false, ERR_INVALID}, {"due", "a", 2, false, ERR_INVALID},
		{"domain", "", 2, false, ERR_INVALID},   {"domain", "A", 2, false, ERR_INVALID},
		{"domain", "a", 2, false, ERR_INVALID},  {"domain", "a", 99, false, ERR_VERSION},
		{"domain", "a", 0, false, ERR_INVALID},  {"domain", "a", 0, true, ERR_OK},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
		struct change c;

		change_init(&c);
		strcpy(c.table, cases[i].table);
		c.key_len = strlen(cases[i].key);
		memcpy(c.key, cases[i].key, c.key_len);
		c.format = cases[i].format;
		c.gone = cases[i].gone;
		assert_int_equal(change_apply(txn, &c), cases[i].err);
		store_abort(txn);
		change_done(&c);
	}
}

/* Beyond their number the oldest go, and who did not see them is told so. */
static void
tombstones_are_bounded(void **state)
{
	struct change c;
	struct store_txn *txn = NULL;
	struct domain d = tmpstore_domain("a.example", 0);
	size_t count;

	for (int i = 0; i < CHANGE_GONE_KEEP + 100; i++) {
		if (i % 1000 == 0) {
			if (txn)
				tmpstore_commit(txn);
			txn = tmpstore_write(*state, STORE_SERVED);
		}
		d.name.len = (uint8_t)snprintf(d.name.name, sizeof(d.name.name), "n%d", i);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
		assert_int_equal(domain_del(txn, &d.name), ERR_OK);
	}
	change_init(&c);
	assert_int_equal(change_page(txn, 0, 1, &c, &count), ERR_OK);
	assert_int_equal(count, 1);
	assert_string_equal((char *)c.key, "n100");
	assert_int_equal(change_page(txn, 1, 1, &c, &count), ERR_NOTFOUND);
	assert_int_equal(change_page(txn, 200, 1, &c, &count), ERR_OK);
	change_done(&c);
	tmpstore_commit(txn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpstore_setup, tmpstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(another_store_follows),
		TEST(revisions_grow_and_each_key_is_there_once),
		TEST(nonsense_is_not_applied),
		TEST(tombstones_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
