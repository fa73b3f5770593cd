/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/table.h - (inside store/) records in named LMDB databases
 *
 * A sealed table keeps records under store/seal.h; a plain table is derived from sealed ones, can
 * be rebuilt from them and holds nothing secret. docs/store.md has every layout. Reading:
 * table_get() leaves the opened record in the transaction's scratch; decode, then table_end(),
 * which wipes it and is ERR_CORRUPT unless all of it was read. Writing: table_new(), append the
 * record, table_put(). A failure sticks. The next call here takes the scratch over.
 */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"
#include "store/store.h"

struct buf;
struct hostname;

enum { TABLE_PLAIN = 0, TABLE_KEY_MAX = 511, TABLE_KEY_TEXT_MAX = 4 * TABLE_KEY_MAX + 1 };

/* name, word (database and part of the seal), environment, newest format or TABLE_PLAIN, number in
 * the change log or 0. Behind a table come those derived from it. */
#define TABLE_LIST(X)                                                                              \
	X(DOMAIN, "domain", STORE_SERVED, 4, 1)                                                    \
	X(DUE, "due", STORE_SERVED, TABLE_PLAIN, 0)                                                \
	X(EXPIRY, "expiry", STORE_SERVED, TABLE_PLAIN, 0)                                          \
	X(STATE, "state", STORE_SERVED, TABLE_PLAIN, 0)                                            \
	X(REASON, "reason", STORE_SERVED, TABLE_PLAIN, 0)                                          \
	X(LABEL, "label", STORE_SERVED, TABLE_PLAIN, 0)                                            \
	X(LEAD, "lead", STORE_SERVED, TABLE_PLAIN, 0)                                              \
	X(COUNT, "count", STORE_SERVED, TABLE_PLAIN, 0)                                            \
	X(CERT, "cert", STORE_SERVED, 2, 2)                                                        \
	X(CHAIN, "chain", STORE_SERVED, 2, 3)                                                      \
	X(POOL, "pool", STORE_SERVED, 3, 6)                                                        \
	X(CHALLENGE_HTTP, "challenge-http", STORE_SERVED, 2, 4)                                    \
	X(CHALLENGE_ALPN, "challenge-alpn", STORE_SERVED, 2, 5)                                    \
	X(TICKET, "ticket", STORE_SERVED, 2, 7)                                                    \
	X(OCSP, "ocsp", STORE_SERVED, 2, 8)                                                        \
	X(OCSP_SECOND, "ocsp-second", STORE_SERVED, 2, 9)                                          \
	X(RENEWAL, "renewal", STORE_SERVED, TABLE_PLAIN, 0)                                        \
	X(RENEWAL_DUE, "renewal-due", STORE_SERVED, TABLE_PLAIN, 0)                                \
	X(CHANGE, "change", STORE_SERVED, TABLE_PLAIN, 0)                                          \
	X(GONE, "gone", STORE_SERVED, TABLE_PLAIN, 0)                                              \
	X(GONE_KEY, "gone-key", STORE_SERVED, TABLE_PLAIN, 0)                                      \
	X(QUARANTINE, "quarantine", STORE_SERVED, TABLE_PLAIN, 0)                                  \
	X(ACCOUNT, "account", STORE_PRIVATE, 2, 0)                                                 \
	X(ORDER, "order", STORE_PRIVATE, 2, 0)                                                     \
	X(EVENT, "event", STORE_PRIVATE, 2, 0)                                                     \
	X(EVENT_FOLD, "event-fold", STORE_PRIVATE, TABLE_PLAIN, 0)                                 \
	X(SERVER, "server", STORE_PRIVATE, 2, 0)                                                   \
	X(ATTEMPT, "attempt", STORE_PRIVATE, 4, 0)                                                 \
	X(BUDGET, "budget", STORE_PRIVATE, 4, 0)                                                   \
	X(LIMIT, "limit", STORE_PRIVATE, 4, 0)                                                     \
	X(PRESENTED, "presented", STORE_PRIVATE, 4, 0)                                             \
	X(MEMO, "memo", STORE_PRIVATE, 4, 0)                                                       \
	X(LATE, "late", STORE_PRIVATE, 4, 0)                                                       \
	X(PERSIST, "persist", STORE_PRIVATE, 4, 0)                                                 \
	X(DIAGNOSIS, "diagnosis", STORE_PRIVATE, 4, 0)                                             \
	X(FAULT, "fault", STORE_PRIVATE, 4, 0)                                                     \
	X(TOMBSTONE, "tombstone", STORE_SERVED, 4, 10)

enum table {
#define X(name, word, env, format, change) TABLE_##name,
	TABLE_LIST(X)
#undef X
		TABLE_END
};

struct table_info {
	const char *word;
	enum store_env env;
	unsigned char format;
	unsigned char change; /* in the change log; on the disk, so never another's */
};
extern const struct table_info table_info[TABLE_END];

struct span table_key(const void *data, size_t len);
struct span table_key_name(const struct hostname *name);
/* KEY for people: what is not printable, a space or a backslash as \xNN. Returns TEXT. */
const char *table_key_text(struct span key, char text[TABLE_KEY_TEXT_MAX]);
/* Names come out of keys with the same rule as they go in: ERR_CORRUPT / ERR_INVALID otherwise. */
MUST_CHECK enum err table_name_of_key(struct span key, struct hostname *ret_name);
MUST_CHECK enum err table_check_name(const struct hostname *name);

MUST_CHECK enum err table_get(struct store_txn *txn, enum table table, struct span key,
                              struct cursor *ret_in);
MUST_CHECK enum err table_end(struct store_txn *txn, const struct cursor *in);
/* As table_get(), of a record that is at hand. */
MUST_CHECK enum err table_open(struct store_txn *txn, enum table table, struct span key,
                               struct span sealed, struct cursor *ret_in);
/* The layout of the record that was opened last. */
unsigned char table_format(const struct store_txn *txn);

struct buf *table_new(struct store_txn *txn);
MUST_CHECK enum err table_put(struct store_txn *txn, enum table table, struct span key);
/* Seals the record that is there anew, under the current data key: it does not change. */
MUST_CHECK enum err table_reseal(struct store_txn *txn, enum table table, struct span key);
/* ERR_NOTFOUND, which does not stick, when there was none. */
MUST_CHECK enum err table_del(struct store_txn *txn, enum table table, struct span key);

/* Plain tables; the value's bytes live until the next write in TXN. */
MUST_CHECK enum err table_get_plain(struct store_txn *txn, enum table table, struct span key,
                                    struct span *ret_value);
MUST_CHECK enum err table_put_plain(struct store_txn *txn, enum table table, struct span key,
                                    struct span value);

MUST_CHECK enum err table_has(struct store_txn *txn, enum table table, struct span key);
MUST_CHECK enum err table_size(struct store_txn *txn, enum table table, uint64_t *ret_records);

#endif
