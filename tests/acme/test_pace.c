/* SPDX-License-Identifier: Apache-2.0 */
/* How many requests go in a time, by endpoint. */
#include "acme/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { START = 5000000, SECOND = 1000 };

static struct pace *
opened(const char *directory)
{
	struct pace *p = NULL;

	assert_int_equal(pace_open(directory, &p), ERR_OK);
	return p;
}

/* Sends whenever it may, for MS; how many went. */
static unsigned
send_for(struct pace *p, enum pace_endpoint e, int64_t ms)
{
	unsigned sent = 0;

	for (int64_t now = START, next; now<START + ms; now = next> now ? next : now) {
		next = pace_next(p, e, now);
		if (next > now)
			continue;
		pace_take(p, e, now);
		sent++;
		next = now;
	}
	return sent;
}

static void
as_many_as_the_rate(void **state)
{
	static const struct {
		struct pace_rate rate;
		unsigned at_once, in_ten_seconds; /* besides those at once */
	} rows[] = {
		{{20, 1}, 2, 200}, {{250, 1}, 25, 2500},    {{300, 1}, 30, 3000},
		{{5, 1}, 1, 50},   {{1, 1}, 1, 10},         {{10, 60}, 1, 1},
		{{1, 3600}, 1, 0}, {{1000, 1}, 100, 10000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pace *p = opened("https://a/dir");
		struct pace_rate rates[PACE_ENDPOINTS] = {[PACE_OTHER] = rows[i].rate};

		pace_set(p, rates);
		assert_int_equal(send_for(p, PACE_OTHER, 1), rows[i].at_once);
		pace_close(p); /* nobody has it: forgotten */
		p = opened("https://a/dir");
		assert_int_equal(pace_look(p, PACE_OTHER, START).rate.count, 0);
		pace_set(p, rates);
		assert_in_range(send_for(p, PACE_OTHER, 10 * SECOND),
		                rows[i].in_ten_seconds ? rows[i].in_ten_seconds : 1,
		                rows[i].at_once + rows[i].in_ten_seconds);
		/* no other endpoint knows of it */
		assert_int_equal(pace_next(p, PACE_NEW_NONCE, START), START);
		pace_close(p);
	}
}

static void
the_same_ca_has_one(void **state)
{
	struct pace *a = opened("https://a/dir"), *b = opened("https://a/dir");
	struct pace *c = opened("https://c/dir");
	struct pace_rate rates[PACE_ENDPOINTS] = {[PACE_NEW_NONCE] = {10, 1}};

	(void)state;
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	pace_set(a, rates);
	pace_set(c, rates);
	pace_take(a, PACE_NEW_NONCE, START);
	assert_int_equal(pace_next(b, PACE_NEW_NONCE, START), START + 100);
	pace_take(b, PACE_NEW_NONCE, START); /* both had seen the same one */
	assert_int_equal(pace_next(b, PACE_NEW_NONCE, START), START + 200);
	assert_int_equal(pace_next(c, PACE_NEW_NONCE, START), START);
	pace_close(a);
	pace_set(b, rates); /* the same again: what was spent stays spent */
	assert_int_equal(pace_next(b, PACE_NEW_NONCE, START), START + 200);
	pace_close(b);
	pace_close(c);
}

static void
a_hold_is_of_one_endpoint(void **state)
{
	struct pace *p = opened("https://a/dir");
	struct pace_room room;

	(void)state;
	assert_true(pace_hold(p, PACE_OTHER, START + 5 * SECOND, START));
	assert_false(pace_hold(p, PACE_OTHER, START + 3 * SECOND, START + 1)); /* no sooner */
	assert_int_equal(pace_next(p, PACE_OTHER, START + 1), START + 5 * SECOND);
	assert_int_equal(pace_next(p, PACE_NEW_ORDER, START + 1), START + 1);
	room = pace_look(p, PACE_OTHER, START + 1);
	assert_int_equal(room.held_until, START + 5 * SECOND);
	assert_int_equal(pace_next(p, PACE_OTHER, START + 6 * SECOND), START + 6 * SECOND);
	assert_int_equal(pace_look(p, PACE_OTHER, START + 6 * SECOND).held_until, 0);
	assert_true(pace_hold(p, PACE_OTHER, START + 9 * SECOND, START + 6 * SECOND));
	pace_close(p);
}

static void
none_has_no_limits(void **state)
{
	(void)state;
	assert_int_equal(pace_next(NULL, PACE_OTHER, START), START);
	pace_take(NULL, PACE_OTHER, START);
	assert_true(pace_hold(NULL, PACE_OTHER, START + 1, START));
	pace_set(NULL, NULL);
	pace_close(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_the_rate),
		cmocka_unit_test(the_same_ca_has_one),
		cmocka_unit_test(a_hold_is_of_one_endpoint),
		cmocka_unit_test(none_has_no_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
