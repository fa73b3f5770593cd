/* SPDX-License-Identifier: Apache-2.0 */
/* Names on demand that nobody uses: not renewed, then gone; used again: renewed at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/demander_inside.h"
#include "daemon/watch/upkeep_inside.h"
#include "store/event.h"
#include "store/order.h"
#include "tests/support/tmpstore.h"

enum { DAY_S = 86400, LAPSE_S = 60 * DAY_S };
static const int64_t NOW = 2000000000; /* unix seconds */

static struct tmpstore store;
static struct conf conf;
static struct upkeep upkeep;
static struct issuer issuer;
static struct demander demander;
static struct status *status;
static struct notice_queue *notices;

static void
on_notice(void *arg)
{
	(void)arg;
}

static int
setup(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERR);
	clock_set_wall(NOW);
	tmpstore_init(&store);
	tmpstore_open(&store);
	assert_int_equal(status_new(&status), ERR_OK);
	assert_int_equal(notice_new(on_notice, NULL, &notices), ERR_OK);
	conf.on_demand.lapse_s = LAPSE_S;
	issuer = (struct issuer){.store = store.store, .conf = &conf, .notices = notices};
	assert_int_equal(clockwatch_new(0, NOW, clock_mono_ms(), &issuer.clock), ERR_OK);
	assert_int_equal(transport_new("test", &issuer.transport), ERR_OK);
	memset(&demander, 0, sizeof(demander));
	demander.conf = &conf;
	demander.config = (struct demander_config){
		.store = store.store, .status = status, .upkeep = &upkeep, .issuer = &issuer};
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	clock_set_wall(-1);
	transport_free(issuer.transport);
	clockwatch_free(issuer.clock);
	notice_free(notices);
	status_free(status);
	tmpstore_done(&store);
	return 0;
}

/* One that is due for its renewal, a third of its life before its end; 0: it has no certificate. */
static void
put(const char *name, int64_t used_ago, int64_t ends_in)
{
	struct domain d = tmpstore_domain(name, NOW);
	struct store_txn *txn = tmpstore_write(&store, STORE_SERVED);

	d.used_at = used_ago ? NOW - used_ago : 0;
	if (ends_in) {
		d.state = DOMAIN_VALID;
		d.generation = 1;
		d.not_before = NOW - 60 * DAY_S;
		d.not_after = NOW + ends_in;
	} else {
		d.state = DOMAIN_FAILING;
		d.failures = 4;
	}
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
}

static enum err
get(const char *name, struct domain *ret)
{
	struct store_txn *txn = tmpstore_read(&store, STORE_SERVED);
	struct hostname h = tmpstore_name(name);
	enum err err = domain_get(txn, &h, ret);

	store_abort(txn);
	return err;
}

static size_t
events(const char *type, const char *name)
{
	struct store_txn *txn = tmpstore_read(&store, STORE_PRIVATE);
	struct event page[16];
	size_t count, found = 0;

	assert_int_equal(event_page(txn, 0, 16, page, &count), ERR_OK);
	store_abort(txn);
	for (size_t i = 0; i < count; i++)
		found += strcmp(page[i].type, type) == 0 && strcmp(page[i].name, name) == 0;
	return found;
}

/* Its turn in the plan has come: whether nothing is ordered. */
static bool
comes_due(const char *name)
{
	struct job job = {.name = tmpstore_name(name)};
	bool lapses;

	assert_int_equal(get(name, &job.domain), ERR_OK);
	lapses = issuer_lapses(&issuer, &job);
	issuer_lapse(&issuer);
	return lapses;
}

enum then { ORDERED, PUT_OFF, GONE };

static void
each_kind_of_name(void **state)
{
	static const struct {
		const char *name;
		int64_t used_ago, ends_in;
		enum then then;
	} rows[] = {
		{"added-by-somebody.test", 0, 30 * DAY_S, ORDERED},
		{"used.test", DAY_S, 30 * DAY_S, ORDERED},
		{"just-used.test", LAPSE_S, 30 * DAY_S, ORDERED},
		{"unused.test", LAPSE_S + 1, 30 * DAY_S, PUT_OFF},
		{"unused-nearly-ended.test", LAPSE_S + 1, 1, PUT_OFF},
		{"unused-ended.test", LAPSE_S + 1, -1, GONE},
		{"used-ended.test", LAPSE_S, -1, ORDERED},
		{"failing.test", DAY_S, 0, ORDERED},
		{"failing-unused.test", LAPSE_S + 1, 0, GONE},
	};
	struct domain d;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].name);
		put(rows[i].name, rows[i].used_ago, rows[i].ends_in);
		assert_int_equal(comes_due(rows[i].name), rows[i].then != ORDERED);
		if (rows[i].then == GONE) {
			assert_int_equal(get(rows[i].name, &d), ERR_NOTFOUND);
			assert_int_equal(events("ondemand.lapsed", rows[i].name), 1);
			continue;
		}
		assert_int_equal(get(rows[i].name, &d), ERR_OK);
		assert_int_equal(d.due_at, rows[i].then == PUT_OFF ? d.not_after : NOW);
		assert_int_equal(domain_is_put_off(&d), rows[i].then == PUT_OFF);
		assert_int_equal(events("ondemand.lapsed", rows[i].name), 0);
	}
}

static void
put_off_and_gone_at_its_end(void **state)
{
	struct domain d;

	(void)state;
	put("a.test", LAPSE_S + 1, 30 * DAY_S);
	assert_true(comes_due("a.test"));
	assert_int_equal(get("a.test", &d), ERR_OK);
	clock_set_wall(d.due_at);
	assert_true(comes_due("a.test"));
	assert_int_equal(get("a.test", &d), ERR_NOTFOUND);
}

/* Names that are used, and a clock that says that it was long ago. */
static void
nothing_lapses_by_a_clock_in_doubt(void **state)
{
	static const int64_t wrong = NOW + 80 * DAY_S;
	struct domain d;

	(void)state;
	put("a.test", DAY_S, 30 * DAY_S);
	clock_set_wall(wrong);
	assert_int_equal(clockwatch_room(issuer.clock, 64, wrong, clock_mono_ms()), 1);
	assert_false(comes_due("a.test"));
	assert_int_equal(get("a.test", &d), ERR_OK);
	assert_int_equal(d.due_at, NOW);
	clockwatch_ca_says(issuer.clock, "c", wrong, wrong, clock_mono_ms());
	assert_true(comes_due("a.test")); /* it was right */
	assert_int_equal(get("a.test", &d), ERR_NOTFOUND);
}

static void
use(const char *name)
{
	struct hostname h = tmpstore_name(name);

	status_add(&status->slot[3], STATUS_ACCEPTED, 1);
	report_add(&status->slot[3].uses, &h);
	demander_note_uses(&demander);
}

static void
used_again_it_is_renewed_at_once(void **state)
{
	struct domain d;

	(void)state;
	put("a.test", LAPSE_S + 1, 30 * DAY_S);
	assert_true(comes_due("a.test"));
	clock_set_wall(NOW + 20 * DAY_S);
	use("a.test");
	assert_int_equal(get("a.test", &d), ERR_OK);
	assert_int_equal(d.used_at, NOW + 20 * DAY_S);
	assert_int_equal(d.due_at, NOW + 20 * DAY_S);
	assert_false(comes_due("a.test"));
}

static void
uses_are_written_once_a_day(void **state)
{
	struct domain d;

	(void)state;
	put("a.test", 100, 30 * DAY_S);
	put("b.test", 0, 30 * DAY_S);
	use("a.test");
	assert_int_equal(get("a.test", &d), ERR_OK);
	assert_int_equal(d.used_at, NOW - 100);
	clock_set_wall(NOW - 100 + DAY_S);
	use("a.test");
	use("b.test"); /* not on demand */
	use("nobody.test");
	assert_int_equal(get("a.test", &d), ERR_OK);
	assert_int_equal(d.used_at, NOW - 100 + DAY_S);
	assert_int_equal(d.due_at, NOW); /* its plan is its plan */
	assert_int_equal(get("b.test", &d), ERR_OK);
	assert_int_equal(d.used_at, 0);
	assert_int_equal(get("nobody.test", &d), ERR_NOTFOUND);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_kind_of_name),
		CASE(put_off_and_gone_at_its_end),
		CASE(nothing_lapses_by_a_clock_in_doubt),
		CASE(used_again_it_is_renewed_at_once),
		CASE(uses_are_written_once_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
