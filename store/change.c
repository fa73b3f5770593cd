/* SPDX-License-Identifier: Apache-2.0 */
#include "store/change.h"

#include <endian.h>
#include <string.h>

#include "store/cert.h"
#include "store/change_log.h"
#include "store/domain_index.h"
#include "store/inside.h"
#include "store/renewal.h"
#include "store/walk.h"

void
change_init(struct change *change)
{
	memset(change, 0, sizeof(*change));
	change->record.secret = true;
}

void
change_done(struct change *change)
{
	buf_wipe(&change->record);
	change_init(change);
}

/* Both logs, read as one. */
struct logs {
	struct walk walk[2]; /* change, gone */
	bool more[2];
};

static enum err
logs_open(struct logs *l, struct store_txn *txn, uint64_t after)
{
	static const enum table tables[2] = {TABLE_CHANGE, TABLE_GONE};
	uint64_t wire = htobe64(after + 1);
	enum err err = ERR_OK;

	for (int i = 0; i < 2 && !err; i++) {
		err = walk_open(&l->walk[i], txn, tables[i]);
		if (!err)
			err = walk_seek(&l->walk[i], table_key(&wire, sizeof(wire)));
		l->more[i] = !err;
		if (err == ERR_NOTFOUND)
			err = ERR_OK;
	}
	return err;
}

static void
logs_close(struct logs *l)
{
	walk_close(&l->walk[0]);
	walk_close(&l->walk[1]);
}

/* The log whose next entry is the older one; NULL at the end of both. */
static struct walk *
logs_next(struct logs *l)
{
	const struct span *a = &l->walk[0].key, *b = &l->walk[1].key;

	if (!l->more[0] && !l->more[1])
		return NULL;
	if (!l->more[0] || !l->more[1])
		return &l->walk[l->more[0] ? 0 : 1];
	return &l->walk[memcmp(a->data, b->data, a->len < b->len ? a->len : b->len) < 0 ? 0 : 1];
}

static enum err
logs_step(struct logs *l, struct walk *walk)
{
	enum err err = walk_next(walk);

	l->more[walk - l->walk] = !err;
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

/* ERR_CORRUPT: nothing to tell. */
static enum err
read_change(struct store_txn *txn, const struct walk *walk, struct change *c)
{
	struct change_entry e;
	struct cursor in;
	struct span plain;
	enum err err = change_entry_read(walk, &e);

	if (!err && !change_is_current(txn, &e))
		err = ERR_CORRUPT;
	if (err)
		return err;
	c->revision = e.revision;
	c->gone = e.gone;
	c->format = 0;
	strcpy(c->table, table_info[e.table].word);
	c->key_len = e.key.len;
	memcpy(c->key, e.key.data, e.key.len);
	buf_reset(&c->record);
	if (e.gone)
		return ERR_OK;
	err = table_get(txn, e.table, e.key, &in);
	if (err)
		return err;
	c->format = table_format(txn);
	plain = cursor_bytes(&in, in.left);
	buf_add(&c->record, plain.data, plain.len);
	err = table_end(txn, &in);
	return err || buf_ok(&c->record) ? err : ERR_NOMEM;
}

enum err
change_page(struct store_txn *txn, uint64_t after, size_t limit, struct change *changes,
            size_t *ret_count)
{
	struct logs logs = {.more = {false, false}};
	struct walk *walk;
	uint64_t horizon = 0;
	size_t count = 0;
	enum err err = change_horizon(txn, &horizon);

	if (!err && (after == UINT64_MAX || (after && after < horizon)))
		return ERR_NOTFOUND;
	if (!err)
		err = logs_open(&logs, txn, after);
	while (!err && count < limit && (walk = logs_next(&logs))) {
		err = read_change(txn, walk, &changes[count]);
		if (!err)
			count++;
		if (!err || err == ERR_CORRUPT || err == ERR_VERSION)
			err = logs_step(&logs, walk);
	}
	logs_close(&logs);
	if (!err)
		*ret_count = count;
	return err;
}

/* The record as it came into the scratch, for table_put(). */
static void
load(struct store_txn *txn, const struct change *c)
{
	buf_add(table_new(txn), c->record.data, c->record.len);
	txn->head = (struct seal_head){.format = c->format};
}

static enum err
apply_domain(struct store_txn *txn, const struct change *c)
{
	struct hostname name;
	struct domain d;
	struct cursor in;

	if (table_name_of_key(table_key(c->key, c->key_len), &name))
		return ERR_INVALID;
	load(txn, c);
	cursor_init(&in, txn->plain.data, txn->plain.len);
	if (domain_read(txn, &in, &name, &d))
		return ERR_INVALID;
	return domain_put(txn, &d);
}

/* A domain goes without its certificate, which has a change of its own. */
static enum err
apply_gone(struct store_txn *txn, enum table table, const struct change *c)
{
	struct span key = table_key(c->key, c->key_len);
	struct hostname name;
	struct domain old;
	enum err err;

	if (table != TABLE_DOMAIN)
		return table_del(txn, table, key);
	if (table_name_of_key(key, &name))
		return ERR_INVALID;
	err = domain_get(txn, &name, &old);
	if (!err)
		err = table_del(txn, table, key);
	if (!err)
		err = renewal_follow(txn, &old, NULL);
	return err ? err : domain_index(txn, &old, NULL);
}

/* Not the same again: that would be one more change, and so on around a ring of nodes. */
static bool
is_here(struct store_txn *txn, enum table table, const struct change *c)
{
	struct cursor in;
	struct span plain;
	bool same;

	if (table_get(txn, table, table_key(c->key, c->key_len), &in))
		return false;
	plain = cursor_bytes(&in, in.left);
	same = table_format(txn) == c->format && plain.len == c->record.len &&
	       (!plain.len || memcmp(plain.data, c->record.data, plain.len) == 0);
	return table_end(txn, &in) == ERR_OK && same;
}

static enum table
table_of(const struct change *c)
{
	for (int t = 0; t < TABLE_END; t++)
		if (table_info[t].change && strcmp(table_info[t].word, c->table) == 0)
			return (enum table)t;
	return TABLE_END;
}

enum err
change_apply(struct store_txn *txn, const struct change *change)
{
	enum table table = table_of(change);
	enum err err = txn_writable(txn);

	if (err)
		return err;
	if (table == TABLE_END || !change->key_len || change->key_len > CHANGE_KEY_MAX ||
	    (!change->gone && !change->format))
		return txn_fail(txn, ERR_INVALID);
	if (!change->gone && change->format > table_info[table].format)
		return txn_fail(txn, ERR_VERSION);
	if (change->gone) {
		err = apply_gone(txn, table, change);
	} else if (!is_here(txn, table, change)) {
		if (table == TABLE_DOMAIN) {
			err = apply_domain(txn, change);
		} else {
			/* Layouts 1 and 2 of these are the same. */
			load(txn, change);
			err = table_put(txn, table, table_key(change->key, change->key_len));
		}
	}
	if (err == ERR_NOTFOUND)
		return ERR_OK;
	return err ? txn_fail(txn, err) : ERR_OK;
}
