/* SPDX-License-Identifier: Apache-2.0 */
/* Names that share a certificate: who belongs to whom, whatever comes and goes. */
#include "store/set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/cert.h"
#include "store/cert_pool.h"
#include "store/domain.h"
#include "store/domain_due.h"
#include "tests/support/tmpstore.h"

enum { NOW = 1800000000, LATER = NOW + 86400 };

static void
put(struct store_txn *txn, const char *name, const char *lead, int64_t due_at)
{
	struct domain d = tmpstore_domain(name, due_at);

	if (lead)
		d.lead = tmpstore_name(lead);
	assert_int_equal(domain_put(txn, &d), ERR_OK);
}

/* The names that LEAD leads, a space behind each. */
static const char *
led_by(struct store_txn *txn, const char *lead)
{
	static char text[SET_NAMES_MAX * 16];
	struct hostname name = tmpstore_name(lead), names[SET_NAMES_MAX];
	size_t count, at = 0;

	assert_int_equal(set_members(txn, &name, names, &count), ERR_OK);
	text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s ", names[i].name);
	return text;
}

static struct domain
get(struct store_txn *txn, const char *name)
{
	struct hostname host = tmpstore_name(name);
	struct domain d;

	assert_int_equal(domain_get(txn, &host, &d), ERR_OK);
	return d;
}

static size_t
due_now(struct store_txn *txn, int64_t now)
{
	struct hostname names[16];
	struct domain d = get(txn, "b.example");
	size_t count;

	assert_int_equal(
		domain_due(txn, &(struct domain_queue){d.ca, LANE_FIRST}, now, 16, names, &count),
		ERR_OK);
	return count;
}

static void
remove_name(struct store_txn *txn, const char *name)
{
	struct hostname host = tmpstore_name(name);

	assert_int_equal(set_remove(txn, &host, NOW), ERR_OK);
}

static void
the_list_follows_the_domains(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);

	put(txn, "a.example", NULL, NOW);
	put(txn, "c.example", "a.example", 0);
	put(txn, "b.example", "a.example", 0);
	put(txn, "aa.example", NULL, NOW);
	put(txn, "d.example", "aa.example", 0);
	assert_string_equal(led_by(txn, "a.example"), "b.example c.example ");
	assert_string_equal(led_by(txn, "aa.example"), "d.example ");
	assert_string_equal(led_by(txn, "b.example"), "");
	assert_string_equal(led_by(txn, "example"), "");
	put(txn, "c.example", NULL, NOW);
	assert_string_equal(led_by(txn, "a.example"), "b.example ");
	put(txn, "b.example", "aa.example", 0);
	assert_string_equal(led_by(txn, "a.example"), "");
	assert_string_equal(led_by(txn, "aa.example"), "b.example d.example ");
	assert_int_equal(domain_verify(txn), ERR_OK);
	tmpstore_commit(txn);
}

/* Two names of the greatest length: their key is the longest that the store has. */
static void
the_longest_names_fit(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	char lead[HOSTNAME_MAX + 1], name[HOSTNAME_MAX + 1];
	struct hostname led;

	memset(lead, 'a', sizeof(lead));
	for (int i = 63; i < HOSTNAME_MAX; i += 64)
		lead[i] = '.';
	lead[HOSTNAME_MAX] = '\0';
	strcpy(name, lead);
	name[0] = 'b';
	put(txn, lead, NULL, NOW);
	put(txn, name, lead, 0);
	tmpstore_commit(txn);
	txn = tmpstore_read(*state, STORE_SERVED);
	led = tmpstore_name(name);
	assert_int_equal(strncmp(led_by(txn, lead), led.name, led.len), 0);
	assert_int_equal(domain_verify(txn), ERR_OK);
	store_abort(txn);
}

static void
who_is_led_is_never_due(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct domain d;

	put(txn, "a.example", NULL, NOW);
	put(txn, "b.example", "a.example", NOW);
	assert_int_equal(due_now(txn, NOW), 1);
	d = get(txn, "b.example");
	assert_int_equal(set_lead(txn, &d, &d), ERR_OK);
	assert_string_equal(d.name.name, "a.example");
	assert_int_equal(set_lead(txn, &d, &d), ERR_OK);
	assert_string_equal(d.name.name, "a.example");
	assert_int_equal(domain_verify(txn), ERR_OK);
	tmpstore_commit(txn);
}

static void
the_next_leads_when_the_lead_goes(void **state)
{
	static const struct {
		int64_t due_at, heir_due_at;
	} rows[] = {{LATER, LATER}, {NOW - 5, NOW - 5}, {0, NOW}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);

		put(txn, "a.example", NULL, rows[i].due_at);
		put(txn, "b.example", "a.example", 0);
		put(txn, "c.example", "a.example", 0);
		remove_name(txn, "a.example");
		assert_int_equal(get(txn, "b.example").lead.len, 0);
		assert_int_equal(get(txn, "b.example").due_at, rows[i].heir_due_at);
		assert_string_equal(get(txn, "c.example").lead.name, "b.example");
		assert_int_equal(get(txn, "c.example").due_at, 0);
		assert_string_equal(led_by(txn, "b.example"), "c.example ");
		remove_name(txn, "c.example");
		assert_string_equal(led_by(txn, "b.example"), "");
		assert_int_equal(domain_verify(txn), ERR_OK);
		tmpstore_commit(txn);
	}
}

/* The certificate in the pool goes with the last that has it. */
static void
the_certificate_stays_with_the_others(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	const char *const names[] = {"a.example", "b.example", "c.example"};
	struct hostname hosts[3];
	struct cert cert = tmpstore_cert(1, 100);
	struct buf chain = {0};
	uint64_t generation;

	put(txn, "a.example", NULL, LATER);
	put(txn, "b.example", "a.example", 0);
	put(txn, "c.example", "a.example", 0);
	for (size_t i = 0; i < 3; i++)
		hosts[i] = tmpstore_name(names[i]);
	cert.generation = generation = 77;
	assert_int_equal(cert_pool_put(txn, hosts, 3, &cert, &chain), ERR_OK);
	for (size_t i = 0; i < 3; i++) {
		struct domain d = get(txn, names[i]);

		domain_take_cert(&d, &cert, true);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	cert_done(&cert);
	for (size_t i = 0; i < 3; i++) {
		assert_true(cert_pool_has(txn, generation));
		remove_name(txn, names[i]);
	}
	assert_false(cert_pool_has(txn, generation));
	assert_int_equal(domain_verify(txn), ERR_OK);
	tmpstore_commit(txn);
}

static void
who_leaves_keeps_the_plan(void **state)
{
	static const struct {
		int64_t lead_due_at, due_at;
	} rows[] = {{LATER, LATER}, {0, NOW}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
		struct domain d;

		put(txn, "a.example", NULL, rows[i].lead_due_at);
		put(txn, "b.example", "a.example", 0);
		d = get(txn, "b.example");
		assert_int_equal(set_leave(txn, &d, NOW), ERR_OK);
		assert_int_equal(d.lead.len, 0);
		assert_int_equal(d.due_at, rows[i].due_at);
		d = get(txn, "b.example");
		d.lead = tmpstore_name("nobody.example");
		assert_int_equal(set_lead(txn, &d, &d), ERR_NOTFOUND);
		assert_int_equal(set_leave(txn, &d, NOW), ERR_OK);
		assert_int_equal(d.due_at, NOW);
		tmpstore_commit(txn);
	}
}

static void
nobody_is_not_removed(void **state)
{
	struct store_txn *txn = tmpstore_write(*state, STORE_SERVED);
	struct hostname host = tmpstore_name("a.example");

	assert_int_equal(set_remove(txn, &host, NOW), ERR_NOTFOUND);
	tmpstore_commit(txn);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpstore_setup, tmpstore_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_list_follows_the_domains),
		TEST(the_longest_names_fit),
		TEST(who_is_led_is_never_due),
		TEST(the_next_leads_when_the_lead_goes),
		TEST(the_certificate_stays_with_the_others),
		TEST(who_leaves_keeps_the_plan),
		TEST(nobody_is_not_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
