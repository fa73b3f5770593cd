/* SPDX-License-Identifier: Apache-2.0 */
#include "store/challenge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/order.h"
#include "tests/support/tmpstore.h"

static struct challenge
challenge_of(enum challenge_kind kind, const char *name, const char *token, int64_t created_at)
{
	struct challenge c = {.kind = kind, .name = tmpstore_name(name), .created_at = created_at};

	strcpy(c.token, token);
	strcpy(c.keyauth, token);
	strcat(c.keyauth, ".thumbprint");
	return c;
}

static void
put(struct tmpstore *t, struct challenge c)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);

	assert_int_equal(challenge_put(txn, &c), ERR_OK);
	tmpstore_commit(txn);
}

static void
each_kind_is_found_by_its_key(void **state)
{
	struct challenge http = challenge_of(CHALLENGE_HTTP_01, "a.example", "tok-1_A", 5), got;
	struct challenge alpn = challenge_of(CHALLENGE_TLS_ALPN_01, "b.example", "tok-2", 6);
	struct store_txn *txn = tmpstore_read(*state, STORE_SERVED);
	bool any = true;

	assert_int_equal(challenge_any(txn, &any), ERR_OK);
	assert_false(any);
	store_abort(txn);
	put(*state, http);
	put(*state, alpn);
	txn = tmpstore_read(*state, STORE_SERVED);
	assert_int_equal(challenge_any(txn, &any), ERR_OK);
	assert_true(any);
	assert_int_equal(challenge_get_http(txn, "tok-1_A", &got), ERR_OK);
	assert_int_equal(got.kind, CHALLENGE_HTTP_01);
	assert_string_equal(got.name.name, "a.example");
	assert_string_equal(got.token, "tok-1_A");
	assert_string_equal(got.keyauth, "tok-1_A.thumbprint");
	assert_int_equal(got.created_at, 5);
	assert_int_equal(challenge_get_alpn(txn, &alpn.name, &got), ERR_OK);
	assert_int_equal(got.kind, CHALLENGE_TLS_ALPN_01);
	assert_string_equal(got.token, "tok-2");
	assert_int_equal(challenge_get_alpn(txn, &http.name, &got), ERR_NOTFOUND);
	assert_int_equal(challenge_get_http(txn, "tok-2", &got), ERR_NOTFOUND);
	store_abort(txn);
}

static void
any_request_path_may_be_asked_for(void **state)
{
	static const char *const tokens[] = {"", "../x", "a b", "tok.", "t\xc3\xb6k", "tok%2e"};
	struct store_txn *txn = tmpstore_read(*state, STORE_SERVED);
	char huge[4096];
	struct challenge got;

	memset(huge, 'a', sizeof(huge));
	huge[sizeof(huge) - 1] = '\0';
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		assert_int_equal(challenge_get_http(txn, tokens[i], &got), ERR_NOTFOUND);
	assert_int_equal(challenge_get_http(txn, huge, &got), ERR_NOTFOUND);
	store_abort(txn);
}

static void
refuse(struct tmpstore *t, struct challenge c)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);

	assert_int_equal(challenge_put(txn, &c), ERR_INVALID);
	assert_int_equal(store_commit(txn), ERR_INVALID);
}

static void
what_makes_no_sense_is_refused(void **state)
{
	struct challenge good = challenge_of(CHALLENGE_HTTP_01, "a.example", "tok", 5), c;

	c = good;
	c.kind = CHALLENGE_KIND_END;
	refuse(*state, c);
	c.kind = CHALLENGE_DNS_01;
	refuse(*state, c);
	c = good;
	c.kind = 0;
	refuse(*state, c);
	c = good;
	strcpy(c.token, "");
	refuse(*state, c);
	c = good;
	strcpy(c.token, "a/b");
	refuse(*state, c);
	c = good;
	memset(c.token, 'a', sizeof(c.token));
	refuse(*state, c);
	c = good;
	strcpy(c.keyauth, "");
	refuse(*state, c);
	c = good;
	memset(c.keyauth, 'a', sizeof(c.keyauth));
	refuse(*state, c);
	c = good;
	c.name.len = 0;
	refuse(*state, c);
	put(*state, good);
}

static void
del_is_content_with_nothing(void **state)
{
	struct challenge c = challenge_of(CHALLENGE_HTTP_01, "a.example", "tok", 5), got;
	struct store_txn *txn;

	put(*state, c);
	txn = tmpstore_write(*state, STORE_SERVED);
	assert_int_equal(challenge_del(txn, &c), ERR_OK);
	assert_int_equal(challenge_del(txn, &c), ERR_OK);
	assert_int_equal(challenge_get_http(txn, "tok", &got), ERR_NOTFOUND);
	tmpstore_commit(txn);
}

static void
those_without_an_order_expire(void **state)
{
	struct order order;
	struct challenge got;
	struct store_txn *txn = tmpstore_write(*state, STORE_PRIVATE);

	order_init(&order);
	order.name = tmpstore_name("working.example");
	assert_int_equal(order_put(txn, &order), ERR_OK);
	tmpstore_commit(txn);
	put(*state, challenge_of(CHALLENGE_HTTP_01, "working.example", "old-working", 1));
	put(*state, challenge_of(CHALLENGE_HTTP_01, "gone.example", "old-gone", 1));
	put(*state, challenge_of(CHALLENGE_HTTP_01, "gone.example", "new-gone", 100));
	put(*state, challenge_of(CHALLENGE_HTTP_01, "gone.example", "old-too", 99));
	put(*state, challenge_of(CHALLENGE_TLS_ALPN_01, "gone.example", "old-alpn", 2));
	put(*state, challenge_of(CHALLENGE_TLS_ALPN_01, "working.example", "old-alpn", 2));
	txn = tmpstore_write(*state, STORE_SERVED);
	assert_int_equal(challenge_expire(txn, 100), ERR_OK);
	tmpstore_commit(txn);
	txn = tmpstore_read(*state, STORE_SERVED);
	assert_int_equal(challenge_get_http(txn, "old-working", &got), ERR_OK);
	assert_int_equal(challenge_get_http(txn, "old-gone", &got), ERR_NOTFOUND);
	assert_int_equal(challenge_get_http(txn, "old-too", &got), ERR_NOTFOUND);
	assert_int_equal(challenge_get_http(txn, "new-gone", &got), ERR_OK);
	assert_int_equal(challenge_get_alpn(txn, &got.name, &got), ERR_NOTFOUND);
	assert_int_equal(challenge_get_alpn(txn, &order.name, &got), ERR_OK);
	store_abort(txn);
	order_done(&order);
}

static void
kinds_have_words(void **state)
{
	enum challenge_kind kind;

	(void)state;
	for (int k = CHALLENGE_HTTP_01; k < CHALLENGE_KIND_END; k++) {
		const char *word = challenge_kind_word((enum challenge_kind)k);

		assert_int_equal(challenge_kind_parse(word, &kind), ERR_OK);
		assert_int_equal(kind, k);
	}
	assert_int_equal(challenge_kind_parse("dns", &kind), ERR_INVALID);
	assert_int_equal(challenge_kind_parse("", &kind), ERR_INVALID);
	assert_string_equal(challenge_kind_word(CHALLENGE_KIND_END), "unknown");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpstore_setup, tmpstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_kind_is_found_by_its_key),  TEST(any_request_path_may_be_asked_for),
		TEST(what_makes_no_sense_is_refused), TEST(del_is_content_with_nothing),
		TEST(those_without_an_order_expire),  cmocka_unit_test(kinds_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
