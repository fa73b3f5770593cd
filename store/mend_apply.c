/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/cert.h"
#include "store/change_log.h"
#include "store/event.h"
#include "store/inside.h"
#include "store/mend_inside.h"
#include "store/put_aside.h"
#include "store/walk.h"

static enum err
remove_at(struct store_txn *txn, enum table table, struct span key)
{
	struct walk walk;
	enum err err = table_page_check(txn, table, key);

	if (err)
		return err;
	err = walk_open(&walk, txn, table);
	if (!err)
		err = walk_find(&walk, key);
	if (!err)
		err = walk_del(&walk);
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

/* ---- one domain ----------------------------------------------------------------------------- */

/* What was counted and listed is gone with the entries; DOMAIN is a new one. */
static enum err
write_anew(struct store_txn *txn, const struct mend *m, int i, const struct domain *d)
{
	enum err err = ERR_OK;

	for (size_t k = 0; k < m->fix_count && !err; k++)
		if (m->fixes[k].name == i)
			err = remove_at(txn, m->fixes[k].table,
			                mend_key(m, m->fixes[k].key_at, m->fixes[k].key_len));
	return err ? err : domain_write(txn, NULL, d);
}

/* A certificate that opens, and that the log of changes has as its newest, is as good as before; so
 * are those of the pool. */
static enum err
keep_certificate(struct store_txn *txn, const struct mend_name *n, struct domain *d, bool *ret_kept)
{
	enum cert_key_kind kind = 0;
	struct span key = table_key_name(&d->name);
	struct cert cert;
	enum err err;

	cert_init(&cert);
	err = cert_get(txn, &d->name, &cert);
	if (!err && change_has_newest(txn, TABLE_CERT, key)) {
		domain_take_cert(d, &cert, false);
		kind = cert.key_kind;
	} else if (!err || verify_is_damage(err)) {
		err = put_aside(txn, TABLE_CERT, key, "the record of its domain is damaged, too",
		                d->created_at);
	}
	cert_done(&cert);
	if (err && err != ERR_NOTFOUND)
		return err;
	mend_take_pooled(txn, n, kind, d);
	*ret_kept = d->generation != 0;
	return ERR_OK;
}

static enum err
make_anew(struct store_txn *txn, const struct mend *m, int i, struct domain *d, bool *ret_kept)
{
	const char *reason = "the record of the domain does not open";
	struct span key = table_key_name(&d->name);
	struct domain now_there;
	enum err err = domain_get(txn, &d->name, &now_there);

	if (!err)
		return ERR_AGAIN; /* somebody has added it since */
	if (verify_is_damage(err))
		err = put_aside(txn, TABLE_DOMAIN, key, reason, d->created_at);
	else if (err == ERR_NOTFOUND)
		err = change_forget(txn, TABLE_DOMAIN, key);
	if (!err)
		err = keep_certificate(txn, &m->names[i], d, ret_kept);
	if (!err)
		err = write_anew(txn, m, i, d);
	return err;
}

static void
tell_anew(const struct mend_name *n, const struct domain *d, bool kept, int64_t now,
          struct event *e)
{
	char labels[MEND_LABELS_SHOWN + 48] = "";
	const char *backend = d->backend[0] ? d->backend : "-";

	if (n->labels[0])
		snprintf(labels, sizeof(labels), " (lists had these labels:%s)", n->labels);
	if (d->state == DOMAIN_EXTERNAL)
		put_aside_tell(e, d->name.name, now,
		               "its record was damaged: the name is made anew, external and with "
		               "backend %s; which backend it had and its labels are lost%s; %s",
		               backend, labels,
		               kept ? "its certificate is kept" : "it has no certificate");
	else
		put_aside_tell(e, d->name.name, now,
		               "its record was damaged: the name is made anew with ca %s and "
		               "backend %s, and issued again; which backend it had and its labels "
		               "are lost%s; %s",
		               d->ca[0] ? d->ca : "-", backend, labels,
		               kept ? "its certificate is kept and served until then"
		                    : "it is not served until then");
}

static enum err
mend_name(struct store *store, const struct mend *m, int i, const struct mend_policy *p)
{
	const struct mend_name *n = &m->names[i];
	struct domain d = {
		.name = n->name, .state = DOMAIN_FAILING, .created_at = p->now, .due_at = p->now};
	struct store_txn *txn;
	struct event e;
	bool kept = false;
	enum err err;

	strcpy(d.ca, n->ca);
	if (n->external)
		domain_make_external(&d);
	problem_set(&d.problem, PROBLEM_STORE_CORRUPT,
	            "its record was damaged and is made anew: backend and labels are lost");
	p->choose(p->arg, &d);
	err = store_begin_write(store, STORE_SERVED, &txn);
	if (err)
		return err;
	err = make_anew(txn, m, i, &d, &kept);
	if (err) {
		store_abort(txn);
		return err;
	}
	err = store_commit(txn);
	if (err)
		return err;
	tell_anew(n, &d, kept, p->now, &e);
	p->told(p->arg, &e);
	return ERR_OK;
}

/* The name it was of is found by its lists; or has a domain, and no certificate any more. */
static enum err
put_key_aside(struct store *store, const struct mend *m, int i, const struct mend_policy *p)
{
	const struct mend_name *n = &m->names[i];
	const char *reason = "its key is no name of ours";
	struct hostname name;
	struct span key = mend_key(m, n->key_at, n->key_len);
	char text[TABLE_KEY_TEXT_MAX];
	struct store_txn *txn;
	struct event e;
	enum err err = store_begin_write(store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = put_misplaced_aside(txn, n->table, key, reason, p->now);
	if (err == ERR_NOTFOUND && n->table != TABLE_DOMAIN)
		err = put_aside(txn, n->table, key, reason, p->now);
	if (err) {
		store_abort(txn);
		return err;
	}
	err = store_commit(txn);
	if (err)
		return err;
	if (n->table == TABLE_POOL || table_name_of_key(key, &name))
		name.name[0] = '\0';
	put_aside_tell(&e, name.name, p->now,
	               "the %s record under the damaged key %.200s is put aside: the name it was "
	               "of is issued again, and told when it is not served",
	               table_info[n->table].word, table_key_text(key, text));
	p->told(p->arg, &e);
	return ERR_OK;
}

/* Nothing may be removed from the page it is on. */
static void
tell_stuck(const struct mend *m, const struct mend_name *n, const struct mend_policy *p)
{
	char text[TABLE_KEY_TEXT_MAX];
	struct event e;

	put_aside_tell(&e, n->name.name, p->now,
	               "the record of %.200s is damaged, and so is the page it is on: it is not "
	               "made anew before certd is stopped and certctl db compact has run",
	               table_key_text(mend_key(m, n->key_at, n->key_len), text));
	p->stuck(p->arg, &e);
}

static enum err
mend_names(struct store *store, const struct mend *m, bool ours, const struct mend_policy *p,
           uint64_t *done)
{
	for (size_t i = 0; i < m->name_count; i++) {
		const struct mend_name *n = &m->names[i];
		enum err err;

		if (n->is_later || n->is_hidden || n->is_ours != ours || (!ours && !n->has_record))
			continue;
		err = ours ? mend_name(store, m, (int)i, p) : put_key_aside(store, m, (int)i, p);
		store_let_others_write();
		if (!err)
			++*done;
		else if (err == ERR_IO || err == ERR_INVALID) /* of a key that LMDB does not take */
			tell_stuck(m, n, p);
		else if (err != ERR_AGAIN && err != ERR_NOTFOUND)
			return err;
	}
	return ERR_OK;
}

static void
tell_hidden(const struct mend *m, enum table table, bool found_again, const struct mend_policy *p)
{
	for (size_t i = 0; i < m->name_count; i++) {
		struct event e;

		if (!m->names[i].is_hidden || m->names[i].table != table)
			continue;
		put_aside_tell(&e, m->names[i].name.name, p->now,
		               found_again ? "was not found, and so not served, beside a damaged "
		                             "key, which is put aside now"
		                           : "is not found, and so not served: pages of the file "
		                             "are damaged; stop certd and run certctl db compact, "
		                             "or restore a backup");
		p->told(p->arg, &e);
	}
}

/* ---- lists and counters --------------------------------------------------------------------- */

typedef enum err fix_one(struct store_txn *txn, const struct mend_fix *fix, struct span key);

static enum err
fix_stray(struct store_txn *txn, const struct mend_fix *fix, struct span key)
{
	struct hostname name;
	enum err err = verify_entry(txn, fix->table, key, &name);

	/* A name's by now; or of one that is damaged, which the next scan wants to see. */
	if (!err || verify_is_damage(err))
		return ERR_OK;
	if (err != ERR_INVALID && err != ERR_NOTFOUND)
		return err;
	return remove_at(txn, fix->table, key);
}

static enum err
fix_missing(struct store_txn *txn, const struct mend_fix *fix, struct span key)
{
	struct index_key keys[INDEXES_MAX];
	struct hostname name;
	struct domain d;
	enum err err = table_name_of_key(key, &name);

	if (!err)
		err = domain_get(txn, &name, &d);
	if (err)
		return err == ERR_NOTFOUND || verify_is_damage(err) ? ERR_OK : err;
	index_keys_of(&d, keys);
	for (int i = 0; i < INDEXES_MAX && !err; i++) {
		struct span entry = table_key(keys[i].data, keys[i].len);

		if (keys[i].len && keys[i].table == fix->table)
			err = table_put_plain(txn, fix->table, entry, table_key("", 0));
	}
	return err;
}

/* A key that no name has may be out of order, so that neighbours are not found: it goes first. */
static enum err
fix_alien(struct store_txn *txn, const struct mend_fix *fix, struct span key)
{
	uint64_t count = 0;
	enum err err = count_get(txn, key, &count);

	if (err && err != ERR_CORRUPT)
		return err;
	if (count && count != (uint64_t)fix->surplus)
		return count_add(txn, key, -fix->surplus);
	return remove_at(txn, TABLE_COUNT, key);
}

static enum err
fix_count(struct store_txn *txn, const struct mend_fix *fix, struct span key)
{
	return count_add(txn, key, -fix->surplus);
}

static enum err
fix_all(struct store *store, const struct mend *m, enum verify_kind kind, bool alien, fix_one *fix,
        uint64_t *done)
{
	struct store_txn *txn = NULL;
	int64_t until = 0;
	enum err err = ERR_OK;

	for (size_t i = 0; i < m->fix_count && !err; i++) {
		const struct mend_fix *f = &m->fixes[i];

		if (f->kind != kind || f->name != MEND_NOBODY ||
		    (kind == VERIFY_COUNT && f->alien != alien))
			continue;
		if (!txn) {
			err = store_begin_write(store, STORE_SERVED, &txn);
			until = clock_mono_ms() + MEND_TXN_MS;
		}
		if (!err)
			err = fix(txn, f, mend_key(m, f->key_at, f->key_len));
		if (err == ERR_IO && txn && !txn->err) {
			err = ERR_OK; /* its page is damaged: a check says so */
			continue;
		}
		if (!err)
			++*done;
		if (!err && clock_mono_ms() >= until) {
			err = store_commit(txn);
			txn = NULL;
			store_let_others_write();
		}
	}
	if (txn && !err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

/* What a name made anew had in the pool and did not get back; or a kill before this left it. With
 * more names to come, theirs may be among it. */
static enum err
sweep(struct store *store, const struct mend *m, const struct mend_policy *p)
{
	struct event e = {.at = p->now, .type = "store.repaired"};
	uint64_t swept = 0;
	enum err err = ERR_OK;

	if (!mend_has_more(m))
		err = mend_sweep_pool(store, m, p->now, &swept);
	if (swept) {
		snprintf(e.detail, sizeof(e.detail),
		         "%llu certificates that no name has were put aside",
		         (unsigned long long)swept);
		p->told(p->arg, &e);
	}
	return err;
}

enum err
mend_apply(struct store *store, const struct mend *m, const struct mend_policy *p,
           uint64_t *ret_names, uint64_t *ret_done)
{
	uint64_t names = 0, entries = 0, counters = 0, keys = 0;
	struct event e = {.at = p->now, .type = "store.repaired"};
	/* What is out of order first: it hides others. */
	enum err err = mend_names(store, m, false, p, &keys);

	*ret_names = 0;
	*ret_done = keys;
	if (!err && m->hidden) {
		tell_hidden(m, TABLE_DOMAIN, keys > 0, p);
		return keys > 0 ? ERR_OK : ERR_CORRUPT;
	}
	if (!err)
		err = fix_all(store, m, VERIFY_STRAY, false, fix_stray, &entries);
	if (!err)
		err = fix_all(store, m, VERIFY_COUNT, true, fix_alien, &counters);
	if (!err)
		err = mend_names(store, m, true, p, &names);
	if (!err)
		err = sweep(store, m, p);
	if (!err)
		err = fix_all(store, m, VERIFY_MISSING, false, fix_missing, &entries);
	if (!err)
		err = fix_all(store, m, VERIFY_COUNT, false, fix_count, &counters);
	if (!err)
		tell_hidden(m, TABLE_CERT, true, p);
	if (!err)
		tell_hidden(m, TABLE_POOL, true, p);
	*ret_names = names;
	*ret_done = keys + names + entries + counters;
	if (!err && names == 0 && entries + counters > 0) {
		snprintf(e.detail, sizeof(e.detail),
		         "%llu entries of lists and %llu counters did not agree with their names "
		         "and were made right",
		         (unsigned long long)entries, (unsigned long long)counters);
		p->told(p->arg, &e);
	}
	return err;
}
