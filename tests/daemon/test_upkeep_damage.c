/* SPDX-License-Identifier: Apache-2.0 */
/* Of two certificates of a name, the one that is no use is put aside, and the other one stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "daemon/front/cred.h"
#include "daemon/watch/upkeep_inside.h"
#include "store/cert_pool.h"
#include "store/quarantine.h"
#include "tests/support/tmpcert.h"

static const char text[] = "a.example.org", other[] = "rsa.example.org";
static struct tmpstore store;
static struct upkeep *upkeep;

static int
setup(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERR);
	tmpstore_init(&store);
	tmpstore_open(&store);
	assert_non_null(upkeep = calloc(1, sizeof(*upkeep)));
	upkeep->config.store = store.store;
	pthread_mutex_init(&upkeep->mail.mutex, NULL);
	assert_int_equal(cred_chains_new(&upkeep->chains), ERR_OK);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	cred_chains_free(upkeep->chains);
	pthread_mutex_destroy(&upkeep->mail.mutex);
	free(upkeep);
	tmpstore_done(&store);
	return 0;
}

static struct domain
stored(void)
{
	struct store_txn *txn = tmpstore_read(&store, STORE_SERVED);
	struct hostname name = tmpstore_name(text);
	struct domain d;

	assert_int_equal(domain_get(txn, &name, &d), ERR_OK);
	store_abort(txn);
	return d;
}

/* What OTHER has, or a leaf that is none, becomes the second one. Its record opens. */
static void
put_second(bool damaged)
{
	struct domain d = stored();
	struct hostname name = tmpstore_name(other);
	struct store_txn *txn;
	struct cert cert;
	struct buf chain = {0};

	tmpcert_store(&store, &(struct tmpcert){.name = other, .rsa = true, .damaged = damaged});
	txn = tmpstore_write(&store, STORE_SERVED);
	cert_init(&cert);
	assert_int_equal(cert_get(txn, &name, &cert), ERR_OK);
	assert_int_equal(cert_chain_get(txn, cert.chain_id, &chain), ERR_OK);
	assert_int_equal(cert_next_generation(txn, &d, &cert.generation), ERR_OK);
	assert_int_equal(cert_pool_put(txn, &d.name, 1, &cert, &chain), ERR_OK);
	d.second = (struct domain_second){cert.generation, cert.not_before, cert.not_after};
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	cert_done(&cert);
	buf_done(&chain);
}

static uint64_t
repair(void)
{
	struct hostname name = tmpstore_name(text);
	struct store_txn *txn;
	uint64_t aside;

	upkeep_repair(upkeep, &name);
	txn = tmpstore_read(&store, STORE_SERVED);
	assert_int_equal(quarantine_count(txn, &aside), ERR_OK);
	store_abort(txn);
	return aside;
}

static void
each_of_two_is_looked_at(void **state)
{
	static const struct {
		bool first, second; /* damaged */
	} cases[] = {{false, false}, {false, true}, {true, false}, {true, true}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool first = cases[i].first, second = cases[i].second;
		struct domain d;

		if (i) {
			teardown(state);
			setup(state);
		}
		tmpcert_store(&store, &(struct tmpcert){.name = text, .damaged = first});
		put_second(second);
		assert_int_equal(repair(), first || second);
		/* The first one first: then the other one is looked at alone. */
		assert_int_equal(repair(), first + second);
		assert_int_equal(repair(), first + second);
		d = stored();
		assert_int_equal(d.generation != 0, !first);
		assert_int_equal(d.second.generation != 0, !second);
		assert_int_equal(d.state, first ? DOMAIN_FAILING : DOMAIN_VALID);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_of_two_is_looked_at, setup, teardown),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	tmpcert_done();
	return failed;
}
