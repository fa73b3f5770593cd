/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/cert.h"
#include "store/inside.h"
#include "store/mend_inside.h"

static size_t
keep_key(struct mend *m, struct span key)
{
	size_t at = m->keys.len;

	buf_add(&m->keys, key.data, key.len);
	return at;
}

static void
add_fix(struct mend *m, const struct verify_finding *f, int name)
{
	if (m->fix_count >= MEND_FIXES_MAX && f->kind != VERIFY_COUNT) {
		m->more = true;
		return;
	}
	if (m->fix_count == m->fix_cap) {
		size_t cap = m->fix_cap ? 2 * m->fix_cap : 64;
		struct mend_fix *more = reallocarray(m->fixes, cap, sizeof(*more));

		if (!more) {
			m->no_memory = true;
			return;
		}
		m->fixes = more;
		m->fix_cap = cap;
	}
	m->fixes[m->fix_count++] = (struct mend_fix){
		.kind = f->kind,
		.table = f->table,
		.key_at = keep_key(m, f->key),
		.key_len = f->key.len,
		.name = name,
		.surplus = f->surplus,
		.alien = f->record == ERR_NOTFOUND,
	};
}

struct mend_name *
mend_add_name(struct mend *m, enum table table, struct span key, const struct hostname *name,
              bool has_record)
{
	struct mend_name *n = &m->names[m->name_count];

	if (m->name_count == MEND_NAMES_MAX) {
		m->more = true;
		return NULL;
	}
	m->name_count++;
	*n = (struct mend_name){
		.table = table,
		.has_record = has_record,
		.key_at = keep_key(m, key),
		.key_len = key.len,
	};
	if (name)
		n->name = *name;
	return n;
}

static struct mend_name *
find_name(struct mend *m, const struct hostname *name)
{
	for (size_t i = 0; i < m->name_count; i++)
		if (hostname_equal(&m->names[i].name, name))
			return &m->names[i];
	return NULL;
}

/* What a list's entry tells of its name. */
static void
learn(struct mend_name *n, enum table table, struct span key)
{
	size_t len = strnlen((const char *)key.data, key.len), old = strlen(n->labels);

	n->lists |= 1u << table;
	if (table == TABLE_DUE && len <= NAME_WORD_MAX)
		snprintf(n->ca, sizeof(n->ca), "%.*s", (int)len, (const char *)key.data);
	if (table == TABLE_STATE &&
	    strncmp((const char *)key.data, domain_state_word(DOMAIN_EXTERNAL), len + 1) == 0)
		n->external = true;
	if (table == TABLE_LABEL)
		snprintf(n->labels + old, sizeof(n->labels) - old, " %.*s", (int)len,
		         (const char *)key.data);
}

/* The entry is of a name whose record opens and says otherwise, of none at all, of a damaged one,
 * or of one that is not there. The last two are kept together with their name. */
static void
take_stray(struct mend *m, const struct verify_finding *f)
{
	bool lost = f->record == ERR_NOTFOUND;
	struct mend_name *n;

	if (!lost && !verify_is_damage(f->record)) {
		if (f->record == ERR_INVALID)
			add_fix(m, f, MEND_NOBODY);
		return;
	}
	n = find_name(m, f->name);
	if (!n && lost)
		n = mend_add_name(m, TABLE_DOMAIN, table_key_name(f->name), f->name, false);
	if (!n)
		return; /* the next scan's: what it tells must stay with its name */
	learn(n, f->table, f->key);
	add_fix(m, f, (int)(n - m->names));
}

/* Whichever a search finds: what does not open is put aside, and then it is looked again. */
static void
take_double(struct mend *m, const struct verify_finding *f)
{
	struct mend_name *n = mend_add_name(m, TABLE_DOMAIN, f->key, NULL, true);

	if (n)
		n->is_double = true;
	m->hidden = true;
}

static void
take_hidden(struct mend *m, const struct verify_finding *f)
{
	struct mend_name *n = mend_add_name(m, TABLE_DOMAIN, f->key, f->name, true);

	if (n)
		n->is_hidden = true;
	m->hidden = true;
}

static void
take(void *arg, const struct verify_finding *f)
{
	struct mend *m = arg;

	switch (f->kind) {
	case VERIFY_RECORD:
		(void)mend_add_name(m, TABLE_DOMAIN, f->key, f->name, true);
		break;
	case VERIFY_DOUBLE:
		take_double(m, f);
		break;
	case VERIFY_HIDDEN:
		take_hidden(m, f);
		break;
	case VERIFY_STRAY:
		take_stray(m, f);
		break;
	default:
		add_fix(m, f, MEND_NOBODY);
	}
}

static bool
may_go_on(const struct mend *m)
{
	return !m->no_memory && (!m->go_on || m->go_on(m->arg));
}

static bool
go_on(void *arg)
{
	return may_go_on(arg);
}

/* One flipped bit may make a name out of another one, in a record's key or in an entry. So a record
 * needs a witness, a list or a certificate under the same name; and what has no record needs a
 * certificate that opens, for its name is sealed with it, or two lists. One of the pool does, too.
 */
static void
judge(struct mend *m, struct store_txn *txn, struct mend_name *n)
{
	struct span key = mend_key(m, n->key_at, n->key_len);
	struct cert cert;
	struct domain d;
	bool is_pooled;
	enum err err;

	if (n->is_hidden)
		return;
	/* A search finds a key that was not flipped, and no sound record in its place. */
	if (n->has_record &&
	    (!n->name.len || n->is_double || table_has(txn, TABLE_DOMAIN, key) == ERR_NOTFOUND ||
	     domain_get(txn, &n->name, &d) == ERR_OK))
		return;
	cert_init(&cert);
	err = cert_get(txn, &n->name, &cert);
	cert_done(&cert);
	/* What seems to have no record may have one that is hidden. But a record that nothing else
	 * knows of, with a key out of order that a search meets by chance, is what hides others. */
	n->is_later = m->hidden && (!n->has_record || n->lists || err != ERR_NOTFOUND);
	is_pooled = n->pooled[0] || n->pooled[1];
	if (n->has_record)
		n->is_ours = n->lists || err != ERR_NOTFOUND || is_pooled;
	else
		n->is_ours = !err || (n->lists & (n->lists - 1)) || (n->lists && is_pooled);
}

bool
mend_is_misplaced(struct mend *m, struct walk *walk, const struct hostname *name)
{
	struct mend_name *n;
	struct cursor in;

	if (table_has(walk->txn, walk->table, walk->key) != ERR_NOTFOUND)
		return false;
	if (walk_read(walk, &in) != ERR_OK)
		return true;
	n = mend_add_name(m, walk->table, walk->key, name, true);
	if (n)
		n->is_hidden = true;
	return false;
}

/* Certificates that are misplaced, or that no domain has and none is made anew for. */
static enum err
find_nobodys(struct mend *m, struct store_txn *txn)
{
	struct walk_last last = {0};
	struct hostname name;
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_CERT);

	if (!err)
		err = walk_first(&walk);
	for (; !err; err = err ? err : walk_next(&walk)) {
		const struct mend_name *n;

		if (!go_on(m)) {
			err = ERR_AGAIN;
			continue;
		}
		if (table_name_of_key(walk.key, &name)) {
			(void)mend_add_name(m, TABLE_CERT, walk.key, NULL, true);
			continue;
		}
		if (!walk_is_double(&walk, &last) && !mend_is_misplaced(m, &walk, &name) &&
		    !table_has(txn, TABLE_DOMAIN, walk.key))
			continue;
		n = find_name(m, &name);
		if (!n || !n->is_ours)
			(void)mend_add_name(m, TABLE_CERT, walk.key, NULL, true);
	}
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
scan(struct mend *m, struct store_txn *txn)
{
	struct verify verify = {.on_bad = take, .go_on = go_on, .arg = m};
	uint64_t names;
	enum err err = domain_verify_each(txn, &verify, &names);

	if (m->no_memory || !buf_ok(&m->keys))
		return ERR_NOMEM;
	if (!err && !m->hidden)
		err = mend_look_at_pool(m, txn, may_go_on);
	for (size_t i = 0; i < m->name_count && !err; i++)
		judge(m, txn, &m->names[i]);
	if (!err && !m->hidden)
		err = find_nobodys(m, txn);
	/* Entries of what is no name of ours and has no record are just wrong. */
	for (size_t i = 0; i < m->fix_count && !err; i++)
		if (m->fixes[i].name != MEND_NOBODY && !m->names[m->fixes[i].name].is_ours)
			m->fixes[i].name = MEND_NOBODY;
	return err;
}

enum err
mend_scan(struct store *store, bool (*go_on_)(void *arg), void *arg, struct mend **ret_mend)
{
	struct mend *m = calloc(1, sizeof(*m));
	struct store_txn *txn;
	enum err err;

	if (!m)
		return ERR_NOMEM;
	m->go_on = go_on_;
	m->arg = arg;
	m->names = calloc(MEND_NAMES_MAX, sizeof(*m->names));
	m->suspects = calloc(MEND_SUSPECTS_MAX, sizeof(*m->suspects));
	err = m->names && m->suspects ? store_begin_read(store, STORE_SERVED, &txn) : ERR_NOMEM;
	if (!err) {
		err = scan(m, txn);
		store_abort(txn);
	}
	if (err)
		mend_free(m);
	else
		*ret_mend = m;
	return err;
}

void
mend_free(struct mend *m)
{
	if (!m)
		return;
	buf_done(&m->keys);
	free(m->names);
	free(m->fixes);
	free(m->suspects);
	free(m);
}

bool
mend_has_more(const struct mend *m)
{
	return m->more || m->hidden;
}
