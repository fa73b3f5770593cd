/* SPDX-License-Identifier: Apache-2.0 */
#include "store/quarantine.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "store/cert.h"
#include "store/change_log.h"
#include "store/domain.h"
#include "store/event.h"
#include "store/inside.h"
#include "store/put_aside.h"
#include "store/table.h"
#include "store/walk.h"

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
	cursor_text16(&in, q->name, sizeof(q->name));
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

/* What goes, from where and why. */
struct aside {
	enum table table;
	struct span key;
	const struct hostname *of; /* NULL: the key says it */
	bool misplaced;
	const char *reason;
	int64_t now;
};

static enum err
put_entry(struct store_txn *txn, const struct aside *a, const struct buf *record)
{
	const char *word = table_info[a->table].word, *of = a->of ? a->of->name : NULL;
	char text[TABLE_KEY_TEXT_MAX];
	struct id_key id_key;
	struct buf value = {0};
	uint64_t id = 0;
	enum err err;

	if (!of)
		of = table_key_text(a->key, text);
	buf_u64(&value, (uint64_t)a->now);
	buf_bytes16(&value, word, strlen(word));
	buf_bytes16(&value, of, strnlen(of, HOSTNAME_MAX));
	buf_bytes16(&value, a->reason, strnlen(a->reason, QUARANTINE_REASON_MAX));
	buf_add(&value, record->data, record->len);
	err = buf_ok(&value) ? next_id(txn, &id) : ERR_NOMEM;
	if (!err)
		err = table_put_plain(txn, TABLE_QUARANTINE, key_of(id, &id_key),
		                      table_key(value.data, value.len));
	buf_done(&value);
	return err;
}

static enum err
move_aside(struct store_txn *txn, const struct aside *a)
{
	struct buf record = {0};
	struct walk walk;
	enum err err = table_page_check(txn, a->table, a->key);

	if (err)
		return err;
	err = walk_open(&walk, txn, a->table);
	if (!err)
		err = a->misplaced ? walk_find_damaged(&walk, a->key) : walk_find(&walk, a->key);
	if (!err) {
		buf_add(&record, walk.value.data, walk.value.len);
		err = buf_ok(&record) ? ERR_OK : ERR_NOMEM;
	}
	if (!err)
		err = a->misplaced ? walk_drop(&walk) : walk_del(&walk);
	walk_close(&walk);
	if (!err && a->misplaced)
		err = change_lost(txn, table_key(record.data, record.len));
	if (!err)
		err = put_entry(txn, a, &record);
	buf_done(&record);
	return err;
}

enum err
put_aside(struct store_txn *txn, enum table table, struct span key, const char *reason, int64_t now)
{
	return move_aside(
		txn, &(struct aside){.table = table, .key = key, .reason = reason, .now = now});
}

enum err
put_misplaced_aside(struct store_txn *txn, enum table table, struct span key, const char *reason,
                    int64_t now)
{
	return move_aside(txn, &(struct aside){.table = table,
	                                       .key = key,
	                                       .misplaced = true,
	                                       .reason = reason,
	                                       .now = now});
}

void
put_aside_tell(struct event *event, const char *name, int64_t now, const char *format, ...)
{
	va_list ap;

	*event = (struct event){.at = now, .type = "store.corrupt"};
	snprintf(event->name, sizeof(event->name), "%s", name);
	va_start(ap, format);
	vsnprintf(event->detail, sizeof(event->detail), format, ap);
	va_end(ap);
}

enum err
domain_check(struct store_txn *txn, const struct hostname *name)
{
	struct domain d;
	struct cert cert;
	enum err err = domain_get(txn, name, &d);

	if (err == ERR_NOTFOUND)
		return table_has(txn, TABLE_CERT, table_key_name(name)) ? err : ERR_CORRUPT;
	if (err)
		return err;
	cert_init(&cert);
	if (d.generation)
		err = cert_get_for(txn, &d, &cert);
	if (!err && d.second.generation)
		err = cert_get_second(txn, &d, &cert);
	cert_done(&cert);
	return err;
}

static bool
opens(struct store_txn *txn, const struct domain *d,
      enum err (*get)(struct store_txn *txn, const struct domain *d, struct cert *ret_cert))
{
	struct cert cert;
	enum err err;

	cert_init(&cert);
	err = get(txn, d, &cert);
	cert_done(&cert);
	return err == ERR_OK;
}

static enum err
put_pooled_aside(struct store_txn *txn, const struct domain *d, uint64_t generation,
                 const char *reason, int64_t now)
{
	struct id_key key;

	return move_aside(txn, &(struct aside){.table = TABLE_POOL,
	                                       .key = key_of(generation, &key),
	                                       .of = &d->name,
	                                       .reason = reason,
	                                       .now = now});
}

/* The second one: what the first serves goes on. It comes back with the next renewal. */
static enum err
drop_second(struct store_txn *txn, struct domain *d, const char *reason, int64_t now,
            struct event *ret_event)
{
	enum err err = put_pooled_aside(txn, d, d->second.generation, reason, now);

	if (err && err != ERR_NOTFOUND)
		return err;
	d->second = (struct domain_second){0};
	if (d->due_at)
		d->due_at = now;
	put_aside_tell(ret_event, d->name.name, now,
	               "the second certificate, of the other type of key, and its key are lost and "
	               "put aside: %.200s",
	               reason);
	return domain_put(txn, d);
}

/* The domain opens: its certificate goes, and it is issued again. */
static enum err
drop_certificate(struct store_txn *txn, struct domain *d, const char *reason, int64_t now,
                 struct event *ret_event)
{
	enum err err = d->pooled
	                       ? put_pooled_aside(txn, d, d->generation, reason, now)
	                       : put_aside(txn, TABLE_CERT, table_key_name(&d->name), reason, now);

	if (err && err != ERR_NOTFOUND)
		return err;
	d->pooled = false;
	if (d->state != DOMAIN_EXTERNAL)
		d->state = DOMAIN_FAILING;
	problem_set(&d->problem, PROBLEM_STORE_CORRUPT, "its certificate was put aside: %.200s",
	            reason);
	d->generation = 0;
	d->not_before = d->not_after = 0;
	/* 0: an order is in work, which will bring the next one, or none ever is. */
	if (d->due_at)
		d->due_at = now;
	put_aside_tell(ret_event, d->name.name, now,
	               "the certificate and its key are lost and put aside, %s: %.200s",
	               d->state == DOMAIN_EXTERNAL ? "import it again" : "it is issued again",
	               reason);
	return domain_put(txn, d);
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
	if (!err && d.second.generation && (!d.generation || opens(txn, &d, cert_get_for)) &&
	    !opens(txn, &d, cert_get_second))
		err = drop_second(txn, &d, reason, now, ret_event);
	else if (!err)
		err = drop_certificate(txn, &d, reason, now, ret_event);
	else if (err == ERR_CORRUPT || err == ERR_VERSION)
		return err;
	return err && err != ERR_NOTFOUND ? txn_fail(txn, err) : err;
}

enum err
domain_quarantine_second(struct store_txn *txn, const struct hostname *name, const char *reason,
                         int64_t now, struct event *ret_event)
{
	struct domain d;
	enum err err = txn_writable(txn);

	if (!err)
		err = domain_get(txn, name, &d);
	if (!err && !d.second.generation)
		err = ERR_NOTFOUND;
	if (err)
		return err;
	err = drop_second(txn, &d, reason, now, ret_event);
	return err ? txn_fail(txn, err) : ERR_OK;
}
