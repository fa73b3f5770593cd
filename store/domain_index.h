/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/domain_index.h - (inside store/) what is derived from domain records: indexes, counters
 *
 * Plain tables: rebuilt from the records if need be; a flipped bit in one must not stop a put.
 */
#ifndef STORE_DOMAIN_INDEX_H
#define STORE_DOMAIN_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"
#include "base/hostname.h"
#include "store/domain.h"
#include "store/domain_due.h"
#include "store/table.h"

struct store_txn;

enum {
	INDEX_KEY_MAX = HOSTNAME_MAX + 1 + HOSTNAME_MAX,
	INDEXES_FIXED = 5, /* due, expiry, state, reason, lead; then the labels */
	INDEXES_MAX = INDEXES_FIXED + LABELS_MAX,
	COUNT_KEY_MAX = 8 + LABEL_TEXT_MAX,
	COUNTS_MAX = 5, /* state, ca, backend, reason, hour; labels: store/label_count.h */
	HOUR_S = 3600,
};
#define DUE_AT_MASK (((uint64_t)1 << 56) - 1)

/* An entry of an index. Each key ends with the name, so names are in order below what is in front:
 *   due     ca word | 0 | lane u8 | due_at u56 big-endian   a domain that is planned
 *   expiry  not_after u64 big-endian, top bit flipped   one with a certificate
 *   state   word | 0                                one that is not VALID
 *   reason  problem code | 0                        one with a problem
 *   label   "key=value" | 0                         for each label
 *   lead    its lead's name | 0                     one that is led
 */
struct index_key {
	enum table table;
	size_t len; /* 0: no entry */
	unsigned char data[INDEX_KEY_MAX];
};
/* The entries DOMAIN should have; each has its place in KEYS. */
void index_keys_of(const struct domain *domain, struct index_key keys[INDEXES_MAX]);
/* The part in front of the name. */
void index_due(struct index_key *key, const struct domain_queue *queue, int64_t due_at);
void index_expiry(struct index_key *key, int64_t not_after);
void index_word(struct index_key *key, enum table table, const char *word, size_t len);
void index_add_name(struct index_key *key, const struct hostname *name);
/* The name at the end of an entry; ERR_CORRUPT when there is none. */
MUST_CHECK enum err index_name_of(enum table table, struct span key, struct hostname *ret_name);

/* "state" | 0 | word, "ca" | 0 | word, "backend" | 0 | word, "reason" | 0 | problem code, "hour" |
 * 0 | hour of not_after u32 big-endian, "label" | 0 | "key=value" or nothing. */
struct count_key {
	size_t len; /* 0: none */
	char data[COUNT_KEY_MAX];
};
void count_key_make(struct count_key *key, const char *kind, const char *word);
void count_key_hour(struct count_key *key, int64_t not_after);
/* The counters DOMAIN is counted in, but for its labels. */
void count_keys_of(const struct domain *domain, struct count_key keys[COUNTS_MAX]);
MUST_CHECK enum err count_decode(struct span value, uint64_t *ret_count);
MUST_CHECK enum err count_get(struct store_txn *txn, struct span key, uint64_t *ret_count);
/* Brings a counter from what it is to STEP more. Below 0, or where it cannot be read, it starts at
 * 0 again: a wrong number is no reason to refuse a certificate. */
MUST_CHECK enum err count_add(struct store_txn *txn, struct span key, int64_t step);
/* Writes COUNT, or removes the counter when it is 0. */
MUST_CHECK enum err count_set(struct store_txn *txn, struct span key, uint64_t count);

/* Brings all tables from BEFORE (NULL: there was none) to AFTER (NULL: there is none any more). */
MUST_CHECK enum err domain_index(struct store_txn *txn, const struct domain *before,
                                 const struct domain *after);
/* Writes the record and brings the indexes from BEFORE to it; DOMAIN has been checked. */
MUST_CHECK enum err domain_write(struct store_txn *txn, const struct domain *before,
                                 const struct domain *domain);
/* Decodes the record that was opened last. */
MUST_CHECK enum err domain_read(struct store_txn *txn, struct cursor *in,
                                const struct hostname *name, struct domain *ret_domain);
/* A list's row for a record that was read with ERR: a damaged one has its row, saying so. */
MUST_CHECK enum err domain_row(enum err err, const struct hostname *name, struct domain *d);

/* What is wrong with domains or with what is derived from them. */
enum verify_kind {
	VERIFY_RECORD,  /* a domain's record does not open, or its key is no name */
	VERIFY_HIDDEN,  /* it opens, and a get does not find it: pages are damaged */
	VERIFY_DOUBLE,  /* its key is there twice, so one was flipped */
	VERIFY_MISSING, /* a name is not in a list it belongs into; KEY is the name */
	VERIFY_STRAY,   /* an entry of a list is no name's */
	VERIFY_COUNT,   /* a counter is wrong by SURPLUS */
};
struct verify_finding {
	enum verify_kind kind;
	enum table table;
	struct span key;             /* the map's, for the call */
	const struct hostname *name; /* NULL: the key has none */
	enum err record;             /* STRAY: as verify_entry(); COUNT: NOTFOUND, nobody's */
	int64_t surplus;             /* COUNT: stored less counted */
	enum err err;
	const char *what; /* a sentence */
};
typedef void verify_on_bad(void *arg, const struct verify_finding *finding);
struct verify {
	verify_on_bad *on_bad;
	bool (*go_on)(void *arg); /* asked at each record; false ends it with ERR_AGAIN. NULL: on */
	void *arg;
};
/* Walks all domains and compares. A counter counts the domains that open. */
MUST_CHECK enum err domain_verify_each(struct store_txn *txn, const struct verify *verify,
                                       uint64_t *ret_names);
/* ERR_OK: the entry KEY of the list TABLE is one of its name's. ERR_INVALID: it is not;
 * ERR_NOTFOUND and ERR_CORRUPT are the name's record's. RET_NAME: len 0: there is none in it. */
MUST_CHECK enum err verify_entry(struct store_txn *txn, enum table table, struct span key,
                                 struct hostname *ret_name);
bool verify_is_damage(enum err err);

#endif
