/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch/demand_book.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Out of memory, uthash leaves the element out (hh.tbl is NULL then) instead of exiting. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/hostname.h"
#include "base/siphash.h"
#include "daemon/order/budget.h"

/* uthash keeps them in the order they came in. */
struct row {
	enum demand_word word; /* of a name, */
	int64_t until_ms;
	struct budget budget; /* or of a bucket */
	UT_hash_handle hh;
	char key[];
};

struct demand_book {
	size_t max;
	bool changed;
	unsigned char hash_key[SIPHASH_KEY_LEN];
	struct row *names, *networks, *domains; /* a flood in one table empties no other */
};

enum err
demand_book_new(size_t max, struct demand_book **ret_book)
{
	struct demand_book *book = calloc(1, sizeof(*book));

	if (!book)
		return ERR_NOMEM;
	book->max = max;
	if (RAND_bytes(book->hash_key, sizeof(book->hash_key)) != 1) {
		free(book);
		return ERR_CRYPTO;
	}
	*ret_book = book;
	return ERR_OK;
}

static void
drop(struct row **rows, struct row *row)
{
	HASH_DEL(*rows, row);
	free(row);
}

void
demand_book_free(struct demand_book *book)
{
	if (!book)
		return;
	while (book->names)
		drop(&book->names, book->names);
	while (book->networks)
		drop(&book->networks, book->networks);
	while (book->domains)
		drop(&book->domains, book->domains);
	free(book);
}

static unsigned
hash(const struct demand_book *book, const char *key)
{
	return (unsigned)siphash(book->hash_key, key, strlen(key));
}

static struct row *
find(const struct demand_book *book, struct row *rows, const char *key)
{
	unsigned hashed = hash(book, key);
	struct row *row;

	HASH_FIND_BYHASHVALUE(hh, rows, key, strlen(key), hashed, row);
	return row;
}

/* One that is being asked about stays: its answer is to be remembered. */
static void
make_room(const struct demand_book *book, struct row **rows)
{
	struct row *row = *rows;

	if (HASH_COUNT(*rows) < book->max)
		return;
	while (row && row->word == DEMAND_ASKING)
		row = row->hh.next;
	drop(rows, row ? row : *rows);
}

static struct row *
add(const struct demand_book *book, struct row **rows, const char *key)
{
	unsigned hashed = hash(book, key);
	size_t len = strlen(key);
	struct row *row;

	make_room(book, rows);
	row = calloc(1, sizeof(*row) + len + 1);
	if (!row)
		return NULL;
	memcpy(row->key, key, len + 1);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, *rows, row->key, len, hashed, row);
	if (row->hh.tbl)
		return row;
	free(row);
	return NULL;
}

enum demand_word
demand_book_find(struct demand_book *book, const struct hostname *name, int64_t now_ms,
                 int64_t *ret_until_ms)
{
	struct row *row = find(book, book->names, name->name);

	if (!row)
		return DEMAND_UNKNOWN;
	if (row->until_ms <= now_ms) {
		drop(&book->names, row);
		return DEMAND_UNKNOWN;
	}
	*ret_until_ms = row->until_ms;
	return row->word;
}

void
demand_book_set(struct demand_book *book, const struct hostname *name, enum demand_word word,
                int64_t until_ms)
{
	struct row *row = find(book, book->names, name->name);

	if (!row)
		row = add(book, &book->names, name->name);
	if (!row)
		return;
	row->word = word;
	row->until_ms = until_ms;
}

/* No domain begins with what a network's key does. */
static struct row **
buckets_of(struct demand_book *book, const char *key)
{
	return *key == '=' ? &book->networks : &book->domains;
}

int64_t
demand_book_take(struct demand_book *book, const char *key, const struct limits_rate *rate,
                 int64_t now)
{
	struct row **buckets = buckets_of(book, key), *row = find(book, *buckets, key);

	if (!row)
		row = add(book, buckets, key);
	if (!row)
		return now + 1;
	budget_set(&row->budget, rate->count, rate->period, now);
	if (budget_room(&row->budget, now) == 0)
		return budget_next(&row->budget, now);
	budget_take(&row->budget, now);
	book->changed = true;
	return 0;
}

void
demand_book_return(struct demand_book *book, const char *key)
{
	struct row *row = find(book, *buckets_of(book, key), key);

	if (!row)
		return;
	budget_return(&row->budget);
	book->changed = true;
}

static void
each(struct row *rows, demand_book_fn *fn, void *arg)
{
	struct row *row = rows ? ELMT_FROM_HH(rows->hh.tbl, rows->hh.tbl->tail) : NULL;

	for (; row; row = row->hh.prev)
		fn(arg, row->key, &row->budget);
}

void
demand_book_each(const struct demand_book *book, demand_book_fn *fn, void *arg)
{
	each(book->domains, fn, arg);
	each(book->networks, fn, arg);
}

bool
demand_book_changed(struct demand_book *book)
{
	bool changed = book->changed;

	book->changed = false;
	return changed;
}

void
demand_book_restore(struct demand_book *book, const char *key, const struct budget *budget)
{
	struct row **buckets = buckets_of(book, key), *row = find(book, *buckets, key);

	if (!row)
		row = add(book, buckets, key);
	if (row)
		row->budget = *budget;
}

size_t
demand_book_count(const struct demand_book *book)
{
	return HASH_COUNT(book->names);
}
