/* SPDX-License-Identifier: Apache-2.0 */
#include "store/check.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/problem.h"
#include "store/cert.h"
#include "store/change_log.h"
#include "store/domain_index.h"
#include "store/inside.h"
#include "store/cert_pool.h"
#include "store/walk.h"

static const char bad_page_text[] =
	"the page that has this record is damaged, so nothing damaged on it is put aside: stop "
	"certd and run certctl db compact, or restore a backup";

enum { END_RECORDS = 64 };

struct check {
	struct store_txn *txn;
	check_on_finding *on_finding;
	void *arg;
	const struct hostname *lost; /* of the finding that is said just now */
	struct check_result result;
};

static void
say(struct check *c, enum table table, struct span key, enum err err, const char *what)
{
	char text[TABLE_KEY_TEXT_MAX];

	if (err)
		c->result.damaged++;
	c->on_finding(c->arg, &(struct check_finding){
				      .err = err,
				      .env = env_word(table_info[table].env),
				      .table = table_info[table].word,
				      .key = table_key_text(key, text),
				      .what = what,
				      .lost = c->lost,
			      });
}

static void
on_bad(void *arg, const struct verify_finding *f)
{
	struct check *c = arg;

	if (f->kind == VERIFY_STRAY && f->record == ERR_NOTFOUND)
		c->lost = f->name;
	say(c, f->table, f->key, f->err, f->what);
	c->lost = NULL;
}

static bool
is_damage(enum err err)
{
	return err == ERR_CORRUPT || err == ERR_VERSION || err == ERR_CRYPTO;
}

/* The certificate under the walk: its domain has it, and its chain is there. */
static void
check_cert(struct check *c, const struct walk *walk)
{
	struct hostname name;
	struct domain d;
	struct cert cert;
	struct buf chain = {0};
	const char *what = "the record of this certificate does not open";
	enum err err = table_name_of_key(walk->key, &name);

	cert_init(&cert);
	if (!err)
		err = cert_get(c->txn, &name, &cert);
	if (!err) {
		err = domain_get(c->txn, &name, &d);
		if (err == ERR_NOTFOUND ||
		    (!err && (d.pooled || d.generation != cert.generation))) {
			what = "certificate and domain do not agree: one of them is from before";
			err = ERR_CORRUPT;
		} else if (err) {
			err = ERR_OK; /* the domain's own finding */
		} else {
			what = "the chain of this certificate is missing or damaged";
			err = cert_chain_get(c->txn, cert.chain_id, &chain);
		}
	}
	if (err)
		say(c, TABLE_CERT, walk->key, err == ERR_NOTFOUND ? ERR_CORRUPT : err, what);
	cert_done(&cert);
	buf_done(&chain);
}

static void
check_pooled(struct check *c, const struct walk *walk)
{
	const char *what = "the record of this certificate does not open";
	uint64_t generation = 0;
	struct cert cert;
	enum err err = walk->key.len == sizeof(generation) ? ERR_OK : ERR_CORRUPT;

	cert_init(&cert);
	if (!err) {
		memcpy(&generation, walk->key.data, sizeof(generation));
		generation = be64toh(generation);
		err = cert_pool_get(c->txn, generation, NULL, &cert);
	}
	if (!err) {
		what = "no name has this certificate";
		err = cert_pool_is_used(c->txn, generation);
	}
	if (err)
		say(c, TABLE_POOL, walk->key, err == ERR_NOTFOUND ? ERR_CORRUPT : err, what);
	cert_done(&cert);
}

static enum err
check_records(struct check *c, enum table table)
{
	struct walk walk;
	bool bad_page = false;
	enum err err = walk_open(&walk, c->txn, table);

	if (!err)
		err = walk_first(&walk);
	for (; !err; err = walk_next(&walk)) {
		struct cursor in;

		c->result.records++;
		if (!bad_page && !walk_page_is_sound(&walk)) {
			say(c, table, walk.key, ERR_CORRUPT, bad_page_text);
			bad_page = true; /* once a table */
		}
		if (table == TABLE_CERT)
			check_cert(c, &walk);
		else if (table == TABLE_POOL)
			check_pooled(c, &walk);
		else if (table_info[table].format != TABLE_PLAIN && table != TABLE_DOMAIN &&
		         (err = walk_read(&walk, &in)))
			say(c, table, walk.key, err, "this record does not open");
	}
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

/* One of the pool. Its key says no name, so each name that has it is told. NULL: it is good. */
static const char *
lacks_pooled(struct check *c, const struct domain *d,
             enum err (*get)(struct store_txn *txn, const struct domain *d, struct cert *ret_cert))
{
	const char *what = NULL;
	struct buf chain = {0};
	struct cert cert;
	enum err err;

	cert_init(&cert);
	err = get(c->txn, d, &cert);
	if (err == ERR_CORRUPT)
		what = "this certificate is missing";
	else if (!err && cert_chain_get(c->txn, cert.chain_id, &chain))
		what = "the chain of this certificate is missing or damaged";
	cert_done(&cert);
	buf_done(&chain);
	return what;
}

static const char *
lacks(struct check *c, const struct domain *d)
{
	const char *what = NULL;

	if (d->generation && d->pooled)
		what = lacks_pooled(c, d, cert_get_for);
	else if (d->generation &&
	         table_has(c->txn, TABLE_CERT, table_key_name(&d->name)) == ERR_NOTFOUND)
		what = "this certificate is missing";
	return what || !d->second.generation ? what : lacks_pooled(c, d, cert_get_second);
}

/* Domains that should have a certificate and have none, or no chain behind it: check_cert() does
 * not see them. */
static enum err
check_served_from(struct check *c)
{
	const char *what;
	struct walk walk;
	struct hostname name;
	struct domain d;
	enum err err = walk_open(&walk, c->txn, TABLE_DOMAIN);

	if (!err)
		err = walk_first(&walk);
	for (; !err; err = walk_next(&walk))
		if (table_name_of_key(walk.key, &name) == ERR_OK &&
		    domain_get(c->txn, &name, &d) == ERR_OK && (what = lacks(c, &d)))
			say(c, TABLE_CERT, walk.key, ERR_CORRUPT, what);
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

/* The record may be an old one, or the log is wrong: nobody can say, so nothing is repaired. */
static void
say_not_newest(struct check *c, const struct change_entry *e)
{
	char key[TABLE_KEY_MAX + 32];
	int front = sprintf(key, "%s/", table_info[e->table].word);

	memcpy(key + front, e->key.data, e->key.len);
	say(c, TABLE_CHANGE, table_key(key, (size_t)front + e->key.len), ERR_CORRUPT,
	    "this record is not the newest that the log of changes knows");
}

/* Each entry is of a record that is there, or of none; then equal numbers mean that all have one.
 */
static enum err
check_log(struct check *c, enum table log, uint64_t *ret_entries)
{
	struct change_entry e;
	struct walk walk;
	uint64_t entries = 0;
	enum err err = walk_open(&walk, c->txn, log);

	if (!err)
		err = walk_first(&walk);
	for (; !err; err = walk_next(&walk)) {
		err = change_entry_read(&walk, &e);
		if (!err && e.revision == 0)
			continue;
		entries++;
		if (err)
			say(c, log, walk.key, err, "this entry cannot be read");
		else if (!change_is_current(c->txn, &e))
			say_not_newest(c, &e);
	}
	walk_close(&walk);
	*ret_entries = entries;
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
check_changes(struct check *c)
{
	uint64_t entries = 0, gone = 0, gone_keys = 0, records = 0, one;
	enum err err = check_log(c, TABLE_CHANGE, &entries);

	if (!err)
		err = check_log(c, TABLE_GONE, &gone);
	for (int t = 0; t < TABLE_END && !err; t++) {
		if (!table_info[t].change)
			continue;
		err = table_size(c->txn, (enum table)t, &one);
		records += err ? 0 : one;
	}
	if (!err)
		err = table_size(c->txn, TABLE_GONE_KEY, &gone_keys);
	if (!err && (entries != records || gone != gone_keys))
		say(c, entries != records ? TABLE_CHANGE : TABLE_GONE_KEY, table_key("", 0),
		    ERR_CORRUPT, "the log of changes has not as many entries as there are records");
	return err;
}

/* A transaction that has met such a page answers nothing but errors from then on. */
static enum err
go_on_behind(struct check *c, struct store *store, enum table table, enum err err)
{
	say(c, table, table_key("", 0), err, "pages of this table are damaged: restore a backup");
	store_abort(c->txn);
	c->txn = NULL;
	return store_begin_read(store, table_info[table].env, &c->txn);
}

static enum err
check_env(struct check *c, struct store *store, enum store_env env)
{
	struct verify verify = {.on_bad = on_bad, .arg = c};
	enum err err = store_begin_read(store, env, &c->txn);

	for (int t = 0; t < TABLE_END && !err; t++) {
		enum err one;

		if (table_info[t].env != env)
			continue;
		say(c, (enum table)t, table_key("", 0), ERR_OK, "begun");
		one = check_records(c, (enum table)t);
		if (!one && t == TABLE_DOMAIN)
			one = domain_verify_each(c->txn, &verify, &c->result.names);
		if (!one && t == TABLE_CERT)
			one = check_served_from(c);
		if (!one && t == TABLE_CHANGE)
			one = check_changes(c);
		if (is_damage(one) || one == ERR_IO) /* LMDB's word for some of it */
			err = go_on_behind(c, store, (enum table)t, one);
		else
			err = one;
	}
	store_abort(c->txn);
	c->txn = NULL;
	return err;
}

/* From one end of TABLE. */
static enum err
look_from(struct store_txn *txn, enum table table, bool last)
{
	struct walk walk;
	enum err err = walk_open(&walk, txn, table);

	if (!err)
		err = last ? walk_last(&walk) : walk_first(&walk);
	for (int i = 1; i < END_RECORDS && !err; i++)
		err = last ? walk_prev(&walk) : walk_next(&walk);
	walk_close(&walk);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
store_check_ends(struct store *store)
{
	static const enum table tables[] = {TABLE_DOMAIN, TABLE_POOL, TABLE_CERT, TABLE_CHAIN};
	struct store_txn *txn;
	enum err err = store_begin_read(store, STORE_SERVED, &txn);

	if (err)
		return err;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !err; i++) {
		err = look_from(txn, tables[i], false);
		if (!err)
			err = look_from(txn, tables[i], true);
	}
	store_abort(txn);
	return err == ERR_IO ? ERR_CORRUPT : err;
}

enum err
store_check(const char *dir, const struct secret *master, check_on_finding *on_finding, void *arg,
            struct check_result *ret_result, struct problem *ret_why)
{
	struct check c = {.on_finding = on_finding, .arg = arg};
	struct store *store = NULL;
	enum err err = store_open(dir, STORE_READER, master, &store, ret_why);

	if (err)
		return err;
	for (int e = 0; e < STORE_ENVS && !err; e++)
		err = check_env(&c, store, (enum store_env)e);
	store_close(store);
	if (err)
		problem_set(ret_why, PROBLEM_INTERNAL, "%s cannot be read to its end: %s", dir,
		            err_text(err));
	else
		*ret_result = c.result;
	return err;
}
