/* SPDX-License-Identifier: Apache-2.0 */
#include "store/quarantine.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "store/cert.h"
#include "store/domain_index.h"
#include "store/event.h"
#include "store/inside.h"
#include "store/table.h"

/* id u64 big-endian -> at i64 | table text16 | name text16 | reason text16 | the record, raw. */
struct id_key {
	uint64_t wire;
};

static struct span
key_of(uint64_t id, struct id_key *key)
{
	key->wire = htobe64(id);
	return table_key(&key->wire, sizeof(key->wire));
}

static enum err
read_entry(const struct walk *walk, struct quarantine *q)
{
	struct cursor in;

	if (walk->key.len != sizeof(q->id))
		return ERR_CORRUPT;
	memcpy(&q->id, walk->key.data, sizeof(q->id));
	q->id = be64toh(q->id);
	cursor_init(&in, walk->value.data, walk->value.len);
	q->at = (int64_t)cursor_u64(&in);
	cursor_text16(&in, q->table, sizeof(q->table));
	if (table_name_of_key(cursor_bytes16(&in), &q->name))
		return ERR_CORRUPT;
	cursor_text16(&in, q->reason, sizeof(q->reason));
	q->size = in.left;
	return in.bad ? ERR_CORRUPT : ERR_OK;
}

enum err
quarantine_count(struct store_txn *txn, uint64_t *ret_count)
{
	return table_size(txn, TABLE_QUARANTINE, ret_count);
}

enum err
quarantine_del(struct store_txn *txn, uint64_t id)
{
	struct id_key key;

	return table_del(txn, TABLE_QUARANTINE, key_of(id, &key));
}

enum err
quarantine_page(struct store_txn *txn, uint64_t after, size_t limit, struct quarantine *entries,
                size_t *ret_count)
{
	struct id_key key;
	struct walk walk;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_QUARANTINE);

	if (!err && after == UINT64_MAX)
		err = ERR_NOTFOUND;
	if (!err)
		err = walk_seek(&walk, key_of(after + 1, &key));
	while (!err && count < limit) {
		if (!read_entry(&walk, &entries[count]))
			count++;
		err = walk_next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_count = count;
	return ERR_OK;
}

/* The next id; the oldest entry goes when there are too many. */
static enum err
next_id(struct store_txn *txn, uint64_t *ret_id)
{
	struct walk walk;
	uint64_t records, wire = 0;
	enum err err = walk_open(&walk, txn, TABLE_QUARANTINE);

	if (!err)
		err = walk_last(&walk);
	if (!err && walk.key.len == sizeof(wire))
		memcpy(&wire, walk.key.data, sizeof(wire));
	if (!err)
		err = quarantine_count(txn, &records);
	if (!err && records >= QUARANTINE_KEEP) {
		err = walk_first(&walk);
		if (!err)
			err = walk_del(&walk);
	}
	walk_close(&walk);
	*ret_id = be64toh(wire) + 1;
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

/* Moves the record of NAME as it is; ERR_NOTFOUND when there is none. */
static enum err
put_aside(struct store_txn *txn, enum table table, const struct hostname *name, const char *reason,
          int64_t now)
{
	struct id_key key;
	struct buf value = {0};
	struct span raw;
	size_t len = strnlen(reason, QUARANTINE_REASON_MAX);
	uint64_t id = 0;
	enum err err = table_get_plain(txn, table, table_key_name(name), &raw);

	if (err)
		return err;
	buf_u64(&value, (uint64_t)now);
	buf_bytes16(&value, table_info[table].word, strlen(table_info[table].word));
	buf_bytes16(&value, name->name, name->len);
	buf_bytes16(&value, reason, len);
	buf_add(&value, raw.data, raw.len);
	err = buf_ok(&value) ? next_id(txn, &id) : ERR_NOMEM;
	if (!err)
		err = table_put_plain(txn, TABLE_QUARANTINE, key_of(id, &key),
		                      table_key(value.data, value.len));
	if (!err)
		err = table_del(txn, table, table_key_name(name));
	buf_done(&value);
	return err;
}

enum err
domain_check(struct store_txn *txn, const struct hostname *name)
{
	struct domain d;
	struct cert cert;
	enum err err = domain_get(txn, name, &d);

	if (err || !d.generation)
		return err;
	cert_init(&cert);
	err = cert_get_for(txn, &d, &cert);
	cert_done(&cert);
	return err;
}

/* Whether an index's KEY is NAME's: it ends with the name, behind SKIP bytes or behind the 0 of a
 * word, and names have none. */
static bool
is_entry_of(enum table table, struct span key, const struct hostname *name)
{
	size_t front = key.len - name->len;

	if (key.len <= name->len || memcmp(key.data + front, name->name, name->len) != 0)
		return false;
	if (table == TABLE_EXPIRY)
		return front == 8;
	if (table == TABLE_DUE) {
		const unsigned char *zero = memchr(key.data, 0, key.len);

		return zero && front == (size_t)(zero - key.data) + 1 + 8;
	}
	return key.data[front - 1] == 0;
}

/* Nobody can say any more where NAME was listed. 50 ns an entry. */
static enum err
search_and_remove(struct store_txn *txn, const struct hostname *name)
{
	static const enum table tables[] = {TABLE_DUE, TABLE_EXPIRY, TABLE_STATE, TABLE_REASON,
	                                    TABLE_LABEL};
	enum err err = ERR_OK;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !err; i++) {
		struct walk walk;

		err = walk_open(&walk, txn, tables[i]);
		if (!err)
			err = walk_first(&walk);
		while (!err) {
			if (is_entry_of(tables[i], walk.key, name))
				err = walk_del(&walk);
			if (!err)
				err = walk_next(&walk);
		}
		walk_close(&walk);
		err = err == ERR_NOTFOUND ? ERR_OK : err;
	}
	return err;
}

static void
tell(struct event *e, const struct hostname *name, int64_t now, const char *reason,
     const char *lost)
{
	*e = (struct event){.at = now, .type = "store.corrupt"};
	snprintf(e->name, sizeof(e->name), "%s", name->name);
	snprintf(e->detail, sizeof(e->detail), "%s: %.200s", lost, reason);
}

/* The domain opens: its certificate goes, and it is issued again. */
static enum err
drop_certificate(struct store_txn *txn, struct domain *d, const char *reason, int64_t now,
                 struct event *ret_event)
{
	enum err err = put_aside(txn, TABLE_CERT, &d->name, reason, now);

	if (err && err != ERR_NOTFOUND)
		return err;
	d->state = DOMAIN_FAILING;
	problem_set(&d->problem, PROBLEM_STORE_CORRUPT, "its certificate was put aside: %.200s",
	            reason);
	d->generation = 0;
	d->not_before = d->not_after = 0;
	/* 0: an order is in work, which will bring the next one. */
	if (d->due_at)
		d->due_at = now;
	tell(ret_event, &d->name, now, reason,
	     "the certificate and its key are lost and put aside, it is issued again");
	return domain_put(txn, d);
}

/* Nothing of the name can be used: what it was served from, by which CA, its labels. */
static enum err
drop_all(struct store_txn *txn, const struct hostname *name, const char *reason, int64_t now,
         struct event *ret_event)
{
	enum err err = put_aside(txn, TABLE_DOMAIN, name, reason, now), cert;

	if (err && err != ERR_NOTFOUND)
		return err;
	cert = put_aside(txn, TABLE_CERT, name, "its domain's record is damaged", now);
	if (err && cert)
		return cert;
	if (cert && cert != ERR_NOTFOUND)
		return cert;
	tell(ret_event, name, now, reason,
	     "the name is lost, with its ca, backend, labels and certificate; all is put aside: "
	     "add it again");
	err = search_and_remove(txn, name);
	return err ? err : domain_recount(txn);
}

enum err
domain_quarantine(struct store_txn *txn, const struct hostname *name, const char *reason,
                  int64_t now, struct event *ret_event)
{
	struct domain d;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = domain_get(txn, name, &d);
	if (!err)
		err = drop_certificate(txn, &d, reason, now, ret_event);
	else if (err == ERR_CORRUPT || err == ERR_VERSION || err == ERR_NOTFOUND)
		err = drop_all(txn, name, reason, now, ret_event);
	return err && err != ERR_NOTFOUND ? txn_fail(txn, err) : err;
}
