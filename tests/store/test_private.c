/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of environment private/: account, order, event. */
#include "store/account.h"
#include "store/event.h"
#include "store/order.h"
#include "store/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/tmpstore.h"

static void
an_account_comes_back(void **state)
{
	struct account a = {.created_at = 12}, got = {0};
	struct store_txn *txn;

	memset(a.directory, 'd', ACCOUNT_URL_MAX);
	memset(a.orders, 'o', ACCOUNT_URL_MAX);
	assert_int_equal(secret_alloc(&a.key, 32), ERR_OK);
	a.key.data[31] = 9;
	for (int i = 0; i < 2; i++) { /* first without its URL and the rest, then with it */
		txn = tmpstore_write(*state, STORE_PRIVATE);
		assert_int_equal(account_put(txn, &a), ERR_OK);
		tmpstore_commit(txn);
		txn = tmpstore_read(*state, STORE_PRIVATE);
		assert_int_equal(account_get(txn, a.directory, &got), ERR_OK);
		assert_string_equal(got.directory, a.directory);
		assert_string_equal(got.url, a.url);
		assert_string_equal(got.orders, a.orders);
		assert_int_equal(got.key.len, 32);
		assert_memory_equal(got.key.data, a.key.data, 32);
		assert_int_equal(got.created_at, 12);
		assert_int_equal(got.status, a.status);
		assert_string_equal(got.terms, a.terms);
		assert_string_equal(got.contacts, a.contacts);
		assert_int_equal(got.next_key.len, i ? ACCOUNT_KEY_MAX : 0);
		if (i)
			assert_memory_equal(got.next_key.data, a.next_key.data, ACCOUNT_KEY_MAX);
		assert_int_equal(account_get(txn, "https://other", &got), ERR_NOTFOUND);
		assert_int_equal(account_get(txn, "", &got), ERR_NOTFOUND);
		store_abort(txn);
		memset(a.url, 'u', ACCOUNT_URL_MAX);
		memset(a.terms, 't', ACCOUNT_URL_MAX);
		memset(a.contacts, 'c', ACCOUNT_CONTACTS_MAX);
		a.status = ACCOUNT_REVOKED;
		if (!i)
			assert_int_equal(secret_alloc(&a.next_key, ACCOUNT_KEY_MAX), ERR_OK);
		a.next_key.data[7] = 8;
	}
	account_done(&a);
	account_done(&got);
}

static void
servers_come_back(void **state)
{
	struct server a = {.backend = "app", .server = "b.internal:80", .state = 2, .at = 12};
	struct server longest = {.state = 1}, got[4];
	struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
	size_t count;

	memset(longest.backend, 'z', NAME_WORD_MAX);
	memset(longest.server, 's', SERVER_TEXT_MAX);
	assert_int_equal(server_put(txn, &a), ERR_OK);
	assert_int_equal(server_put(txn, &longest), ERR_OK);
	a.state = 1;
	assert_int_equal(server_put(txn, &a), ERR_OK); /* in place of the first */
	strcpy(a.server, "a:1");
	assert_int_equal(server_put(txn, &a), ERR_OK);
	tmpstore_commit(txn);
	txn = tmpstore_read(*state, STORE_PRIVATE);
	assert_int_equal(server_page(txn, 4, got, &count), ERR_OK);
	assert_int_equal(count, 3);
	assert_string_equal(got[0].server, "a:1");
	assert_string_equal(got[1].backend, "app");
	assert_string_equal(got[1].server, "b.internal:80");
	assert_int_equal(got[1].state, 1);
	assert_int_equal(got[1].at, 12);
	assert_string_equal(got[2].server, longest.server);
	assert_int_equal(server_page(txn, 1, got, &count), ERR_OK);
	assert_int_equal(count, 1);
	store_abort(txn);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(server_del(txn, "app", "a:1"), ERR_OK);
	assert_int_equal(server_del(txn, "app", "a:1"), ERR_OK);
	tmpstore_commit(txn);
	txn = tmpstore_read(*state, STORE_PRIVATE);
	assert_int_equal(server_page(txn, 4, got, &count), ERR_OK);
	assert_int_equal(count, 2);
	store_abort(txn);
}

static void
bad_servers_are_refused(void **state)
{
	static const struct server bad[] = {
		{.backend = "", .server = "a:1", .state = 1},
		{.backend = "app", .server = "", .state = 1},
		{.backend = "app", .server = "a:1", .state = 0},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);

		assert_int_equal(server_put(txn, &bad[i]), ERR_INVALID);
		store_abort(txn);
	}
}

static void
bad_accounts_are_refused(void **state)
{
	for (int i = 0; i < 8; i++) {
		struct account a = {.directory = "https://ca.example/"};
		struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);

		assert_int_equal(secret_alloc(&a.key, i == 0 ? 31 : 32), ERR_OK);
		if (i == 4)
			memset(a.terms, 'x', sizeof(a.terms));
		if (i == 5)
			memset(a.contacts, 'x', sizeof(a.contacts));
		if (i == 6)
			a.status = ACCOUNT_STATUS_END;
		if (i == 7)
			assert_int_equal(secret_alloc(&a.next_key, ACCOUNT_KEY_MAX + 1), ERR_OK);
		if (i == 1)
			a.directory[0] = '\0';
		if (i == 2)
			memset(a.directory, 'x', sizeof(a.directory));
		if (i == 3)
			memset(a.url, 'x', sizeof(a.url));
		assert_int_equal(account_put(txn, &a), ERR_INVALID);
		assert_int_equal(store_commit(txn), ERR_INVALID);
		account_done(&a);
	}
}

static void
an_order_comes_back_with_its_state(void **state)
{
	static const size_t lens[] = {0, 1, 5000, ORDER_STATE_MAX};
	struct order o, got;
	struct store_txn *txn;

	order_init(&o);
	order_init(&got);
	o.name = tmpstore_name("*.a.example");
	strcpy(o.ca, "le");
	o.created_at = 1;
	o.updated_at = 2;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		buf_reset(&o.state);
		while (o.state.len < lens[i])
			buf_u8(&o.state, (uint8_t)o.state.len);
		txn = tmpstore_write(*state, STORE_PRIVATE);
		assert_int_equal(order_put(txn, &o), ERR_OK);
		tmpstore_commit(txn);
		txn = tmpstore_read(*state, STORE_PRIVATE);
		assert_int_equal(order_get(txn, &o.name, &got), ERR_OK);
		store_abort(txn);
		assert_string_equal(got.name.name, "*.a.example");
		assert_string_equal(got.ca, "le");
		assert_int_equal(got.created_at, 1);
		assert_int_equal(got.updated_at, 2);
		assert_int_equal(got.state.len, lens[i]);
		assert_true(got.state.secret);
		if (lens[i])
			assert_memory_equal(got.state.data, o.state.data, lens[i]);
	}
	buf_u8(&o.state, 0);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(order_put(txn, &o), ERR_TOOBIG);
	assert_int_equal(store_commit(txn), ERR_TOOBIG);
	order_done(&o);
	order_done(&got);
}

static void
orders_are_paged_and_removed(void **state)
{
	static const char *const names[] = {"a.example", "b.example", "c.example"};
	struct hostname page[4];
	struct order o;
	struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
	size_t count;

	order_init(&o);
	for (int i = 0; i < 3; i++) {
		o.name = tmpstore_name(names[i]);
		assert_int_equal(order_put(txn, &o), ERR_OK);
	}
	tmpstore_commit(txn);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(order_page(txn, NULL, 2, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(order_page(txn, &page[1], 2, page, &count), ERR_OK);
	assert_int_equal(count, 1);
	assert_string_equal(page[0].name, "c.example");
	assert_int_equal(order_del(txn, &page[0]), ERR_OK);
	assert_int_equal(order_del(txn, &page[0]), ERR_OK);
	assert_int_equal(order_get(txn, &page[0], &o), ERR_NOTFOUND);
	assert_int_equal(order_page(txn, NULL, 4, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	tmpstore_commit(txn);
	order_done(&o);
}

static void
put_events(struct tmpstore *t, int count, uint64_t *ret_last)
{
	struct event e = {.at = 1, .type = "cert.stored"};
	struct store_txn *txn = tmpstore_write(t, STORE_PRIVATE);

	for (int i = 0; i < count; i++) {
		snprintf(e.detail, sizeof(e.detail), "number %u",
		         (unsigned)*ret_last + (unsigned)i);
		assert_int_equal(event_put(txn, &e), ERR_OK);
	}
	tmpstore_commit(txn);
	*ret_last = e.id;
}

static void
event_ids_grow_and_are_not_reused(void **state)
{
	struct event e = {.at = -5, .type = "x", .name = "a.example"}, page[4];
	struct store_txn *txn = tmpstore_read(*state, STORE_PRIVATE);
	uint64_t last = 1;
	size_t count;

	assert_int_equal(event_last(txn, &last), ERR_OK);
	assert_int_equal(last, 0);
	store_abort(txn);
	put_events(*state, 3, &last);
	assert_int_equal(last, 3);
	memset(e.detail, 'd', EVENT_DETAIL_MAX);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(event_put(txn, &e), ERR_OK);
	store_abort(txn); /* it never happened, nor did its id */
	tmpstore_close(*state);
	tmpstore_open(*state);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(event_put(txn, &e), ERR_OK);
	assert_int_equal(e.id, 4);
	tmpstore_commit(txn);
	txn = tmpstore_read(*state, STORE_PRIVATE);
	assert_int_equal(event_page(txn, 2, 4, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(page[0].id, 3);
	assert_string_equal(page[0].detail, "number 2");
	assert_int_equal(page[1].id, 4);
	assert_int_equal(page[1].at, -5);
	assert_string_equal(page[1].name, "a.example");
	assert_string_equal(page[1].detail, e.detail);
	assert_int_equal(event_page(txn, 4, 4, page, &count), ERR_OK);
	assert_int_equal(count, 0);
	assert_int_equal(event_page(txn, UINT64_MAX, 4, page, &count), ERR_OK);
	assert_int_equal(count, 0);
	assert_int_equal(event_page_back(txn, 0, 3, page, &count), ERR_OK);
	assert_int_equal(count, 3);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(page[i].id, 4 - i);
	assert_int_equal(event_page_back(txn, 3, 3, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(page[0].id, 2);
	assert_int_equal(event_page_back(txn, 1, 3, page, &count), ERR_OK);
	assert_int_equal(count, 0);
	assert_int_equal(event_page_back(txn, UINT64_MAX, 1, page, &count), ERR_OK);
	assert_int_equal(page[0].id, 4);
	store_abort(txn);
}

static void
events_are_bounded(void **state)
{
	struct event page[2];
	struct store_txn *txn;
	uint64_t last = 0;
	size_t count;

	while (last < EVENT_KEEP + 1000)
		put_events(*state, 1000, &last);
	txn = tmpstore_read(*state, STORE_PRIVATE);
	assert_int_equal(event_page(txn, 0, 2, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(page[0].id, 1001);
	assert_int_equal(page[1].id, 1002);
	assert_int_equal(event_last(txn, &last), ERR_OK);
	assert_int_equal(last, EVENT_KEEP + 1000);
	store_abort(txn);
}

static void
repeats_are_folded_into_the_newest(void **state)
{
	struct event e = {.at = 100, .type = "cert.failed", .name = "a.example", .detail = "no"},
		     other = {.at = 101, .type = "cert.failed", .name = "b.example"}, page[8];
	struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
	size_t count;

	assert_int_equal(event_put(txn, &e), ERR_OK);
	assert_int_equal(event_put(txn, &other), ERR_OK);
	for (int i = 0; i < 5; i++) {
		e.at = 200 + i;
		assert_int_equal(event_put(txn, &e), ERR_OK);
	}
	tmpstore_commit(txn);
	assert_int_equal(e.id, 7);
	assert_int_equal(e.count, 6);
	assert_int_equal(e.first_at, 100);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(event_page(txn, 0, 8, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(page[0].id, 2);
	assert_int_equal(page[0].count, 1);
	assert_int_equal(page[0].first_at, 101);
	assert_int_equal(page[1].id, 7);
	assert_int_equal(page[1].count, 6);
	assert_int_equal(page[1].first_at, 100);
	assert_int_equal(page[1].at, 204);
	/* Who had seen id 6 sees the row again. */
	assert_int_equal(event_page(txn, 6, 8, page, &count), ERR_OK);
	assert_int_equal(count, 1);
	/* Too long ago: a row of its own. */
	e.at = 204 + EVENT_FOLD_S + 1;
	assert_int_equal(event_put(txn, &e), ERR_OK);
	assert_int_equal(e.count, 1);
	assert_int_equal(event_page(txn, 0, 8, page, &count), ERR_OK);
	assert_int_equal(count, 3);
	tmpstore_commit(txn);
}

static void
tallies_add_up_under_the_newest_detail(void **state)
{
	struct event e = {.at = 100, .type = "mismatch.x", .detail = "one", .count = 3}, page[8];
	struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
	size_t count;

	assert_int_equal(event_tally(txn, &e), ERR_OK);
	assert_int_equal(e.count, 3);
	e = (struct event){.at = 200, .type = "mismatch.x", .detail = "two", .count = 40};
	assert_int_equal(event_tally(txn, &e), ERR_OK);
	assert_int_equal(e.count, 43);
	assert_int_equal(e.first_at, 100);
	e = (struct event){.at = 201, .type = "mismatch.x", .name = "a", .detail = "two"};
	assert_int_equal(event_tally(txn, &e), ERR_OK); /* another row */
	assert_int_equal(e.count, 1);
	e = (struct event){.at = 202, .type = "mismatch.x", .detail = "two"};
	assert_int_equal(event_put(txn, &e), ERR_OK); /* no tally, so a row of its own */
	assert_int_equal(e.count, 1);
	assert_int_equal(event_page(txn, 0, 8, page, &count), ERR_OK);
	assert_int_equal(count, 3);
	assert_int_equal(page[0].id, 2);
	assert_string_equal(page[0].detail, "two");
	/* A day after the first one, not the last, another begins; and counts stop at their end. */
	e = (struct event){.at = 100 + EVENT_FOLD_S, .type = "mismatch.x", .count = UINT32_MAX};
	assert_int_equal(event_tally(txn, &e), ERR_OK);
	assert_int_equal(e.count, UINT32_MAX);
	e = (struct event){.at = 101 + EVENT_FOLD_S, .type = "mismatch.x", .count = 5};
	assert_int_equal(event_tally(txn, &e), ERR_OK);
	assert_int_equal(e.count, 5);
	tmpstore_commit(txn);
}

/* Until it is repeated; a tally goes on being the same. */
static void
acknowledged_events_stay_where_they_are(void **state)
{
	struct event e = {.at = 100, .type = "x", .detail = "d"}, page[4], got;
	struct event tally = {.at = 100, .type = "mismatch.x", .detail = "one"};
	struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
	size_t count;

	assert_int_equal(event_put(txn, &e), ERR_OK);
	assert_int_equal(event_tallied(txn, "mismatch.x", 100, &got), ERR_NOTFOUND);
	assert_int_equal(event_tally(txn, &tally), ERR_OK);
	assert_int_equal(event_ack(txn, 3, 150, 1000, &got), ERR_NOTFOUND);
	assert_int_equal(event_ack(txn, 1, 150, 1000, &got), ERR_OK);
	assert_string_equal(got.type, "x");
	assert_int_equal(event_ack(txn, 2, 160, 0, &got), ERR_OK);
	tmpstore_commit(txn);
	txn = tmpstore_write(*state, STORE_PRIVATE);
	assert_int_equal(event_page(txn, 0, 4, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_true(page[0].id == 1 && page[0].acked_at == 150 && page[0].acked_by == 1000);
	assert_true(page[1].id == 2 && page[1].acked_at == 160 && page[1].acked_by == 0);
	assert_int_equal(event_put(txn, &e), ERR_OK);
	assert_int_equal(event_tally(txn, &tally), ERR_OK);
	assert_int_equal(event_tallied(txn, "mismatch.x", 170, &got), ERR_OK);
	assert_int_equal(got.id, 4);
	assert_int_equal(event_page(txn, 0, 4, page, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_true(page[0].id == 3 && page[0].count == 2 && page[0].acked_at == 0);
	assert_true(page[1].id == 4 && page[1].count == 2 && page[1].acked_at == 160);
	tmpstore_commit(txn);
}

static void
old_and_large_events_go(void **state)
{
	struct event e = {.at = 100, .type = "x"}, page[2];
	struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);
	uint64_t sum = 0;
	size_t count;

	assert_int_equal(event_put(txn, &e), ERR_OK);
	e.at += EVENT_KEEP_S + 1;
	strcpy(e.detail, "later");
	assert_int_equal(event_put(txn, &e), ERR_OK);
	assert_int_equal(event_page(txn, 0, 2, page, &count), ERR_OK);
	assert_int_equal(count, 1);
	assert_int_equal(page[0].id, 2);
	memset(e.detail, 'd', EVENT_DETAIL_MAX);
	memset(e.name, 'n', HOSTNAME_MAX);
	for (int i = 0; sum < EVENT_BYTES_MAX + 1000000; i++) {
		snprintf(e.name, sizeof(e.name), "%0250d", i);
		assert_int_equal(event_put(txn, &e), ERR_OK);
		sum += 800;
	}
	assert_int_equal(event_page(txn, 0, 1, page, &count), ERR_OK);
	assert_true(page[0].id > 1000 && page[0].id < e.id - 30000);
	tmpstore_commit(txn);
}

static void
bad_events_are_refused(void **state)
{
	for (int i = 0; i < 4; i++) {
		struct event e = {.type = "x"};
		struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);

		if (i == 0)
			e.type[0] = '\0';
		if (i == 1)
			memset(e.type, 'x', sizeof(e.type));
		if (i == 2)
			memset(e.name, 'x', sizeof(e.name));
		if (i == 3)
			memset(e.detail, 'x', sizeof(e.detail));
		assert_int_equal(event_put(txn, &e), ERR_INVALID);
		assert_int_equal(store_commit(txn), ERR_INVALID);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpstore_setup, tmpstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_account_comes_back),
		TEST(servers_come_back),
		TEST(bad_servers_are_refused),
		TEST(bad_accounts_are_refused),
		TEST(an_order_comes_back_with_its_state),
		TEST(orders_are_paged_and_removed),
		TEST(event_ids_grow_and_are_not_reused),
		TEST(events_are_bounded),
		TEST(repeats_are_folded_into_the_newest),
		TEST(tallies_add_up_under_the_newest_detail),
		TEST(acknowledged_events_stay_where_they_are),
		TEST(old_and_large_events_go),
		TEST(bad_events_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
