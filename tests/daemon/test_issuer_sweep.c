/* SPDX-License-Identifier: Apache-2.0 */
/* Names that nobody would look at any more are found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/upkeep_inside.h"
#include "tests/support/tmpstore.h"

enum { MANY = 300 };
/* unix seconds: it may wait so long; longer than anybody waits */
static int64_t later, never;

struct fixture {
	struct tmpstore store;
	struct issuer *issuer;
	struct conf_ca conf;
	struct authority ca; /* the only one of the configuration: "le" */
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tmpstore_init(&f->store);
	tmpstore_open(&f->store);
	f->conf = (struct conf_ca){.name = "le"};
	f->ca = (struct authority){.conf = &f->conf};
	f->issuer = calloc(1, sizeof(*f->issuer));
	f->issuer->upkeep = calloc(1, sizeof(*f->issuer->upkeep));
	later = clock_wall() + 7 * 86400;
	never = clock_wall() + 80 * 86400;
	assert_int_equal(clockwatch_new(0, clock_wall(), clock_mono_ms(), &f->issuer->clock),
	                 ERR_OK);
	f->issuer->store = f->store.store;
	f->issuer->cas[0] = &f->ca;
	f->issuer->ca_count = 1;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	tmpstore_done(&f->store);
	clockwatch_free(f->issuer->clock);
	free(f->issuer->upkeep);
	free(f->issuer);
	free(f);
	return 0;
}

static struct domain
read_domain(struct fixture *f, const char *name)
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

/* A walk over all names. */
static void
sweep(struct fixture *f)
{
	do {
		f->issuer->sweep_at = 0;
		issuer_sweep(f->issuer);
	} while (f->issuer->swept.len);
	assert_true(f->issuer->sweep_at > clock_mono_ms() + 3600 * 1000);
}

static void
each_kind_of_name(void **state)
{
	const struct {
		const char *name;
		int64_t due_at;
		const char *ca, *cas, *lead;
		enum domain_state state;
		bool is_due; /* afterwards */
		const char *ca_then;
	} rows[] = {
		{"planned.test", later, "le", "", "", DOMAIN_PENDING, false, "le"},
		{"no-job.test", 0, "le", "", "", DOMAIN_PENDING, true, "le"},
		{"led.test", 0, "le", "", "planned.test", DOMAIN_PENDING, false, "le"},
		{"led-by-nobody.test", 0, "le", "", "nobody.test", DOMAIN_PENDING, true, "le"},
		{"external.test", 0, "", "", "", DOMAIN_EXTERNAL, false, ""},
		{"paused.test", 0, "le", "", "", DOMAIN_PAUSED, false, "le"},
		{"valid.test", never, "le", "", "", DOMAIN_VALID, false, "le"},
		{"too-late.test", never, "le", "", "", DOMAIN_FAILING, true, "le"},
		{"failing.test", later, "le", "", "", DOMAIN_FAILING, false, "le"},
		{"gone-ca.test", later, "old", "old le", "", DOMAIN_PENDING, false, "le"},
		{"gone-and-no-job.test", 0, "old", "old le", "", DOMAIN_PENDING, true, "le"},
		{"no-other-ca.test", later, "old", "", "", DOMAIN_PENDING, false, "old"},
		{"second-ca.test", later, "le", "old le", "", DOMAIN_PENDING, false, "le"},
	};
	struct fixture *f = *state;
	const size_t count = sizeof(rows) / sizeof(rows[0]);

	for (size_t i = 0; i < count; i++) {
		struct domain d = tmpstore_domain(rows[i].name, rows[i].due_at);

		strcpy(d.ca, rows[i].ca);
		strcpy(d.cas, rows[i].cas);
		if (*rows[i].lead)
			d.lead = tmpstore_name(rows[i].lead);
		d.state = rows[i].state;
		if (d.state == DOMAIN_EXTERNAL)
			domain_make_external(&d);
		if (d.state == DOMAIN_VALID) {
			d.generation = 1;
			d.not_after = never;
		}
		put(f, &d);
	}
	sweep(f);
	for (size_t i = 0; i < count; i++) {
		struct domain d = read_domain(f, rows[i].name);
		bool is_due = d.due_at && d.due_at <= clock_wall();

		print_message("%s\n", rows[i].name);
		assert_int_equal(is_due, rows[i].is_due);
		assert_true(is_due || d.due_at == rows[i].due_at);
		assert_string_equal(d.ca, rows[i].ca_then);
	}
}

static void
one_with_a_job_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct job job = {.name = tmpstore_name("job.test")};
	struct domain d = tmpstore_domain("job.test", 0);

	put(f, &d);
	HASH_ADD_KEYPTR(hh, f->issuer->jobs, job.name.name, job.name.len, &job);
	sweep(f);
	assert_int_equal(read_domain(f, "job.test").due_at, 0);
	HASH_DEL(f->issuer->jobs, &job);
	sweep(f);
	assert_int_not_equal(read_domain(f, "job.test").due_at, 0);
}

static void
the_last_of_many(void **state)
{
	struct fixture *f = *state;
	struct store_txn *txn = tmpstore_write(&f->store, STORE_SERVED);

	for (int i = 0; i < MANY; i++) {
		char name[32];
		struct domain d;

		snprintf(name, sizeof(name), "n%03d.test", i);
		d = tmpstore_domain(name, i < MANY - 1 ? later : 0);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	tmpstore_commit(txn);
	sweep(f);
	assert_int_not_equal(read_domain(f, "n299.test").due_at, 0);
	assert_true(read_domain(f, "n298.test").due_at == later);
}

static void
nothing_is_written_to_a_damaged_store(void **state)
{
	struct fixture *f = *state;
	struct domain d = tmpstore_domain("a.test", 0);

	put(f, &d);
	f->issuer->upkeep->config.careful = true;
	issuer_sweep(f->issuer);
	assert_int_equal(read_domain(f, "a.test").due_at, 0);
	assert_true(f->issuer->sweep_at > clock_mono_ms());
}

/* Who has failed by a clock that was ahead is found when that ends, not a day later. */
static void
a_clock_that_is_believed_again(void **state)
{
	struct fixture *f = *state;
	int64_t now = clock_wall(), mono = clock_mono_ms();
	struct domain d = tmpstore_domain("a.test", never);
	char why[CLOCK_WHY_MAX];
	bool suspect;

	d.state = DOMAIN_FAILING;
	put(f, &d);
	(void)clockwatch_tick(f->issuer->clock, never, mono, &suspect, why);
	assert_true(suspect);
	sweep(f);
	assert_true(read_domain(f, "a.test").due_at == never);
	(void)clockwatch_tick(f->issuer->clock, now, mono, &suspect, why);
	assert_false(suspect);
	issuer_sweep(f->issuer);
	assert_true(read_domain(f, "a.test").due_at <= clock_wall());
	f->issuer->swept = tmpstore_name("z.test");
	issuer_sweep(f->issuer); /* once */
	assert_int_not_equal(f->issuer->swept.len, 0);
}

/* Also by hours only, as when the time of day is set after the start. */
static void
what_was_touched_in_the_future(void **state)
{
	const int64_t now = clock_wall(), soon = now + 3 * 3600;
	const struct {
		const char *name;
		enum domain_state state;
		int64_t created_at, attempted_at;
		bool is_due;
	} rows[] = {
		{"usual.test", DOMAIN_FAILING, now - 9, now - 5, false},
		{"drift.test", DOMAIN_FAILING, now + 60, now + 60, false},
		{"new.test", DOMAIN_PENDING, soon, 0, true},
		{"tried.test", DOMAIN_FAILING, now - 9, soon, true},
		{"valid.test", DOMAIN_VALID, soon, soon, false},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct domain d = tmpstore_domain(rows[i].name, soon);

		d.state = rows[i].state;
		d.created_at = rows[i].created_at;
		d.attempted_at = rows[i].attempted_at;
		put(f, &d);
	}
	sweep(f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((read_domain(f, rows[i].name).due_at <= clock_wall()) != rows[i].is_due)
			fail_msg("%s", rows[i].name);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_kind_of_name),
		CASE(one_with_a_job_is_left_alone),
		CASE(the_last_of_many),
		CASE(nothing_is_written_to_a_damaged_store),
		CASE(a_clock_that_is_believed_again),
		CASE(what_was_touched_in_the_future),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
