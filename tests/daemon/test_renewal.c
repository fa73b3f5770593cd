/* SPDX-License-Identifier: Apache-2.0 */
/* What CAs say about renewal, and what becomes of plans. */
#include "daemon/watch/renewal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/store.h"
#include "tests/support/tmpstore.h"

enum { NOW = 1800000000, DAY = 86400, HOUR = 3600 };
static const uint32_t HALF = 0x80000000u; /* beyond int: in the enum it would make -DAY unsigned */

/* A certificate of 90 days, stored 50 days ago. */
static const struct renewal_life life = {NOW - 50 * DAY, NOW + 40 * DAY};

static struct renewal_answer
window(int64_t start, int64_t end)
{
	return (struct renewal_answer){.word = RENEWAL_WINDOW,
	                               .info = {.start = NOW + start, .end = NOW + end},
	                               .again_at = NOW + 6 * HOUR};
}

/* ---- one answer ----------------------------------------------------------------------------- */

static void
moments(void **state)
{
	static const struct {
		const char *what;
		int64_t start, end; /* of the window, from NOW */
		int64_t stored;     /* the certificate, before NOW */
		uint8_t early;
		int64_t at; /* of renewal, in the middle of the window, from NOW */
	} rows[] = {
		{"ahead", DAY, 3 * DAY, 50 * DAY, 0, 2 * DAY},
		{"begun", -DAY, 3 * DAY, 50 * DAY, 0, DAY},
		{"over", -4 * DAY, -2 * DAY, 50 * DAY, 0, -3 * DAY},
		{"before it was stored", -4 * DAY, -2 * DAY, 60, 0, -60},
		{"one that follows a short one waits", -4 * DAY, -2 * DAY, 60, 1, HOUR - 60},
		{"and the next one longer", -4 * DAY, -2 * DAY, 60, 3, 4 * HOUR - 60},
		{"a day at most", -4 * DAY, -2 * DAY, 60, 200, DAY - 60},
		{"early ones do not hold up later windows", DAY, 3 * DAY, 60, 2, 2 * DAY},
		{"across the last tenth", 30 * DAY, 50 * DAY, 50 * DAY, 0, 30 * DAY + 12 * HOUR},
		{"behind expiry", 50 * DAY, 60 * DAY, 50 * DAY, 0, 31 * DAY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct renewal r = {
			.stored_at = NOW - rows[i].stored, .early = rows[i].early, .failures = 7};
		struct renewal_answer a = window(rows[i].start, rows[i].end);
		struct renewal_change c;

		renewal_apply(&r, &a, &life, NOW, HALF, &c);
		if (llabs(r.renew_at - NOW - rows[i].at) > 1 || !c.window || !c.is_first)
			fail_msg("%s: %lld", rows[i].what, (long long)(r.renew_at - NOW));
		assert_int_equal(r.due_at, NOW + 6 * HOUR);
		assert_int_equal(r.failures, 0);
	}
}

/* A CA that thinks in days, and certificates of a minute: nothing waits for their end. */
static void
windows_wider_than_lives(void **state)
{
	static const struct renewal_life minute = {NOW, NOW + 60};

	(void)state;
	for (uint32_t early = 0; early < 20; early++)
		for (uint64_t random = 0; random <= UINT32_MAX; random += UINT32_MAX / 20) {
			struct renewal r = {.stored_at = NOW + 1, .early = (uint8_t)early};
			struct renewal_answer a = window(-DAY, DAY);
			struct renewal_change c;

			renewal_apply(&r, &a, &minute, NOW + 1, (uint32_t)random, &c);
			assert_in_range(r.renew_at, NOW + (early ? 30 : 1), NOW + 54);
		}
}

/* Answers to one certificate, one after the other. */
static void
a_conversation(void **state)
{
	static const struct {
		const char *what;
		enum renewal_word word;
		int64_t start, end; /* of the CA's window */
		const char *why;    /* explanationURL */
		int64_t at;         /* of renewal, from NOW; 0: the usual plan */
		bool window, first, explained;
	} rows[] = {
		{"no answer", RENEWAL_FAILED, 0, 0, "", 0, false, false, false},
		{"the first", RENEWAL_WINDOW, DAY, 3 * DAY, "", 2 * DAY, true, true, false},
		{"the same", RENEWAL_WINDOW, DAY, 3 * DAY, "", 2 * DAY, false, false, false},
		{"a reason", RENEWAL_WINDOW, DAY, 3 * DAY, "https://x/", 2 * DAY, false, false,
	         true},
		{"the same", RENEWAL_WINDOW, DAY, 3 * DAY, "https://x/", 2 * DAY, false, false,
	         false},
		{"a failure keeps it", RENEWAL_FAILED, 0, 0, "", 2 * DAY, false, false, false},
		{"not asked", RENEWAL_LATER, 0, 0, "", 2 * DAY, false, false, false},
		{"another end", RENEWAL_WINDOW, DAY, 5 * DAY, "https://x/", 3 * DAY, true, false,
	         false},
		{"the reason goes", RENEWAL_WINDOW, DAY, 5 * DAY, "", 3 * DAY, false, false, false},
		{"no window", RENEWAL_SENSELESS, 0, 0, "", 0, true, false, false},
		{"still none", RENEWAL_SENSELESS, 0, 0, "", 0, false, false, false},
		{"back", RENEWAL_WINDOW, DAY, 3 * DAY, "", 2 * DAY, true, true, false},
		{"nothing to say", RENEWAL_NONE, 0, 0, "", 0, true, false, false},
	};
	struct renewal r = {.stored_at = NOW - 50 * DAY};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct renewal_answer a = window(rows[i].start, rows[i].end);
		struct renewal_change c;
		/* A moment that stands does not move, whatever the dice say. */
		uint32_t random = rows[i].window ? HALF : (uint32_t)i * 0x13579bdu;

		a.word = rows[i].word;
		snprintf(a.info.explanation, sizeof(a.info.explanation), "%s", rows[i].why);
		renewal_apply(&r, &a, &life, NOW, random, &c);
		if (llabs((r.renew_at ? r.renew_at - NOW : 0) - rows[i].at) > 1 ||
		    c.window != rows[i].window ||
		    (c.window && rows[i].at && c.is_first != rows[i].first) ||
		    c.explained != rows[i].explained)
			fail_msg("%zu, %s: %lld %d %d %d", i, rows[i].what,
			         (long long)(r.renew_at - NOW), c.window, c.is_first, c.explained);
	}
}

static void
failures_back_off_and_end(void **state)
{
	struct renewal_answer a = window(DAY, 3 * DAY);
	struct renewal r = {.stored_at = NOW - 50 * DAY};
	struct renewal_change c;
	int64_t waited = 0;

	(void)state;
	renewal_apply(&r, &a, &life, NOW, 0, &c);
	a = (struct renewal_answer){.word = RENEWAL_FAILED, .again_at = NOW + 60};
	for (uint32_t i = 1; i < 40; i++) {
		int64_t wait = 60 << (i < 20 ? i - 1 : 20);

		wait = wait < 6 * HOUR ? wait : 6 * HOUR; /* RFC 9773 4.3.3 */
		renewal_apply(&r, &a, &life, NOW, 0, &c);
		assert_int_equal(r.failures, i);
		assert_int_equal(r.due_at - NOW, wait);
		assert_int_equal(r.window_end != 0, i < RENEWAL_FAILURES_MAX);
		assert_int_equal(c.window, i == RENEWAL_FAILURES_MAX);
		waited += i < RENEWAL_FAILURES_MAX ? wait : 0;
	}
	assert_in_range(waited, 8 * HOUR, 10 * HOUR);
	a.again_at = NOW + DAY; /* what the CA asks for is not undercut */
	renewal_apply(&r, &a, &life, NOW, 0, &c);
	assert_int_equal(r.due_at, NOW + DAY);
}

/* ---- in the store --------------------------------------------------------------------------- */

static int
setup(void **state)
{
	struct tmpstore *t = calloc(1, sizeof(*t));

	clock_set_wall(NOW);
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
	clock_set_wall(-1);
	return 0;
}

static struct domain
put(struct store_txn *txn, enum domain_state state, int64_t due_at)
{
	struct domain d = tmpstore_domain("a.example", due_at);

	d.state = state;
	d.generation = 3;
	d.not_before = life.not_before;
	d.not_after = life.not_after;
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	return d;
}

/* Due since it began, whatever our clock says. */
static const struct renewal_row row = {
	.name = {.name = "a.example", .len = 9}, .generation = 3, .due_at = NOW - 50 * DAY};

static enum err
settle(struct store_txn *txn, const struct renewal_row *r, const struct renewal_answer *a,
       struct renewal_change *ret_change)
{
	const struct renewal_subject subject = {.ca = "le", .row = *r};
	struct renewal stored;

	return renewal_settle(txn, &subject, a, &stored, ret_change);
}

static void
plans_follow(void **state)
{
	static const struct {
		const char *what;
		enum domain_state state;
		int64_t due;        /* from NOW; -NOW: in work */
		int64_t start, end; /* of the window */
		int64_t least, most;
		bool moved;
	} rows[] = {
		{"later", DOMAIN_VALID, DAY, 5 * DAY, 6 * DAY, 5 * DAY, 6 * DAY, true},
		{"sooner", DOMAIN_VALID, 9 * DAY, 5 * DAY, 6 * DAY, 5 * DAY, 6 * DAY, true},
		{"now", DOMAIN_VALID, 9 * DAY, -6 * DAY, -5 * DAY, -6 * DAY, 0, true},
		{"is due", DOMAIN_VALID, 0, 5 * DAY, 6 * DAY, 0, 0, false},
		{"in work", DOMAIN_VALID, -NOW, 5 * DAY, 6 * DAY, -NOW, -NOW, false},
		{"failing", DOMAIN_FAILING, HOUR, -6 * DAY, -5 * DAY, HOUR, HOUR, false},
	};
	struct renewal_change c;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
		struct domain d = put(txn, rows[i].state, NOW + rows[i].due);
		struct renewal_answer a = window(rows[i].start, rows[i].end);

		assert_int_equal(settle(txn, &row, &a, &c), ERR_OK);
		assert_int_equal(domain_get(txn, &d.name, &d), ERR_OK);
		if (c.moved != rows[i].moved || d.due_at - NOW < rows[i].least ||
		    d.due_at - NOW > rows[i].most)
			fail_msg("%s: %lld", rows[i].what, (long long)(d.due_at - NOW));
		store_abort(txn);
	}
}

/* Neither a clock that is ahead of the CA's nor one behind puts the first question off. */
static void
a_new_one_is_asked_about_at_once(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain d = put(txn, DOMAIN_VALID, NOW + DAY);
	struct renewal r;

	assert_int_equal(renewal_get(txn, &d.name, 3, &r), ERR_OK);
	assert_int_equal(r.due_at, life.not_before);
	assert_int_equal(r.stored_at, NOW);
	assert_int_equal(renewal_first_at(&d, 3, life.not_before - DAY), life.not_before - DAY);
	d.second.generation = 4;
	d.second.not_before = NOW - HOUR;
	assert_int_equal(renewal_first_at(&d, 4, NOW), NOW - HOUR);
	d.second.not_before = 0; /* not known */
	assert_int_equal(renewal_first_at(&d, 4, NOW), NOW);
	store_abort(txn);
}

static void
without_a_window_the_usual_plan_is_back(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain d = put(txn, DOMAIN_VALID, NOW + DAY);
	struct renewal_answer a = window(20 * DAY, 21 * DAY);
	struct renewal_row again = row;
	struct renewal_change c;

	assert_int_equal(settle(txn, &row, &a, &c), ERR_OK);
	a.word = RENEWAL_SENSELESS;
	again.due_at = a.again_at;
	assert_int_equal(settle(txn, &again, &a, &c), ERR_OK);
	assert_int_equal(domain_get(txn, &d.name, &d), ERR_OK);
	/* a third of 90 days left, up to 1 % of them earlier */
	assert_in_range(d.due_at, NOW + 10 * DAY - DAY, NOW + 10 * DAY);
	store_abort(txn);
}

static void
what_is_gone_is_forgotten(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain d = put(txn, DOMAIN_VALID, NOW + DAY);
	struct renewal_answer a = window(DAY, 2 * DAY);
	struct renewal_row rows[4], stale = row;
	struct renewal r;
	struct renewal_change c;
	size_t count;

	/* a certificate that the name has no more, in a record nobody removed */
	r = (struct renewal){.name = d.name, .generation = 2, .ca = "le", .due_at = NOW};
	assert_int_equal(renewal_put(txn, &r), ERR_OK);
	stale.generation = 2;
	stale.due_at = NOW;
	assert_int_equal(settle(txn, &stale, &a, &c), ERR_NOTFOUND);
	assert_int_equal(renewal_get(txn, &d.name, 2, &r), ERR_NOTFOUND);
	/* an entry whose record says another time */
	stale = row;
	stale.due_at = NOW - 5;
	assert_int_equal(settle(txn, &stale, &a, &c), ERR_NOTFOUND);
	assert_int_equal(renewal_get(txn, &d.name, 3, &r), ERR_OK);
	assert_int_equal(r.window_end, 0);
	/* no domain at all */
	r = (struct renewal){
		.name = tmpstore_name("b.example"), .generation = 1, .ca = "le", .due_at = NOW};
	assert_int_equal(renewal_put(txn, &r), ERR_OK);
	stale = (struct renewal_row){.name = r.name, .generation = 1, .due_at = NOW};
	assert_int_equal(settle(txn, &stale, &a, &c), ERR_NOTFOUND);
	assert_int_equal(renewal_due(txn, "le", NOW, 4, rows, &count), ERR_OK);
	assert_int_equal(count, 1); /* a.example's own */
	/* its record is gone: there is one again */
	assert_int_equal(renewal_del(txn, &d.name, 3), ERR_OK);
	assert_int_equal(settle(txn, &row, &a, &c), ERR_OK);
	assert_int_equal(renewal_get(txn, &d.name, 3, &r), ERR_OK);
	assert_int_equal(r.window_start, NOW + DAY);
	store_abort(txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments),
		cmocka_unit_test(windows_wider_than_lives),
		cmocka_unit_test(a_conversation),
		cmocka_unit_test(failures_back_off_and_end),
		cmocka_unit_test_setup_teardown(plans_follow, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_one_is_asked_about_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_window_the_usual_plan_is_back, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(what_is_gone_is_forgotten, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
