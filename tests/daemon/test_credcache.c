/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/siphash.h"
#include "daemon/common/status.h"
#include "daemon/conf/conf.h"
#include "daemon/front/cred.h"
#include "daemon/front/credcache.h"
#include "store/cert_pool.h"
#include "tests/support/tmpcert.h"

enum { SMALL = 4, RETRY_MS = 300 };

static struct tmpstore store;
static struct conf_backend backends[] = {{.name = "echo"}, {.name = "other"}};
static struct conf conf = {.backends = backends, .backend_count = 2};
static struct status *status;
uint64_t __wrap_siphash(const unsigned char key[SIPHASH_KEY_LEN], const void *data, size_t len);
uint64_t __real_siphash(const unsigned char key[SIPHASH_KEY_LEN], const void *data, size_t len);

static struct credcache *cache;
static SSL_CTX *ctx;

static int
setup(void **state)
{
	struct credcache_config config = {
		.conf = &conf, .max_entries = SMALL, .retry_ms = RETRY_MS};

	(void)state;
	log_set_level(LOG_LEVEL_ERR);
	tmpstore_init(&store);
	tmpstore_open(&store);
	assert_int_equal(status_new(&status), ERR_OK);
	config.store = store.store;
	config.status = &status->slot[0];
	assert_int_equal(credcache_new(&config, &cache), ERR_OK);
	assert_non_null(ctx = SSL_CTX_new(TLS_method()));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	SSL_CTX_free(ctx);
	credcache_free(cache);
	assert_int_equal(status_sum(status, STATUS_CRED_ENTRIES), 0);
	status_free(status);
	tmpstore_done(&store);
	return 0;
}

static enum err
lookup(const char *text, struct cred_route *ret)
{
	struct hostname name;

	assert_int_equal(hostname_parse_sni(text, strlen(text), &name), ERR_OK);
	return credcache_lookup(cache, &name, ret);
}

static uint64_t
serial_of(struct cred *cred)
{
	SSL *ssl = SSL_new(ctx);
	uint64_t serial = 0;

	assert_int_equal(cred_attach(cred, ssl), ERR_OK);
	ASN1_INTEGER_get_uint64(&serial, X509_get0_serialNumber(SSL_get_certificate(ssl)));
	SSL_free(ssl);
	return serial;
}

/* The serial number (the generation) that NAME gets. */
static uint64_t
served(const char *name)
{
	struct cred_route route;
	uint64_t serial;

	assert_int_equal(lookup(name, &route), ERR_OK);
	serial = serial_of(route.cred);
	cred_unref(route.cred);
	return serial;
}

static void
expect(enum status_counter which, uint64_t value)
{
	if (status_sum(status, which) != value)
		fail_msg("%s is %lu, not %lu", status_word(which),
		         (unsigned long)status_sum(status, which), (unsigned long)value);
}

static void
test_generation_replaces(void **state)
{
	struct cred_route old;

	(void)state;
	tmpcert_store(&store, &(struct tmpcert){.name = "a.example.org", .generation = 7});
	assert_int_equal(served("a.example.org"), 7);
	assert_int_equal(lookup("a.example.org", &old), ERR_OK);
	expect(STATUS_CRED_LOADED, 1);
	expect(STATUS_CRED_CACHED, 1);
	tmpcert_store(&store, &(struct tmpcert){.name = "a.example.org", .generation = 8});
	assert_int_equal(served("a.example.org"), 8);
	expect(STATUS_CRED_LOADED, 2);
	expect(STATUS_CRED_ENTRIES, 1);
	assert_int_equal(serial_of(old.cred), 7); /* who holds it keeps it */
	cred_unref(old.cred);
}

/* Two names whose domains say that they have one of the pool; it lists the first one only. */
static void
test_pooled_is_for_listed_names(void **state)
{
	static const char *const texts[] = {"a.example.org", "b.example.org"};
	struct cred_route held, route;
	struct store_txn *txn;
	struct domain d[2];
	struct cert cert;
	struct buf chain = {0};

	(void)state;
	for (int i = 0; i < 2; i++)
		tmpcert_store(&store, &(struct tmpcert){.name = texts[i]});
	txn = tmpstore_write(&store, STORE_SERVED);
	cert_init(&cert);
	for (int i = 1; i >= 0; i--) {
		struct hostname name = tmpstore_name(texts[i]);

		assert_int_equal(domain_get(txn, &name, &d[i]), ERR_OK);
		assert_int_equal(cert_get(txn, &name, &cert), ERR_OK);
	}
	assert_int_equal(cert_chain_get(txn, cert.chain_id, &chain), ERR_OK);
	assert_int_equal(cert_next_generation(txn, &d[0], &cert.generation), ERR_OK);
	assert_int_equal(cert_pool_put(txn, &d[0].name, 1, &cert, &chain), ERR_OK);
	for (int i = 0; i < 2; i++) {
		domain_take_cert(&d[i], &cert, true);
		assert_int_equal(domain_put(txn, &d[i]), ERR_OK);
	}
	tmpstore_commit(txn);
	cert_done(&cert);
	buf_done(&chain);
	assert_int_equal(lookup(texts[0], &held), ERR_OK); /* it can be shared */
	assert_int_not_equal(lookup(texts[1], &route), ERR_OK);
	cred_unref(held.cred);
}

static void
test_unknown_and_removed(void **state)
{
	struct cred_route route;
	struct hostname name = tmpstore_name("a.example.org");
	struct store_txn *txn;

	(void)state;
	assert_int_equal(lookup("a.example.org", &route), ERR_NOTFOUND);
	assert_int_equal(lookup("localhost", &route), ERR_NOTFOUND);
	tmpcert_store(&store, &(struct tmpcert){.name = "a.example.org"});
	assert_int_equal(served("a.example.org"), 1);
	txn = tmpstore_write(&store, STORE_SERVED);
	assert_int_equal(domain_del(txn, &name), ERR_OK);
	tmpstore_commit(txn);
	assert_int_equal(lookup("a.example.org", &route), ERR_NOTFOUND);
	expect(STATUS_CRED_ENTRIES, 0);
}

static void
test_pending_name(void **state)
{
	struct domain d = tmpstore_domain("a.example.org", 0);
	struct store_txn *txn = tmpstore_write(&store, STORE_SERVED);
	struct cred_route route;

	(void)state;
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	assert_int_equal(lookup("a.example.org", &route), ERR_WRONGSTATE);
	tmpcert_store(&store, &(struct tmpcert){.name = "*.example.org", .generation = 3});
	assert_int_equal(served("a.example.org"), 3);
}

static void
test_wildcard(void **state)
{
	struct cred_route route;

	(void)state;
	tmpcert_store(&store, &(struct tmpcert){.name = "*.example.org", .generation = 2});
	tmpcert_store(&store, &(struct tmpcert){.name = "own.example.org", .generation = 5});
	assert_int_equal(served("any.example.org"), 2);
	assert_int_equal(served("two.example.org"), 2);
	assert_int_equal(served("own.example.org"), 5);
	assert_int_equal(lookup("example.org", &route), ERR_NOTFOUND);
	assert_int_equal(lookup("a.b.example.org", &route), ERR_NOTFOUND);
	expect(STATUS_CRED_ENTRIES, 2); /* by records, not by what clients ask for */
}

static void
test_valid_before_expired(void **state)
{
	int64_t now = clock_wall();

	(void)state;
	tmpcert_store(&store, &(struct tmpcert){.name = "a.example.org",
	                                        .generation = 1,
	                                        .not_before = now - 7200,
	                                        .not_after = now - 60});
	assert_int_equal(served("a.example.org"), 1); /* better than nothing */
	tmpcert_store(&store, &(struct tmpcert){.name = "*.example.org", .generation = 2});
	assert_int_equal(served("a.example.org"), 2);
	tmpcert_store(&store, &(struct tmpcert){.name = "a.example.org", .generation = 3});
	assert_int_equal(served("a.example.org"), 3);
	tmpcert_store(&store,
	              &(struct tmpcert){
			      .name = "a.example.org", .generation = 4, .not_before = now + 3600});
	assert_int_equal(served("a.example.org"), 2); /* not valid yet */
	tmpcert_store(&store, &(struct tmpcert){.name = "*.example.org",
	                                        .generation = 5,
	                                        .not_before = now - 7200,
	                                        .not_after = now - 60});
	assert_int_equal(served("a.example.org"), 4); /* its own of two that are not */
}

static void
test_damaged_is_not_there(void **state)
{
	struct cred_route route;

	(void)state;
	tmpcert_store(&store, &(struct tmpcert){.name = "a.example.org", .damaged = true});
	for (int i = 0; i < 3; i++)
		assert_int_equal(lookup("a.example.org", &route), ERR_WRONGSTATE);
	expect(STATUS_CRED_FAILED, 1); /* noted once */
	tmpcert_store(&store, &(struct tmpcert){.name = "*.example.org", .generation = 2});
	assert_int_equal(served("a.example.org"), 2);
	tmpcert_store(&store, &(struct tmpcert){.name = "a.example.org", .generation = 3});
	assert_int_equal(served("a.example.org"), 3);
	expect(STATUS_CRED_FAILED, 1);
}

static void
test_damaged_is_tried_again(void **state)
{
	struct cred_route route;

	(void)state;
	tmpcert_store(&store, &(struct tmpcert){.name = "a.example.org", .damaged = true});
	assert_int_equal(lookup("a.example.org", &route), ERR_WRONGSTATE);
	tmpcert_store(&store, &(struct tmpcert){.name = "a.example.org"}); /* same generation */
	assert_int_equal(lookup("a.example.org", &route), ERR_WRONGSTATE);
	usleep(RETRY_MS * 1000);
	assert_int_equal(served("a.example.org"), 1);
	expect(STATUS_CRED_FAILED, 1);
}

static void
test_bounded(void **state)
{
	struct cred_route kept;
	char name[64];

	(void)state;
	for (unsigned i = 0; i < 3 * SMALL; i++) {
		snprintf(name, sizeof(name), "n%u.example.org", i);
		tmpcert_store(&store, &(struct tmpcert){.name = name, .generation = i + 1});
	}
	assert_int_equal(lookup("n0.example.org", &kept), ERR_OK);
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 3 * SMALL; i++) {
			snprintf(name, sizeof(name), "n%u.example.org", i);
			assert_int_equal(served(name), i + 1);
			assert_true(status_sum(status, STATUS_CRED_ENTRIES) <= SMALL);
		}
	assert_int_equal(serial_of(kept.cred), 1); /* evicted long ago, still held by us */
	cred_unref(kept.cred);
}

static void
test_least_recently_used_goes(void **state)
{
	static const char *const names[] = {"a.example", "b.example", "c.example", "d.example",
	                                    "e.example"};
	uint64_t loaded;

	(void)state;
	for (int i = 0; i < 5; i++)
		tmpcert_store(&store, &(struct tmpcert){.name = names[i]});
	for (int i = 0; i < SMALL; i++)
		served(names[i]);
	served("a.example");
	served("e.example"); /* b goes */
	loaded = status_sum(status, STATUS_CRED_LOADED);
	served("a.example");
	expect(STATUS_CRED_LOADED, loaded);
	served("b.example");
	expect(STATUS_CRED_LOADED, loaded + 1);
}

static void
test_backends(void **state)
{
	struct cred_route route;

	(void)state;
	tmpcert_store(&store, &(struct tmpcert){.name = "*.example.org", .backend = "echo"});
	tmpcert_store(
		&store,
		&(struct tmpcert){.name = "a.example.org", .backend = "other", .damaged = true});
	tmpcert_store(&store, &(struct tmpcert){.name = "b.example.org", .backend = "gone"});
	assert_int_equal(lookup("a.example.org", &route), ERR_OK);
	assert_ptr_equal(route.backend, &backends[1]); /* a lent certificate, its own backend */
	cred_unref(route.cred);
	assert_int_equal(lookup("x.example.org", &route), ERR_OK);
	assert_ptr_equal(route.backend, &backends[0]);
	cred_unref(route.cred);
	assert_int_equal(lookup("b.example.org", &route), ERR_OK);
	assert_null(route.backend);
	cred_unref(route.cred);
	/* moved to another backend without a new certificate */
	tmpcert_store(&store, &(struct tmpcert){.name = "b.example.org", .backend = "other"});
	assert_int_equal(lookup("b.example.org", &route), ERR_OK);
	assert_ptr_equal(route.backend, &backends[1]);
	cred_unref(route.cred);
}

static void
test_rsa(void **state)
{
	(void)state;
	tmpcert_store(&store,
	              &(struct tmpcert){.name = "a.example.org", .generation = 9, .rsa = true});
	assert_int_equal(served("a.example.org"), 9);
}

/* By which names were hashed last. */
static unsigned char hashed_by[SIPHASH_KEY_LEN];

uint64_t
__wrap_siphash(const unsigned char key[SIPHASH_KEY_LEN], const void *data, size_t len)
{
	memcpy(hashed_by, key, SIPHASH_KEY_LEN);
	return __real_siphash(key, data, len);
}

/* Whoever knew where names go could send those that all go to one place: each worker has its own
 * key, and names that are nobody's take no place at all. */
static void
test_row_A5_hashes_are_nobodys_to_know(void **state)
{
	static const unsigned char none[SIPHASH_KEY_LEN];
	struct credcache_config config = {.conf = &conf,
	                                  .store = store.store,
	                                  .status = &status->slot[1],
	                                  .max_entries = SMALL,
	                                  .retry_ms = RETRY_MS};
	unsigned char first[SIPHASH_KEY_LEN];
	struct hostname name = tmpstore_name("a.b.example.org");
	struct credcache *other;
	struct cred_route route;

	(void)state;
	tmpcert_store(&store, &(struct tmpcert){.name = "*.example.org", .generation = 2});
	for (int i = 0; i < 3 * SMALL; i++) {
		char text[64];

		snprintf(text, sizeof(text), "n%d.example.org", i);
		assert_int_equal(served(text), 2);
		snprintf(text, sizeof(text), "n%d.b.example.org", i);
		assert_int_equal(lookup(text, &route), ERR_NOTFOUND);
	}
	expect(STATUS_CRED_ENTRIES, 1);
	memcpy(first, hashed_by, sizeof(first));
	assert_memory_not_equal(first, none, sizeof(first));
	assert_int_equal(credcache_new(&config, &other), ERR_OK);
	assert_int_equal(credcache_lookup(other, &name, &route), ERR_NOTFOUND);
	assert_memory_not_equal(hashed_by, first, sizeof(first));
	credcache_free(other);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_generation_replaces),
		CASE(test_pooled_is_for_listed_names),
		CASE(test_unknown_and_removed),
		CASE(test_pending_name),
		CASE(test_wildcard),
		CASE(test_valid_before_expired),
		CASE(test_damaged_is_not_there),
		CASE(test_damaged_is_tried_again),
		CASE(test_bounded),
		CASE(test_least_recently_used_goes),
		CASE(test_backends),
		CASE(test_rsa),
		CASE(test_row_A5_hashes_are_nobodys_to_know),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	tmpcert_done();
	return failed;
}
