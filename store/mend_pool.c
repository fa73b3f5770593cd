/* SPDX-License-Identifier: Apache-2.0 */
/* What the pool has for names that are made anew, and what nobody has any more. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/cert_pool.h"
#include "store/inside.h"
#include "store/mend_inside.h"
#include "store/pool_record.h"

enum { SWEEP_BATCH = 500 };

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

/* Of each type of key the newest: an older one was replaced, and stays for the names that did not
 * take the next. */
static void
note(struct wanted *wanted, const struct buf *names, enum cert_key_kind kind, uint64_t generation)
{
	struct cursor in;

	cursor_init(&in, names->data, names->len);
	while (wanted->count && in.left && !in.bad) {
		struct span name = cursor_bytes16(&in);
		struct mend_name **n = bsearch(&name, wanted->of, wanted->count,
		                               sizeof(wanted->of[0]), compare_key);
		uint64_t *newest = n ? &(*n)->pooled[kind == CERT_KEY_PKCS8] : NULL;

		if (newest && *newest < generation)
			*newest = generation;
	}
}

/* One record; what does not open is of no use here. */
static enum err
look_at(struct mend *m, struct store_txn *txn, uint64_t generation, struct wanted *wanted)
{
	enum cert_key_kind kind;
	struct buf names = {0};
	enum err err = cert_pool_names(txn, generation, &kind, &names);

	if (!err) {
		note(wanted, &names, kind, generation);
		m->orphans = m->orphans || !cert_pool_has_holder(txn, generation, &names);
	}
	buf_done(&names);
	return err == ERR_NOMEM ? err : ERR_OK;
}

enum err
mend_look_at_pool(struct mend *m, struct store_txn *txn, bool (*go_on)(const struct mend *m))
{
	struct wanted *wanted = calloc(1, sizeof(*wanted));
	uint64_t at = 0;
	enum err err = wanted ? ERR_OK : ERR_NOMEM;

	for (size_t i = 0; !err && i < m->name_count; i++)
		if (m->names[i].name.len && !m->names[i].is_hidden)
			wanted->of[wanted->count++] = &m->names[i];
	if (!err)
		qsort(wanted->of, wanted->count, sizeof(wanted->of[0]), compare_names);
	while (!err) {
		err = go_on(m) ? cert_pool_next(txn, &at) : ERR_AGAIN;
		if (!err)
			err = look_at(m, txn, at, wanted);
	}
	free(wanted);
	return err == ERR_NOTFOUND ? ERR_OK : err;
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

/* The writer's lock is not fair: who gives it back and asks at once gets it before who waits. */
void
mend_let_others_write(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

enum err
mend_sweep_pool(struct store *store, int64_t now, uint64_t *ret_swept)
{
	uint64_t at = 0, swept = 0;
	enum err err = ERR_OK;

	*ret_swept = 0;
	while (!err && at < UINT64_MAX) {
		struct store_txn *txn;

		err = store_begin_write(store, STORE_SERVED, &txn);
		if (err)
			break;
		err = cert_pool_sweep(txn, SWEEP_BATCH, now, &at, &swept);
		if (!err)
			err = store_commit(txn);
		else
			store_abort(txn);
		if (!err)
			*ret_swept = swept;
		mend_let_others_write();
	}
	return err;
}
