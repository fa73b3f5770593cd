/* SPDX-License-Identifier: Apache-2.0 */
/* What an import answers for each name when the store, the disk or a stop is in its way. The
 * neighbours named wrap_ are put in place at link time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/control/import_inside.h"
#include "daemon/watch/upkeep.h"
#include "store/store.h"
#include "tests/support/tmpstore.h"

enum { NAMES = 3 };

static const char *const texts[NAMES] = {"a.example", "b.example", "c.example"};
static const char *corrupt_once; /* what is damaged when it is read first */
static bool full_once;           /* the next commit finds the map full */
static bool no_room;

enum err __real_domain_get(struct store_txn *txn, const struct hostname *name, struct domain *d);
enum err __wrap_domain_get(struct store_txn *txn, const struct hostname *name, struct domain *d);
enum err __real_store_commit(struct store_txn *txn);
enum err __wrap_store_commit(struct store_txn *txn);
bool __wrap_upkeep_takes_new(struct upkeep *upkeep, char *why, size_t size);

enum err
__wrap_domain_get(struct store_txn *txn, const struct hostname *name, struct domain *d)
{
	if (corrupt_once && strcmp(corrupt_once, name->name) == 0) {
		corrupt_once = NULL;
		return ERR_CORRUPT;
	}
	return __real_domain_get(txn, name, d);
}

enum err
__wrap_store_commit(struct store_txn *txn)
{
	if (!full_once)
		return __real_store_commit(txn);
	full_once = false;
	store_abort(txn);
	return ERR_FULL;
}

bool
__wrap_upkeep_takes_new(struct upkeep *upkeep, char *why, size_t size)
{
	(void)upkeep;
	if (no_room)
		snprintf(why, size, "2 MiB are free");
	return !no_room;
}

struct fixture {
	struct tmpstore t;
	struct import_place place;
	struct import_job job;
	struct import_cert cert;
	struct import_name names[NAMES];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct bundle *b = &f->cert.bundle;

	tmpstore_init(&f->t);
	tmpstore_open(&f->t);
	f->place.store = f->t.store;
	snprintf(f->job.ca, sizeof(f->job.ca), "le");
	snprintf(f->job.backend, sizeof(f->job.backend), "web");
	buf_add(&b->leaf, "leaf", 4);
	buf_bytes32(&b->issuers, "issuer", 6);
	b->not_before = clock_wall() - 3600;
	b->not_after = clock_wall() + 86400;
	assert_int_equal(secret_alloc(&b->key, 32), ERR_OK);
	memset(b->key.data, 9, b->key.len);
	for (size_t i = 0; i < NAMES; i++)
		f->names[i] =
			(struct import_name){.cert = &f->cert, .name = tmpstore_name(texts[i])};
	corrupt_once = NULL;
	full_once = no_room = false;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	buf_done(&f->cert.bundle.leaf);
	buf_done(&f->cert.bundle.issuers);
	secret_done(&f->cert.bundle.key);
	tmpstore_done(&f->t);
	free(f);
	return 0;
}

static void
put(struct fixture *f, size_t count)
{
	struct import_name *group[NAMES];

	for (size_t i = 0; i < count; i++)
		group[i] = &f->names[i];
	import_put(&f->place, &f->job, group, count);
}

static enum err
stored(struct fixture *f, const char *text)
{
	struct store_txn *txn = tmpstore_read(&f->t, STORE_SERVED);
	struct hostname name = tmpstore_name(text);
	struct domain d;
	enum err err = __real_domain_get(txn, &name, &d);

	store_abort(txn);
	return err;
}

/* The transaction is done again when the map was full: what the first one met does not count. */
static void
a_second_transaction_begins_anew(void **state)
{
	struct fixture *f = *state;

	corrupt_once = texts[1];
	full_once = true;
	put(f, NAMES);
	assert_false(full_once);
	assert_null(corrupt_once);
	for (size_t i = 0; i < NAMES; i++) {
		assert_int_equal(stored(f, texts[i]), ERR_OK);
		assert_int_equal(f->names[i].err, ERR_OK);
		assert_string_equal(f->names[i].change, "created");
	}
}

static void
a_damaged_name_keeps_nobody_else_out(void **state)
{
	struct fixture *f = *state;

	corrupt_once = texts[1];
	put(f, NAMES);
	assert_int_equal(f->names[1].err, ERR_CORRUPT);
	assert_int_equal(stored(f, texts[1]), ERR_NOTFOUND);
	assert_int_equal(f->names[2].err, ERR_OK);
	assert_int_equal(stored(f, texts[2]), ERR_OK);
}

static void
without_room_what_is_there_is_unchanged_and_the_rest_is_told_why(void **state)
{
	struct fixture *f = *state;

	put(f, 1);
	no_room = true;
	put(f, NAMES);
	assert_int_equal(f->names[0].err, ERR_OK);
	assert_string_equal(f->names[0].change, "unchanged");
	for (size_t i = 1; i < NAMES; i++) {
		assert_int_equal(f->names[i].err, ERR_FULL);
		assert_string_equal(f->names[i].detail, "2 MiB are free");
		assert_int_equal(stored(f, texts[i]), ERR_NOTFOUND);
	}
	f->job.replace = true;
	put(f, 1);
	assert_int_equal(f->names[0].err, ERR_FULL);
	assert_int_equal(stored(f, texts[0]), ERR_OK);
	no_room = false;
	put(f, NAMES);
	for (size_t i = 0; i < NAMES; i++)
		assert_int_equal(f->names[i].err, ERR_OK);
}

static void
a_stop_lets_no_transaction_begin(void **state)
{
	struct fixture *f = *state;

	f->place.stop = true;
	put(f, NAMES);
	for (size_t i = 0; i < NAMES; i++) {
		assert_int_equal(f->names[i].err, ERR_STOPPED);
		assert_int_equal(stored(f, texts[i]), ERR_NOTFOUND);
	}
}

/* The newer one takes the older one's only name before the next name of it comes. */
static void
a_name_of_an_older_certificate_gets_it_behind_a_newer_one(void **state)
{
	struct fixture *f = *state;
	struct import_cert *older = &f->cert, newer = f->cert;
	struct hostname names[2] = {tmpstore_name(texts[0]), tmpstore_name(texts[1])};
	struct import_name *group[3] = {&f->names[0], &f->names[1], &f->names[2]};
	struct store_txn *txn;
	struct domain d;
	struct cert cert;

	newer.bundle.not_before++;
	newer.bundle.not_after++;
	newer.bundle.name_count = 1;
	older->bundle.names = names;
	older->bundle.name_count = 2;
	f->names[1] = (struct import_name){.cert = &newer, .name = names[0]};
	f->names[2] = (struct import_name){.cert = older, .name = names[1]};
	import_put(&f->place, &f->job, group, 3);
	txn = tmpstore_read(&f->t, STORE_SERVED);
	for (size_t i = 0; i < 2; i++) {
		cert_init(&cert);
		assert_int_equal(__real_domain_get(txn, &names[i], &d), ERR_OK);
		assert_int_equal(d.not_before, older->bundle.not_before + (i == 0));
		assert_int_equal(cert_get_for(txn, &d, &cert), ERR_OK);
		cert_done(&cert);
	}
	store_abort(txn);
}

/* The domain says that it has a newer one, which is not there. */
static void
importing_again_heals_what_is_missing(void **state)
{
	struct fixture *f = *state;
	struct hostname name = tmpstore_name(texts[0]);
	struct store_txn *txn;
	struct domain d;
	struct cert cert;

	put(f, 1);
	cert_init(&cert);
	txn = tmpstore_write(&f->t, STORE_SERVED);
	assert_int_equal(__real_domain_get(txn, &name, &d), ERR_OK);
	d.generation++;
	assert_int_equal(cert_get_for(txn, &d, &cert), ERR_CORRUPT);
	d.not_before += 100;
	assert_int_equal(domain_put(txn, &d), ERR_OK);
	tmpstore_commit(txn);
	put(f, 1);
	assert_int_equal(f->names[0].err, ERR_OK);
	assert_string_equal(f->names[0].change, "updated");
	txn = tmpstore_read(&f->t, STORE_SERVED);
	assert_int_equal(__real_domain_get(txn, &name, &d), ERR_OK);
	cert_init(&cert);
	assert_int_equal(cert_get_for(txn, &d, &cert), ERR_OK);
	cert_done(&cert);
	store_abort(txn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_second_transaction_begins_anew),
		TEST(a_damaged_name_keeps_nobody_else_out),
		TEST(without_room_what_is_there_is_unchanged_and_the_rest_is_told_why),
		TEST(a_stop_lets_no_transaction_begin),
		TEST(a_name_of_an_older_certificate_gets_it_behind_a_newer_one),
		TEST(importing_again_heals_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
