/* SPDX-License-Identifier: Apache-2.0 */
/* What is ordered for a name: which names, which kind of key. */
#include "daemon/order/job_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "acme/engine.h"
#include "base/clock.h"
#include "daemon/conf/conf.h"
#include "daemon/order/authority.h"
#include "daemon/order/job.h"
#include "tests/support/rawdb.h"
#include "tests/support/tmpcert.h"
#include "tests/support/tmpstore.h"

enum { DAY = 86400 };

static int
setup(void **state)
{
	static struct tmpstore t;

	tmpstore_init(&t);
	tmpstore_open(&t);
	*state = &t;
	return 0;
}

static int
teardown(void **state)
{
	tmpstore_done(*state);
	return 0;
}

static struct domain
read_domain(struct tmpstore *t, const char *name)
{
	struct store_txn *txn = tmpstore_read(t, STORE_SERVED);
	struct hostname h = tmpstore_name(name);
	struct domain d;

	assert_int_equal(domain_get(txn, &h, &d), ERR_OK);
	store_abort(txn);
	return d;
}

/* The order of NAME, with a key of each type or (SECOND KEY_KINDS) one of P-256 only. */
static struct engine_config
order_of(struct tmpstore *t, const char *name, enum key_kind second, struct job_order_texts *texts)
{
	struct conf_ca ca_conf = {.name = "le"};
	struct authority ca = {.conf = &ca_conf};
	struct conf conf = {.otherwise = {.key = KEY_ECDSA_P256, .second_key = second}};
	struct job job = {.name = tmpstore_name(name), .ca = &ca, .pairs = second != KEY_KINDS};
	struct engine_config config = {0};

	job.domain = read_domain(t, name);
	assert_int_equal(job_set_order(&job, &conf, t->store, texts, &config), ERR_OK);
	return config;
}

static void
a_kind_that_no_ca_gives_does_not_hold_up_the_other(void **state)
{
	static const struct {
		const char *name;
		bool rsa;
		int64_t begun, left; /* days */
		enum key_kind kind;
	} rows[] = {
		{"new-ecdsa.test", false, 1, 89, KEY_RSA_2048},
		{"old-ecdsa.test", false, 80, 10, KEY_ECDSA_P256},
		{"new-rsa.test", true, 1, 89, KEY_ECDSA_P256},
		{"old-rsa.test", true, 80, 10, KEY_RSA_2048},
	};
	struct tmpstore *t = *state;
	struct job_order_texts texts;
	int64_t now = clock_wall();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tmpcert spec = {.name = rows[i].name,
		                       .generation = i + 1,
		                       .rsa = rows[i].rsa,
		                       .not_before = now - rows[i].begun * DAY,
		                       .not_after = now + rows[i].left * DAY};

		tmpcert_store(t, &spec);
		print_message("%s\n", rows[i].name);
		assert_int_equal(order_of(t, rows[i].name, KEY_RSA_2048, &texts).key_kind,
		                 rows[i].kind);
	}
}

static void
put_set(struct tmpstore *t, const char *const *names, size_t count)
{
	struct store_txn *txn = tmpstore_write(t, STORE_SERVED);

	for (size_t i = 0; i < count; i++) {
		struct domain d = tmpstore_domain(names[i], i == 0 ? 1000 : 0);

		if (i > 0)
			d.lead = tmpstore_name(names[0]);
		assert_int_equal(domain_put(txn, &d), ERR_OK);
	}
	tmpstore_commit(txn);
}

static void
flip(struct tmpstore *t, const char *name)
{
	unsigned char data[RAWDB_MAX];
	struct rawdb raw;
	size_t len;

	tmpstore_close(t);
	raw = rawdb_open(t->dir, "served", "domain");
	len = rawdb_get(&raw, name, strlen(name), data);
	data[len / 2] ^= 4;
	rawdb_put(&raw, name, strlen(name), data, len);
	rawdb_close(&raw);
	tmpstore_open(t);
}

static void
a_member_that_does_not_open_holds_up_nobody(void **state)
{
	static const char *const names[] = {"a.test", "b.test", "c.test"};
	struct tmpstore *t = *state;
	struct job_order_texts texts;
	struct engine_config config;
	struct store_txn *txn;
	struct domain lead;

	put_set(t, names, 3);
	config = order_of(t, "a.test", KEY_KINDS, &texts);
	assert_int_equal(config.name_count, 3);
	flip(t, "b.test");
	config = order_of(t, "a.test", KEY_KINDS, &texts);
	assert_int_equal(config.name_count, 2);
	assert_string_equal(config.names[0].name, "a.test");
	assert_string_equal(config.names[1].name, "c.test");

	lead = read_domain(t, "a.test");
	lead.failures = 3;
	txn = tmpstore_write(t, STORE_SERVED);
	assert_int_equal(job_set_follow(txn, &lead), ERR_OK);
	tmpstore_commit(txn);
	assert_int_equal(read_domain(t, "c.test").failures, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_kind_that_no_ca_gives_does_not_hold_up_the_other,
	                                        setup, teardown),
		cmocka_unit_test_setup_teardown(a_member_that_does_not_open_holds_up_nobody, setup,
	                                        teardown),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	tmpcert_done();
	return failed;
}
