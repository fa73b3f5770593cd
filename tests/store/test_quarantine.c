/* SPDX-License-Identifier: Apache-2.0 */
#include "store/quarantine.h"

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

#include "base/problem.h"
#include "store/cert.h"
#include "store/check.h"
#include "store/domain.h"
#include "store/event.h"
#include "tests/support/rawdb.h"
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

static void
fill_all(struct tmpstore *t)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);

	fill(txn, 0, 20, 5);
	tmpstore_commit(txn);
}

struct raw_record {
	size_t len;
	unsigned char data[RAWDB_MAX];
};

/* One record as it lies there; the store is closed. */
static void
take(struct tmpstore *t, const char *table, const char *name, struct raw_record *ret)
{
	struct rawdb raw = rawdb_open(t->dir, "served", table);

	ret->len = rawdb_get(&raw, name, strlen(name), ret->data);
	rawdb_close(&raw);
}

static void
give(struct tmpstore *t, const char *table, const char *name, const struct raw_record *r)
{
	struct rawdb raw = rawdb_open(t->dir, "served", table);

	rawdb_put(&raw, name, strlen(name), r->data, r->len);
	rawdb_close(&raw);
}

static void
flip(struct tmpstore *t, const char *table, const char *name, size_t at)
{
	struct raw_record r;

	take(t, table, name, &r);
	r.data[at % r.len] ^= 4;
	give(t, table, name, &r);
}

static void
count_finding(void *arg, const struct check_finding *f)
{
	unsigned *findings = arg;

	if (f->err) {
		++*findings;
		assert_non_null(f->what);
	}
}

/* How many things store_check() complains of. */
static unsigned
findings(struct tmpstore *t)
{
	struct check_result result;
	struct problem why;
	unsigned found = 0;

	tmpstore_close(t);
	assert_int_equal(store_check(t->dir, &t->master, count_finding, &found, &result, &why),
	                 ERR_OK);
	assert_int_equal(result.damaged, found);
	tmpstore_open(t);
	return found;
}

static void
quarantine(struct tmpstore *t, const char *text, struct event *ret_event)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);
	struct hostname name = tmpstore_name(text);

	assert_int_equal(domain_check(txn, &name), ERR_CORRUPT);
	assert_int_equal(domain_quarantine(txn, &name, "it does not open", 777, ret_event), ERR_OK);
	tmpstore_commit(txn);
	txn = tmpstore_read(t, STORE_SERVED);
	assert_int_equal(domain_verify(txn), ERR_OK);
	store_abort(txn);
}

static void
a_record_brought_back_is_not_served(void **state)
{
	static const char *const tables[] = {"cert", "domain"};
	const char *name = "n003.example";
	struct tmpstore *t = *state;

	fill_all(t);
	for (int i = 0; i < 2; i++) {
		struct store_txn *txn;
		struct raw_record old;
		struct domain d;
		struct cert cert;
		struct event e;
		uint64_t next;

		tmpstore_close(t);
		take(t, tables[i], name, &old);
		tmpstore_open(t);
		txn = tmpstore_write(t, STORE_SERVED);
		fill(txn, 3, 4, 6 + (uint64_t)i);
		tmpstore_commit(txn);
		tmpstore_close(t);
		give(t, tables[i], name, &old);
		tmpstore_open(t);
		assert_true(findings(t) > 0);
		cert_init(&cert);
		txn = tmpstore_read(t, STORE_SERVED);
		assert_int_equal(domain_get(txn, &(struct hostname){12, "n003.example"}, &d),
		                 ERR_OK);
		assert_int_equal(cert_get_for(txn, &d, &cert), ERR_CORRUPT);
		assert_int_equal(cert.leaf.len, 0);
		store_abort(txn);
		quarantine(t, name, &e);
		assert_int_equal(findings(t), 0);
		txn = tmpstore_write(t, STORE_SERVED);
		assert_int_equal(domain_get(txn, &d.name, &d), ERR_OK);
		assert_int_equal(d.generation, 0);
		assert_int_equal(d.state, DOMAIN_FAILING);
		assert_int_equal(d.problem.kind, PROBLEM_STORE_CORRUPT);
		assert_int_equal(d.due_at, 777);
		assert_string_equal(d.ca, "le");
		assert_int_equal(cert_next_generation(txn, &d, &next), ERR_OK);
		assert_true(next > 7);
		assert_int_equal(domain_check(txn, &d.name), ERR_OK);
		fill(txn, 3, 4, 10);
		tmpstore_commit(txn);
	}
}

static void
a_damaged_certificate_costs_only_itself(void **state)
{
	struct tmpstore *t = *state;
	struct quarantine q[4];
	struct store_txn *txn;
	struct event e;
	size_t count;
	uint64_t entries;

	fill_all(t);
	for (size_t at = 0; at < 30; at += 3) { /* over the record's head, too */
		tmpstore_close(t);
		flip(t, "cert", "n005.example", at);
		tmpstore_open(t);
		assert_true(findings(t) > 0);
		quarantine(t, "n005.example", &e);
		assert_string_equal(e.type, "store.corrupt");
		assert_string_equal(e.name, "n005.example");
		assert_non_null(strstr(e.detail, "issued again"));
		assert_int_equal(findings(t), 0);
		txn = tmpstore_write(t, STORE_SERVED);
		fill(txn, 5, 6, 100 + at);
		tmpstore_commit(txn);
	}
	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(quarantine_count(txn, &entries), ERR_OK);
	assert_int_equal(entries, 10);
	assert_int_equal(quarantine_page(txn, 8, 4, q, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(q[1].id, 10);
	assert_int_equal(q[1].at, 777);
	assert_string_equal(q[1].table, "cert");
	assert_string_equal(q[1].name, "n005.example");
	assert_string_equal(q[1].reason, "it does not open");
	assert_true(q[1].size > 500);
	assert_int_equal(quarantine_del(txn, 10), ERR_OK);
	assert_int_equal(quarantine_del(txn, 10), ERR_NOTFOUND);
	tmpstore_commit(txn);
}

static void
a_damaged_domain_is_not_its_business(void **state)
{
	struct tmpstore *t = *state;
	struct hostname name = tmpstore_name("n007.example");
	struct store_txn *txn;
	struct event e;

	fill_all(t);
	tmpstore_close(t);
	flip(t, "domain", "n007.example", 40);
	tmpstore_open(t);
	assert_true(findings(t) > 0);
	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(domain_quarantine(txn, &name, "x", 1, &e), ERR_CORRUPT);
	tmpstore_commit(txn); /* nothing was written, so nothing sticks */
	assert_true(findings(t) > 0);
}

static void
what_is_whole_or_unknown(void **state)
{
	struct tmpstore *t = *state;
	struct hostname name = tmpstore_name("n001.example"), none = tmpstore_name("no.example");
	struct store_txn *txn;
	struct event e;
	struct domain d;

	fill_all(t);
	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(domain_check(txn, &name), ERR_OK);
	assert_int_equal(domain_check(txn, &none), ERR_NOTFOUND);
	assert_int_equal(domain_quarantine(txn, &none, "x", 1, &e), ERR_NOTFOUND);
	/* The caller knows better: a leaf without its key. An order in work stays in work. */
	assert_int_equal(domain_get(txn, &name, &d), ERR_OK);
	d.due_at = 0;
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	assert_int_equal(domain_quarantine(txn, &name, "no key", 1, &e), ERR_OK);
	assert_int_equal(domain_get(txn, &name, &d), ERR_OK);
	assert_int_equal(d.due_at, 0);
	assert_int_equal(d.generation, 0);
	tmpstore_commit(txn);
	assert_int_equal(findings(t), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpstore_setup, tmpstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_record_brought_back_is_not_served),
		TEST(a_damaged_certificate_costs_only_itself),
		TEST(a_damaged_domain_is_not_its_business),
		TEST(what_is_whole_or_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
