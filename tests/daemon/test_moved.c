/* SPDX-License-Identifier: Apache-2.0 */
/* Which names have moved, when they are back, and when what was put right is tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/common/notice.h"
#include "daemon/control/command_set.h"
#include "daemon/order/issuer.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/diagnoser_inside.h"
#include "store/domain_due.h"
#include "store/domain_list.h"
#include "store/store.h"
#include "tests/support/tmpstore.h"

void __wrap_issuer_wake(struct issuer *issuer);

static unsigned woken;

void
__wrap_issuer_wake(struct issuer *issuer)
{
	(void)issuer;
	woken++;
}

static void
on_wake(void *arg)
{
	(void)arg;
}

struct fixture {
	struct tmpstore store;
	struct diagnoser g;
};

static const struct conf *
load(const struct tmpstore *t, const char *diagnose)
{
	static const char ca[] = "directory https://ca.test/; account a@b.test; agree-terms;";
	char path[128], error[CONF_ERROR_MAX + 1];
	const struct conf *conf;
	FILE *out;

	snprintf(path, sizeof(path), "%s/certd.conf", t->parent);
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out,
	        "listen 127.0.0.1:1 { tls; }\ndns d { hook /bin/true; }\n"
	        "ca le { %s challenge http-01 tls-alpn-01; }\n"
	        "ca both { %s challenge http-01 dns-01; dns d; }\ndiagnose { %s }\n",
	        ca, ca, diagnose);
	fclose(out);
	if (conf_load(path, &conf, error))
		fail_msg("%s", error);
	return conf;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tmpstore_init(&f->store);
	tmpstore_open(&f->store);
	f->g.store = f->store.store;
	assert_int_equal(notice_new(on_wake, NULL, &f->g.notices), ERR_OK);
	f->g.conf = load(&f->store, "addresses 192.0.2.1;");
	assert_int_equal(clockwatch_new(0, clock_wall(), clock_mono_ms(), &f->g.clock), ERR_OK);
	woken = 0;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	conf_unref(f->g.conf);
	notice_free(f->g.notices);
	clockwatch_free(f->g.clock);
	tmpstore_done(&f->store);
	free(f);
	return 0;
}

static void
codes_say_where_a_name_leads(void **state)
{
	static const struct {
		const char *code;
		enum diagnose_place place;
	} rows[] = {
		{"ok", DIAGNOSE_HERE},
		{"dns/elsewhere", DIAGNOSE_AWAY},
		{"dns/private-address", DIAGNOSE_AWAY},
		{"dns/nxdomain", DIAGNOSE_AWAY},
		{"dns/no-address", DIAGNOSE_AWAY},
		{"dns/cname-dangling", DIAGNOSE_AWAY},
		{"dns/partly-elsewhere", DIAGNOSE_HERE},
		{"caa/forbids", DIAGNOSE_HERE},
		{"http/unreachable", DIAGNOSE_HERE},
		{"tls/other-certificate", DIAGNOSE_HERE},
		{"ca/fault", DIAGNOSE_HERE},
		{"dns/timeout", DIAGNOSE_UNKNOWN},
		{"dns/servfail", DIAGNOSE_UNKNOWN},
		{"dns/dnssec-bogus", DIAGNOSE_UNKNOWN},
		{"dns/resolver", DIAGNOSE_UNKNOWN},
		{"certd/setup", DIAGNOSE_UNKNOWN},
		{"of/another-certd", DIAGNOSE_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (diagnose_place(rows[i].code) != rows[i].place)
			fail_msg("%s", rows[i].code);
}

static void
it_has_moved_when_it_was_away_for_so_long(void **state)
{
	static const struct {
		const char *diagnose, *code;
		int64_t since, at;
	} rows[] = {
		{"addresses 192.0.2.1;", "dns/elsewhere", 1000, 1000 + 7 * 86400},
		{"addresses 192.0.2.1; moved-after 1h;", "dns/nxdomain", 1000, 4600},
		{"addresses 192.0.2.1;", "dns/elsewhere", 0, 0},
		{"addresses 192.0.2.1;", "dns/servfail", 1000, 0}, /* now nobody knows */
		{"addresses 192.0.2.1;", "ok", 1000, 0},
		{"addresses 192.0.2.1; moved-after never;", "dns/elsewhere", 1000, 0},
		{"addresses 192.0.2.1; off;", "dns/elsewhere", 1000, 0},
		{"", "dns/elsewhere", 1000, 0}, /* what is ours was only guessed */
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diagnosis d = {.away_since = rows[i].since};
		const struct conf *conf = load(&f->store, rows[i].diagnose);

		snprintf(d.code, sizeof(d.code), "%s", rows[i].code);
		if (moved_is_at(conf, &d) != rows[i].at)
			fail_msg("row %zu: %lld", i, (long long)moved_is_at(conf, &d));
		conf_unref(conf);
	}
}

static struct domain
get(struct fixture *f, const char *name)
{
	struct store_txn *txn = tmpstore_read(&f->store, STORE_SERVED);
	struct hostname h = tmpstore_name(name);
	struct domain d;

	assert_int_equal(domain_get(txn, &h, &d), ERR_OK);
	store_abort(txn);
	return d;
}

static void
put(struct fixture *f, const struct domain *d)
{
	struct store_txn *txn = tmpstore_write(&f->store, STORE_SERVED);

	assert_int_equal(domain_put(txn, d), ERR_OK);
	tmpstore_commit(txn);
}

static bool
is_due(struct fixture *f, const char *ca)
{
	struct store_txn *txn = tmpstore_read(&f->store, STORE_SERVED);
	bool any = false;

	for (enum domain_lane lane = 0; lane < LANES; lane++) {
		struct hostname name;
		size_t count;

		assert_int_equal(domain_due(txn, &(struct domain_queue){ca, lane}, INT64_MAX, 1,
		                            &name, &count),
		                 ERR_OK);
		any = any || count > 0;
	}
	store_abort(txn);
	return any;
}

static uint64_t
count_expired(struct fixture *f)
{
	struct store_txn *txn = tmpstore_read(&f->store, STORE_SERVED);
	uint64_t count;

	assert_int_equal(domain_count_expiring(txn, 86400, &count), ERR_OK);
	store_abort(txn);
	return count;
}

static void
some_names_move_and_come_back(void **state)
{
	static const struct {
		const char *name, *ca;
		enum domain_state state;
		int64_t due_at;
		bool moves;
		int64_t used_at;
	} rows[] = {
		{"a.example", "le", DOMAIN_FAILING, 5, true, 0},
		{"a.example", "le", DOMAIN_FAILING, 0, false, 0}, /* in work */
		{"a.example", "le", DOMAIN_VALID, 5, false, 0},
		{"a.example", "le", DOMAIN_PAUSED, 5, false, 0},
		{"*.example", "le", DOMAIN_FAILING, 5, false, 0},
		{"a.example", "both", DOMAIN_FAILING, 5, false, 0}, /* may be proven by DNS */
		{"a.example", "gone", DOMAIN_FAILING, 5, false, 0},
		{"a.example", "le", DOMAIN_FAILING, 5, false, 4}, /* it lapses */
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct domain d = tmpstore_domain(rows[i].name, rows[i].due_at);
		struct diagnosis found = {.name = d.name, .text = "away", .away_since = 1000};

		d.state = rows[i].state;
		d.failures = 4;
		d.used_at = rows[i].used_at;
		snprintf(d.ca, sizeof(d.ca), "%s", rows[i].ca);
		put(f, &d);
		moved_begin(&f->g, &found);
		d = get(f, rows[i].name);
		if ((d.state == DOMAIN_MOVED) != rows[i].moves)
			fail_msg("row %zu: %s", i, domain_state_word(d.state));
		woken = 0;
		moved_end(&f->g, &d.name, "back");
		assert_int_equal(woken, rows[i].moves);
		if (!rows[i].moves)
			continue;
		assert_int_equal(d.problem.kind, PROBLEM_MOVED);
		assert_non_null(strstr(d.problem.detail, "1970-01-01T00:16:40Z: away"));
		d = get(f, rows[i].name);
		assert_int_equal(d.state, DOMAIN_PENDING);
		assert_true(d.failures == 0 && d.due_at > 5 && d.problem.kind == PROBLEM_NONE);
	}
}

static void
who_has_moved_is_in_no_queue(void **state)
{
	struct fixture *f = *state;
	struct domain d = tmpstore_domain("a.example", 5);
	struct store_txn *txn;

	d.state = DOMAIN_FAILING;
	d.generation = 1;
	d.not_after = 7200;
	put(f, &d);
	assert_true(is_due(f, "le"));
	assert_int_equal(count_expired(f), 1);
	moved_begin(&f->g, &(struct diagnosis){.name = d.name, .away_since = 1});
	assert_false(is_due(f, "le"));
	assert_int_equal(count_expired(f), 0);
	txn = tmpstore_read(&f->store, STORE_SERVED);
	assert_int_equal(domain_verify(txn), ERR_OK);
	store_abort(txn);
	moved_end(&f->g, &d.name, "back");
	assert_true(is_due(f, "le"));
	assert_int_equal(count_expired(f), 1);
}

/* One that comes back and fails again has the whole time before it. */
static void
the_time_away_begins_anew(void **state)
{
	struct fixture *f = *state;
	struct diagnosing t = {.conf = f->g.conf};
	struct domain d = tmpstore_domain("a.example", 5);
	struct diagnosis kept = {.name = d.name, .away_since = 1000, .code = "dns/elsewhere"};
	struct store_txn *txn;

	d.state = DOMAIN_MOVED;
	put(f, &d);
	txn = tmpstore_write(&f->store, STORE_PRIVATE);
	assert_int_equal(diagnosis_put(txn, &kept), ERR_OK);
	tmpstore_commit(txn);
	t.d = (struct diagnosis){.name = d.name, .code = "http/unreachable", .at = clock_wall()};
	diagnosing_settle(&f->g, &t);
	d = get(f, "a.example");
	assert_int_equal(d.state, DOMAIN_PENDING);
	d.state = DOMAIN_FAILING;
	put(f, &d);
	snprintf(t.d.code, sizeof(t.d.code), "dns/elsewhere");
	diagnosing_settle(&f->g, &t);
	assert_int_equal(get(f, "a.example").state, DOMAIN_FAILING);
}

/* A name that fails, of which was kept that it leads elsewhere SINCE, is found elsewhere at AT. */
static void
find_elsewhere(struct fixture *f, int64_t since, int64_t at)
{
	struct diagnosing t = {.conf = f->g.conf};
	struct domain d = tmpstore_domain("a.example", 5);
	struct diagnosis kept = {.name = d.name, .away_since = since, .code = "dns/elsewhere"};
	struct store_txn *txn = tmpstore_write(&f->store, STORE_PRIVATE);

	assert_int_equal(diagnosis_put(txn, &kept), ERR_OK);
	tmpstore_commit(txn);
	d.state = DOMAIN_FAILING;
	put(f, &d);
	t.d = (struct diagnosis){.name = d.name, .code = "dns/elsewhere", .at = at};
	diagnosing_settle(&f->g, &t);
}

static int64_t
kept_since(struct fixture *f)
{
	struct store_txn *txn = tmpstore_read(&f->store, STORE_PRIVATE);
	struct hostname name = tmpstore_name("a.example");
	struct diagnosis kept;

	assert_int_equal(diagnosis_get(txn, &name, &kept), ERR_OK);
	store_abort(txn);
	return kept.away_since;
}

static void
a_clock_that_is_ahead_moves_nobody(void **state)
{
	enum { DAY = 86400 };
	struct fixture *f = *state;
	int64_t now = clock_wall(), mono = clock_mono_ms();
	char why[CLOCK_WHY_MAX];
	bool suspect;

	(void)clockwatch_tick(f->g.clock, now + 80 * DAY, mono + 1000, &suspect, why);
	assert_true(suspect);
	find_elsewhere(f, now - DAY, now + 80 * DAY);
	assert_int_equal(get(f, "a.example").state, DOMAIN_FAILING);
	(void)clockwatch_tick(f->g.clock, now + 2, mono + 2000, &suspect, why);
	assert_false(suspect);
	find_elsewhere(f, now + 80 * DAY, now); /* what was first seen by it counts from now on */
	assert_int_equal(get(f, "a.example").state, DOMAIN_FAILING);
	assert_int_equal(kept_since(f), now);
	find_elsewhere(f, now - 8 * DAY, now);
	assert_int_equal(get(f, "a.example").state, DOMAIN_MOVED);
}

/* Neither who leads nor who joins. */
static void
who_shares_a_certificate_has_not_moved(void **state)
{
	struct fixture *f = *state;
	struct domain lead = tmpstore_domain("a.example", 5);
	struct domain d = tmpstore_domain("b.example", 5);
	struct set_wish wish = {.names = &d.name, .count = 1, .given = true, .conf = f->g.conf};
	struct store_txn *txn;
	char why[SET_WHY_MAX];
	bool changed;

	lead.state = d.state = DOMAIN_MOVED;
	d.used_at = 4;
	put(f, &lead);
	put(f, &d);
	txn = tmpstore_write(&f->store, STORE_SERVED);
	assert_int_equal(set_wish_apply(txn, &lead, &wish, false, &changed, why), ERR_OK);
	tmpstore_commit(txn);
	assert_true(changed);
	assert_int_equal(get(f, "a.example").state, DOMAIN_FAILING);
	d = get(f, "b.example");
	assert_int_equal(d.state, DOMAIN_PENDING);
	assert_true(d.due_at == 0 && d.used_at == 0);
	d.state = DOMAIN_MOVED; /* by an older certd */
	put(f, &d);
	moved_end(&f->g, &d.name, "back");
	assert_int_equal(get(f, "b.example").due_at, 0);
}

static void
what_was_put_right_is_tried_but_not_too_often(void **state)
{
	static const struct {
		int64_t woken_at, now, at;
	} rows[] = {
		{0, 100000, 100000},
		{100000 - DIAGNOSER_WAKE_S, 100000, 100000},
		{100000 - 60, 100000, 100000 - 60 + DIAGNOSER_WAKE_S},
		{100000 + 60, 100000, 100000 + 60 + DIAGNOSER_WAKE_S}, /* that try is to come */
		{900000, 100000, 100000}, /* by a clock that went wrong */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (diagnoser_wake_at(rows[i].woken_at, rows[i].now) != rows[i].at)
			fail_msg("row %zu", i);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(codes_say_where_a_name_leads),
		CASE(it_has_moved_when_it_was_away_for_so_long),
		CASE(some_names_move_and_come_back),
		CASE(who_has_moved_is_in_no_queue),
		CASE(the_time_away_begins_anew),
		CASE(a_clock_that_is_ahead_moves_nobody),
		CASE(who_shares_a_certificate_has_not_moved),
		CASE(what_was_put_right_is_tried_but_not_too_often),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
