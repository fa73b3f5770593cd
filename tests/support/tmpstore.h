/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/tmpstore.h - a store in a temporary directory, and what tests put into it
 *
 * Fails the running test (assert_...) instead of returning errors.
 */
#ifndef TESTS_SUPPORT_TMPSTORE_H
#define TESTS_SUPPORT_TMPSTORE_H

#include <stdint.h>

#include "base/hostname.h"
#include "base/secret.h"
#include "store/cert.h"
#include "store/domain.h"
#include "store/store.h"

struct tmpstore {
	char parent[64]; /* mkdtemp()'s */
	char dir[96];    /* parent/state: not there before the first open */
	struct secret master;
	struct store *store;
};

/* A directory name and a master key; no store yet. */
void tmpstore_init(struct tmpstore *t);
/* Opens (again) as the keeper. */
void tmpstore_open(struct tmpstore *t);
void tmpstore_close(struct tmpstore *t);
/* Closes and removes everything. */
void tmpstore_done(struct tmpstore *t);

/* For cmocka: *STATE is an open struct tmpstore, and goes again. */
int tmpstore_setup(void **state);
int tmpstore_teardown(void **state);

/* Every record of served/ under NAME says that it is longer than its page, from which nothing may
 * be removed then. For a store of at most a MiB. */
void tmpstore_break_pages(struct tmpstore *t, const char *name);

struct store_txn *tmpstore_read(struct tmpstore *t, enum store_env env);
struct store_txn *tmpstore_write(struct tmpstore *t, enum store_env env);
void tmpstore_commit(struct store_txn *txn);

struct hostname tmpstore_name(const char *text);
/* A pending domain of ca "le" and backend "web", due at DUE_AT. */
struct domain tmpstore_domain(const char *name, int64_t due_at);
/* A certificate whose leaf is LEAF_LEN bytes made from SEED; release with cert_done(). */
struct cert tmpstore_cert(unsigned seed, size_t leaf_len);
/* Stores CERT under NAME, and its CHAIN, as certd did before all certificates went to the pool:
 * such stores are there. As cert_pool_put() else. */
MUST_CHECK enum err cert_put(struct store_txn *txn, const struct hostname *name, struct cert *cert,
                             const struct buf *chain);

#endif
