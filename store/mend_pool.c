/* SPDX-License-Identifier: Apache-2.0 */
/* What the pool has for names that are made anew, and what nobody has any more. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "store/cert_pool.h"
#include "store/inside.h"
#include "store/mend_inside.h"
#include "store/pool_record.h"

enum {
	SWEEP_BATCH = 100,
	DAMAGED_MAX = 64, /* looked for at once; the rest is for a later scan */
};

/* Names of the scan, sorted, so that a million records cost ten comparisons each. */
struct wanted {
	struct mend_name *of[MEND_NAMES_MAX];
	size_t count;
};

static int
compare_text(const void *a, size_t a_len, const void *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int
compare_names(const void *a, const void *b)
{
	const struct mend_name *const *x = a, *const *y = b;

	return compare_text((*x)->name.name, (*x)->name.len, (*y)->name.name, (*y)->name.len);
}

static int
compare_key(const void *key, const void *one)
{
	const struct span *name = key;
	const struct mend_name *const *n = one;

	return compare_text(name->data, name->len, (*n)->name.name, (*n)->name.len);
}

/* One walk over the pool. */
struct look {
	struct mend *m;
	struct wanted wanted;
	struct buf names; /* of one record */
	struct walk_last last;
	uint64_t damaged[DAMAGED_MAX]; /* 0: a name has it */
	size_t damaged_count;
};

/* Of each type of key the newest: an older one was replaced, and stays for the names that did not
 * take the next. Whether any name wants it. */
static bool
note(const struct wanted *wanted, const struct buf *names, enum cert_key_kind kind,
     uint64_t generation)
{
	bool is_wanted = false;
	struct cursor in;

	cursor_init(&in, names->data, names->len);
	while (wanted->count && in.left && !in.bad) {
		struct span name = cursor_bytes16(&in);
		struct mend_name **n = bsearch(&name, wanted->of, wanted->count,
		                               sizeof(wanted->of[0]), compare_key);
		uint64_t *newest = n ? &(*n)->pooled[kind == CERT_KEY_PKCS8] : NULL;

		is_wanted = is_wanted || n;
		if (newest && *newest < generation)
			*newest = generation;
	}
	return is_wanted;
}

/* A key that is another record's, whether it is in order or not. */
static bool
is_anothers(struct look *l, struct walk *walk)
{
	struct hostname first;
	struct cursor in;
	uint64_t generation;
	bool known;

	cursor_init(&in, l->names.data, l->names.len);
	known = table_name_of_key(cursor_bytes16(&in), &first) == ERR_OK;
	return !cert_pool_generation(walk->key, &generation) || walk_is_double(walk, &l->last) ||
	       mend_is_misplaced(l->m, walk, known ? &first : NULL);
}

/* One record. One that does not open in its place is told by workers and checks, unless it is
 * nobody's: see find_holders(). */
static enum err
look_at(struct look *l, struct walk *walk)
{
	enum cert_key_kind kind;
	uint64_t generation = 0;
	enum err err;

	buf_reset(&l->names);
	err = cert_pool_read(walk, &kind, &l->names);
	if (err == ERR_NOMEM)
		return err;
	if (is_anothers(l, walk)) {
		(void)mend_add_name(l->m, TABLE_POOL, walk->key, NULL, true);
		return ERR_OK;
	}
	(void)cert_pool_generation(walk->key, &generation);
	if (verify_is_damage(err) && l->damaged_count < DAMAGED_MAX)
		l->damaged[l->damaged_count++] = generation;
	if (!err &&
	    (note(&l->wanted, &l->names, kind, generation) ||
	     !cert_pool_has_holder(walk->txn, generation, &l->names)) &&
	    l->m->suspect_count < MEND_SUSPECTS_MAX)
		l->m->suspects[l->m->suspect_count++] = generation;
	return ERR_OK;
}

static enum err
walk_pool(struct look *l, struct store_txn *txn, bool (*go_on)(const struct mend *m))
{
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_POOL);

	if (!err)
		err = walk_first(&walk);
	for (; !err; err = err ? err : walk_next(&walk))
		err = go_on(l->m) ? look_at(l, &walk) : ERR_AGAIN;
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static void
strike_out(struct look *l, const struct domain *d)
{
	for (size_t i = 0; i < l->damaged_count; i++)
		if (l->damaged[i] == d->second.generation ||
		    (d->pooled && l->damaged[i] == d->generation))
			l->damaged[i] = 0;
}

/* Whose a damaged record is, it does not say itself. One that no name has had its key flipped, or
 * its name has got another certificate since. */
static enum err
find_holders(struct look *l, struct store_txn *txn, bool (*go_on)(const struct mend *m))
{
	struct hostname name;
	struct domain d;
	struct walk walk;
	struct cursor in;
	enum err err = walk_open(&walk, txn, TABLE_DOMAIN);

	if (!err)
		err = walk_first(&walk);
	for (; !err; err = err ? err : walk_next(&walk)) {
		if (!go_on(l->m))
			err = ERR_AGAIN;
		else if (!table_name_of_key(walk.key, &name) && !walk_read(&walk, &in) &&
		         !domain_read(txn, &in, &name, &d))
			strike_out(l, &d);
	}
	walk_close(&walk);
	if (err != ERR_NOTFOUND)
		return err;
	for (size_t i = 0; i < l->damaged_count; i++) {
		uint64_t key = htobe64(l->damaged[i]);

		if (key)
			(void)mend_add_name(l->m, TABLE_POOL, table_key(&key, sizeof(key)), NULL,
			                    true);
	}
	return ERR_OK;
}

enum err
mend_look_at_pool(struct mend *m, struct store_txn *txn, bool (*go_on)(const struct mend *m))
{
	struct look *l = calloc(1, sizeof(*l));
	enum err err;

	if (!l)
		return ERR_NOMEM;
	l->m = m;
	for (size_t i = 0; i < m->name_count; i++)
		if (m->names[i].name.len && !m->names[i].is_hidden)
			l->wanted.of[l->wanted.count++] = &m->names[i];
	qsort(l->wanted.of, l->wanted.count, sizeof(l->wanted.of[0]), compare_names);
	err = walk_pool(l, txn, go_on);
	if (!err && l->damaged_count)
		err = find_holders(l, txn, go_on);
	buf_done(&l->names);
	free(l);
	return err;
}

/* Only the newest of its key is as good as before, and only one that lists the name. */
static bool
is_good(struct store_txn *txn, uint64_t generation, const struct hostname *name, struct cert *cert)
{
	return generation && cert_pool_get(txn, generation, name, cert) == ERR_OK &&
	       cert_pool_is_newest(txn, generation);
}

void
mend_take_pooled(struct store_txn *txn, const struct mend_name *n, enum cert_key_kind first,
                 struct domain *d)
{
	static const enum cert_key_kind kinds[] = {CERT_KEY_P256, CERT_KEY_PKCS8};

	for (size_t i = 0; i < 2; i++) {
		struct cert cert;

		cert_init(&cert);
		if (!is_good(txn, n->pooled[i], &d->name, &cert))
			;
		else if (!d->generation) {
			domain_take_cert(d, &cert, true);
			first = kinds[i];
		} else if (first != kinds[i] && cert.not_after > d->created_at) {
			d->second = (struct domain_second){cert.generation, cert.not_before,
			                                   cert.not_after};
		}
		cert_done(&cert);
	}
}

enum err
mend_sweep_pool(struct store *store, const struct mend *m, int64_t now, uint64_t *ret_swept)
{
	uint64_t swept = 0;
	enum err err = ERR_OK;

	*ret_swept = 0;
	for (size_t at = 0; at < m->suspect_count && !err; at += SWEEP_BATCH) {
		size_t left = m->suspect_count - at;
		struct store_txn *txn;

		err = store_begin_write(store, STORE_SERVED, &txn);
		if (err)
			break;
		err = cert_pool_sweep(txn, m->suspects + at,
		                      left < SWEEP_BATCH ? left : SWEEP_BATCH, now, &swept);
		err = store_finish(txn, err);
		if (!err)
			*ret_swept = swept;
		store_let_others_write();
	}
	return err;
}
