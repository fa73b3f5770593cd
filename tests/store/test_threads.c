/* SPDX-License-Identifier: Apache-2.0 */
/* One store, many threads: readers see whole transactions, writers take turns, the map grows. */
#include "store/store.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/problem.h"
#include "store/cert.h"
#include "store/domain.h"
#include "store/event.h"
#include "store/inside.h"
#include "tests/support/tmpstore.h"

enum { READERS = 4, WRITERS = 2, ROUNDS = 300, TINY_MAP = 256 * 1024 };

struct crew {
	struct tmpstore t;
	atomic_bool stop;
	atomic_int failures;
	atomic_int reads;
	int rounds;
	size_t leaf_len;
};

/* cmocka's asserts belong to the main thread. */
#define EXPECT(crew, condition)                                                                    \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                    \
			atomic_fetch_add(&(crew)->failures, 1);                                    \
		}                                                                                  \
	} while (0)

/* Both names always carry the same generation, and the certificate the domain's. */
static void
read_once(struct crew *crew)
{
	struct hostname a = {1, "a"}, b = {1, "b"};
	struct domain da, db;
	struct cert cert;
	struct store_txn *txn;
	enum err err;

	cert_init(&cert);
	err = store_begin_read(crew->t.store, STORE_SERVED, &txn);
	EXPECT(crew, err == ERR_OK);
	if (err)
		return;
	err = domain_get(txn, &a, &da);
	if (!err) {
		EXPECT(crew, domain_get(txn, &b, &db) == ERR_OK && da.generation == db.generation);
		EXPECT(crew, cert_get(txn, &a, &cert) == ERR_OK);
		EXPECT(crew, cert.generation == da.generation);
		atomic_fetch_add(&crew->reads, 1);
	} else {
		EXPECT(crew, err == ERR_NOTFOUND);
	}
	store_abort(txn);
	cert_done(&cert);
}

static void *
reader(void *arg)
{
	struct crew *crew = arg;

	while (!atomic_load(&crew->stop))
		read_once(crew);
	return NULL;
}

static enum err
write_once(struct crew *crew, struct cert *cert, int filler)
{
	struct hostname a = {1, "a"};
	struct domain da = {.name = a, .state = DOMAIN_PENDING}, db;
	struct buf chain = {0};
	struct store_txn *txn;
	char text[32];
	enum err err = store_begin_write(crew->t.store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_get(txn, &a, &da);
	EXPECT(crew, err == ERR_OK || err == ERR_NOTFOUND);
	da.generation++;
	da.due_at = (int64_t)da.generation;
	db = da;
	db.name = (struct hostname){1, "b"};
	cert->generation = da.generation;
	(void)!domain_put(txn, &da);
	(void)!cert_put(txn, &a, cert, &chain);
	(void)!domain_put(txn, &db);
	if (filler >= 0) {
		struct hostname name = {0};

		name.len = (uint8_t)snprintf(text, sizeof(text), "filler%d", filler);
		memcpy(name.name, text, name.len);
		(void)!cert_put(txn, &name, cert, &chain);
	}
	return store_commit(txn);
}

static void *
writer(void *arg)
{
	struct crew *crew = arg;
	struct cert cert = tmpstore_cert(1, crew->leaf_len);

	for (int i = 0; i < crew->rounds; i++)
		EXPECT(crew, write_once(crew, &cert, -1) == ERR_OK);
	cert_done(&cert);
	return NULL;
}

static void *
logger(void *arg)
{
	struct crew *crew = arg;
	struct event e = {.type = "test"};
	struct store_txn *txn;

	for (int i = 0; i < crew->rounds; i++) {
		if (store_begin_write(crew->t.store, STORE_PRIVATE, &txn)) {
			EXPECT(crew, false);
			break;
		}
		(void)!event_put(txn, &e);
		EXPECT(crew, store_commit(txn) == ERR_OK);
		EXPECT(crew, store_check_readers(crew->t.store) == ERR_OK);
	}
	return NULL;
}

static void
run(struct crew *crew, int writers)
{
	pthread_t readers[READERS], others[WRITERS + 1];

	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, reader, crew), 0);
	for (int i = 0; i < writers; i++)
		assert_int_equal(pthread_create(&others[i], NULL, writer, crew), 0);
	assert_int_equal(pthread_create(&others[writers], NULL, logger, crew), 0);
	for (int i = 0; i <= writers; i++)
		pthread_join(others[i], NULL);
	atomic_store(&crew->stop, true);
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
}

static void
readers_see_whole_commits(void **state)
{
	struct crew crew = {.rounds = ROUNDS, .leaf_len = 500};
	struct store_txn *txn;
	struct domain d;
	uint64_t last;

	(void)state;
	tmpstore_init(&crew.t);
	tmpstore_open(&crew.t);
	run(&crew, WRITERS);
	assert_int_equal(crew.failures, 0);
	assert_true(crew.reads > 0);
	txn = tmpstore_read(&crew.t, STORE_SERVED);
	assert_int_equal(domain_get(txn, &(struct hostname){1, "a"}, &d), ERR_OK);
	assert_int_equal(d.generation, WRITERS * ROUNDS);
	assert_int_equal(domain_verify(txn), ERR_OK);
	store_abort(txn);
	txn = tmpstore_read(&crew.t, STORE_PRIVATE);
	assert_int_equal(event_last(txn, &last), ERR_OK);
	assert_int_equal(last, ROUNDS);
	store_abort(txn);
	tmpstore_done(&crew.t);
}

static void *
growing_writer(void *arg)
{
	struct crew *crew = arg;
	struct cert cert = tmpstore_cert(1, crew->leaf_len);

	for (int i = 0; i < crew->rounds; i++) {
		enum err err = write_once(crew, &cert, i);

		if (err == ERR_FULL)
			err = write_once(crew, &cert, i);
		EXPECT(crew, err == ERR_OK);
	}
	cert_done(&cert);
	return NULL;
}

static void
the_map_grows_under_readers(void **state)
{
	struct crew crew = {.rounds = 100, .leaf_len = 20000};
	struct store_sizes sizes = {.map = {TINY_MAP, TINY_MAP}};
	pthread_t readers[READERS], one;
	struct store_stat stat;
	struct problem why;

	(void)state;
	tmpstore_init(&crew.t);
	assert_int_equal(store_open_sized(crew.t.dir, STORE_KEEPER, &crew.t.master, &sizes,
	                                  &crew.t.store, &why),
	                 ERR_OK);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, reader, &crew), 0);
	assert_int_equal(pthread_create(&one, NULL, growing_writer, &crew), 0);
	pthread_join(one, NULL);
	atomic_store(&crew.stop, true);
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	assert_int_equal(crew.failures, 0);
	assert_int_equal(store_stat(crew.t.store, &stat), ERR_OK);
	assert_true(stat.map_bytes > 4 * TINY_MAP);
	tmpstore_done(&crew.t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_see_whole_commits),
		cmocka_unit_test(the_map_grows_under_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
