/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of session ticket keys. */
#include "store/ticket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/rotate.h"
#include "tests/support/tmpstore.h"

enum { NOW = 1800000000 };

static void
put(struct tmpstore *t, const struct ticket_ring *ring)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);

	assert_int_equal(ticket_ring_put(txn, ring), ERR_OK);
	tmpstore_commit(txn);
}

static enum err
get(struct tmpstore *t, struct ticket_ring *ret_ring)
{
	struct store_txn *txn = tmpstore_read(t, STORE_SERVED);
	enum err err = ticket_ring_get(txn, ret_ring);

	store_abort(txn);
	return err;
}

static void
a_ring_comes_back_after_a_restart(void **state)
{
	struct tmpstore *t = *state;
	struct ticket_ring ring = {0}, got = {0};
	uint64_t left = 1;

	assert_int_equal(get(t, &got), ERR_NOTFOUND);
	for (int turns = 1; turns <= 4; turns++) {
		assert_int_equal(ticket_ring_turn(&ring, NOW + turns, false), ERR_OK);
		put(t, &ring);
		tmpstore_close(t);
		tmpstore_open(t);
		assert_int_equal(get(t, &got), ERR_OK);
		assert_int_equal(got.count, turns < TICKET_KEYS ? turns : TICKET_KEYS);
		assert_memory_equal(got.keys, ring.keys, got.count * sizeof(got.keys[0]));
	}
	/* New data keys of the store do not lose it. */
	assert_int_equal(store_key_rotate_begin(t->store), ERR_OK);
	while (left)
		assert_int_equal(store_reseal_step(t->store, 100, &left), ERR_OK);
	memset(&got, 0, sizeof(got));
	assert_int_equal(get(t, &got), ERR_OK);
	assert_memory_equal(got.keys, ring.keys, sizeof(got.keys));
}

static void
a_turn_keeps_one_older_key(void **state)
{
	struct ticket_ring ring = {0};
	struct ticket_key first, second;

	(void)state;
	assert_int_equal(ticket_ring_turn(&ring, NOW, false), ERR_OK);
	first = ring.keys[0];
	assert_int_equal(ticket_ring_turn(&ring, NOW + TICKET_EVERY_S, false), ERR_OK);
	second = ring.keys[0];
	assert_int_equal(ring.count, 2);
	assert_memory_equal(&ring.keys[1], &first, sizeof(first));
	assert_memory_not_equal(second.name, first.name, sizeof(first.name));
	assert_memory_not_equal(second.aes, first.aes, sizeof(first.aes));
	assert_memory_not_equal(second.hmac, first.hmac, sizeof(first.hmac));
	assert_memory_not_equal(second.aes, second.hmac, sizeof(second.aes));
	assert_int_equal(ticket_ring_turn(&ring, NOW + 2 * TICKET_EVERY_S, false), ERR_OK);
	assert_int_equal(ring.count, 2);
	assert_memory_equal(&ring.keys[1], &second, sizeof(second));
	/* What is too old by then goes, and all of it when told to forget. */
	assert_int_equal(ticket_ring_turn(&ring, NOW + 9 * TICKET_EVERY_S, false), ERR_OK);
	assert_int_equal(ring.count, 1);
	assert_int_equal(ticket_ring_turn(&ring, NOW + 9 * TICKET_EVERY_S + 1, true), ERR_OK);
	assert_int_equal(ring.count, 1);
	assert_int_equal(ring.keys[0].made_at, NOW + 9 * TICKET_EVERY_S + 1);
}

static void
a_ring_is_due_after_half_a_day(void **state)
{
	static const struct {
		int64_t age;
		bool due, live;
	} cases[] = {
		{0, false, true},
		{TICKET_EVERY_S - 1, false, true},
		{TICKET_EVERY_S, true, true},
		{TICKET_KEEP_S - 1, true, true},
		{TICKET_KEEP_S, true, false},
		{-TICKET_EVERY_S, false, true}, /* the clock went back a little */
		{-TICKET_EVERY_S - 1, true, false},
	};
	struct ticket_ring ring = {0};

	(void)state;
	assert_true(ticket_ring_is_due(&ring, NOW));
	assert_int_equal(ticket_ring_turn(&ring, NOW, false), ERR_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ticket_ring_is_due(&ring, NOW + cases[i].age), cases[i].due);
		assert_int_equal(ticket_key_is_live(&ring.keys[0], NOW + cases[i].age),
		                 cases[i].live);
	}
}

static void
too_many_keys_are_refused(void **state)
{
	struct ticket_ring ring = {.count = TICKET_KEYS + 1};
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);

	assert_int_equal(ticket_ring_put(txn, &ring), ERR_INVALID);
	store_abort(txn);
	assert_int_equal(get(*state, &ring), ERR_NOTFOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_ring_comes_back_after_a_restart, tmpstore_setup,
	                                        tmpstore_teardown),
		cmocka_unit_test(a_turn_keeps_one_older_key),
		cmocka_unit_test(a_ring_is_due_after_half_a_day),
		cmocka_unit_test_setup_teardown(too_many_keys_are_refused, tmpstore_setup,
	                                        tmpstore_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
