/* SPDX-License-Identifier: Apache-2.0 */
#include "store/renewal.h"

#include <endian.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/siphash.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

enum { TAIL = 1 + sizeof(uint64_t), KEY_MAX = NAME_WORD_MAX + 1 + 8 + HOSTNAME_MAX + TAIL };

struct key {
	size_t len;
	unsigned char data[KEY_MAX];
};

static void
append(struct key *key, const void *data, size_t len)
{
	memcpy(key->data + key->len, data, len);
	key->len += len;
}

static void
append_time(struct key *key, int64_t at)
{
	uint64_t wire = htobe64((uint64_t)at);

	append(key, &wire, sizeof(wire));
}

static void
append_certificate(struct key *key, const struct hostname *name, uint64_t generation)
{
	uint64_t wire = htobe64(generation);

	append(key, name->name, name->len);
	append(key, "", 1);
	append(key, &wire, sizeof(wire));
}

static struct span
record_key(struct key *key, const struct hostname *name, uint64_t generation)
{
	key->len = 0;
	append_certificate(key, name, generation);
	return table_key(key->data, key->len);
}

/* Its first part: the entries of CA from AT on. */
static struct span
due_key(struct key *key, const char *ca, int64_t at)
{
	key->len = 0;
	append(key, ca, strlen(ca) + 1);
	append_time(key, at);
	return table_key(key->data, key->len);
}

static struct span
entry_key(struct key *key, const struct renewal *r)
{
	(void)due_key(key, r->ca, r->due_at);
	append_certificate(key, &r->name, r->generation);
	return table_key(key->data, key->len);
}

/* The table is plain: a flipped bit must not become another time. */
static uint64_t
sum_of(const void *data, size_t len)
{
	static const unsigned char key[SIPHASH_KEY_LEN] = "certd renewal";

	return siphash(key, data, len);
}

/* See docs/store.md. */
static void
encode(const struct renewal *r, struct buf *out)
{
	buf_bytes16(out, r->ca, strlen(r->ca));
	buf_u64(out, (uint64_t)r->stored_at);
	buf_u64(out, (uint64_t)r->due_at);
	buf_u32(out, r->failures);
	buf_u8(out, r->early);
	buf_u64(out, (uint64_t)r->window_start);
	buf_u64(out, (uint64_t)r->window_end);
	buf_u64(out, (uint64_t)r->renew_at);
	buf_bytes16(out, r->id, strlen(r->id));
	buf_bytes16(out, r->account, strlen(r->account));
	buf_bytes16(out, r->explanation, strlen(r->explanation));
	buf_u64(out, sum_of(out->data, out->len));
}

static void
decode(struct cursor *in, struct renewal *r)
{
	cursor_text16(in, r->ca, sizeof(r->ca));
	r->stored_at = (int64_t)cursor_u64(in);
	r->due_at = (int64_t)cursor_u64(in);
	r->failures = cursor_u32(in);
	r->early = cursor_u8(in);
	r->window_start = (int64_t)cursor_u64(in);
	r->window_end = (int64_t)cursor_u64(in);
	r->renew_at = (int64_t)cursor_u64(in);
	cursor_text16(in, r->id, sizeof(r->id));
	cursor_text16(in, r->account, sizeof(r->account));
	cursor_text16(in, r->explanation, sizeof(r->explanation));
	in->bad = in->bad || r->due_at < 0;
}

enum err
renewal_get(struct store_txn *txn, const struct hostname *name, uint64_t generation,
            struct renewal *ret_renewal)
{
	struct renewal r = {.name = *name, .generation = generation};
	struct cursor in;
	struct span value;
	struct key key;
	enum err err =
		table_get_plain(txn, TABLE_RENEWAL, record_key(&key, name, generation), &value);

	if (err)
		return err;
	cursor_init(&in, value.data, value.len);
	decode(&in, &r);
	if (in.bad || in.left != sizeof(uint64_t) ||
	    cursor_u64(&in) != sum_of(value.data, value.len - sizeof(uint64_t)))
		return ERR_CORRUPT;
	*ret_renewal = r;
	return ERR_OK;
}

/* A record that does not open leaves its entry: renewal_forget() removes it when it comes up. */
static enum err
remove_entry(struct store_txn *txn, const struct hostname *name, uint64_t generation)
{
	struct renewal old;
	struct key key;
	enum err err = renewal_get(txn, name, generation, &old);

	if (err)
		return err == ERR_NOTFOUND || err == ERR_CORRUPT ? ERR_OK : err;
	err = table_del(txn, TABLE_RENEWAL_DUE, entry_key(&key, &old));
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
write(struct store_txn *txn, const struct renewal *r)
{
	struct buf record = {0};
	struct key key;
	enum err err = ERR_OK;

	encode(r, &record);
	if (!buf_ok(&record))
		err = txn_fail(txn, ERR_NOMEM);
	if (!err)
		err = table_put_plain(txn, TABLE_RENEWAL, record_key(&key, &r->name, r->generation),
		                      table_key(record.data, record.len));
	if (!err)
		err = table_put_plain(txn, TABLE_RENEWAL_DUE, entry_key(&key, r), table_key("", 0));
	buf_done(&record);
	return err;
}

enum err
renewal_put(struct store_txn *txn, const struct renewal *r)
{
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = r->due_at < 0 || !r->generation ? ERR_INVALID : table_check_name(&r->name);
	if (!err)
		err = remove_entry(txn, &r->name, r->generation);
	return err ? txn_fail(txn, err) : write(txn, r);
}

enum err
renewal_del(struct store_txn *txn, const struct hostname *name, uint64_t generation)
{
	struct key key;
	enum err err = txn_writable(txn);

	if (!err)
		err = remove_entry(txn, name, generation);
	if (!err)
		err = table_del(txn, TABLE_RENEWAL, record_key(&key, name, generation));
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

/* ---- with the domain ------------------------------------------------------------------------ */

enum { CERTIFICATES = 2 };

static void
certificates_of(const struct domain *d, uint64_t generations[CERTIFICATES])
{
	bool own = d && !d->lead.len;

	generations[0] = own ? d->generation : 0;
	generations[1] = own ? d->second.generation : 0;
}

static bool
has(const uint64_t generations[CERTIFICATES], uint64_t generation)
{
	return generations[0] == generation || generations[1] == generation;
}

int64_t
renewal_first_at(const struct domain *d, uint64_t generation, int64_t now)
{
	int64_t begins = d->generation == generation ? d->not_before : d->second.not_before;

	return begins > 0 && begins < now ? begins : now;
}

static enum err
make(struct store_txn *txn, const struct domain *d, uint64_t generation)
{
	struct renewal r = {.name = d->name, .generation = generation};
	struct key key;

	if (table_has(txn, TABLE_RENEWAL, record_key(&key, &d->name, generation)) == ERR_OK)
		return ERR_OK; /* the domain was made anew */
	memcpy(r.ca, d->ca, sizeof(r.ca));
	r.stored_at = clock_wall();
	r.due_at = renewal_first_at(d, generation, r.stored_at);
	return renewal_put(txn, &r);
}

/* What was not issued here is asked for where the name is. */
static enum err
move(struct store_txn *txn, const struct domain *d, uint64_t generation)
{
	struct renewal r;
	enum err err = renewal_get(txn, &d->name, generation, &r);

	if (err)
		return err == ERR_NOTFOUND || err == ERR_CORRUPT ? ERR_OK : err;
	if (r.account[0] || strcmp(r.ca, d->ca) == 0)
		return ERR_OK;
	memcpy(r.ca, d->ca, sizeof(r.ca));
	r.due_at = clock_wall();
	return renewal_put(txn, &r);
}

enum err
renewal_follow(struct store_txn *txn, const struct domain *before, const struct domain *after)
{
	uint64_t was[CERTIFICATES], is[CERTIFICATES];
	bool moves = before && after && strcmp(before->ca, after->ca) != 0;
	enum err err = ERR_OK;

	certificates_of(before, was);
	certificates_of(after, is);
	for (int i = 0; i < CERTIFICATES && !err; i++) {
		if (was[i] && !has(is, was[i]))
			err = renewal_del(txn, &before->name, was[i]);
		if (!err && is[i] && !has(was, is[i]))
			err = make(txn, after, is[i]);
		else if (!err && is[i] && moves)
			err = move(txn, after, is[i]);
	}
	return err;
}

/* ---- who is due ----------------------------------------------------------------------------- */

/* ERR_NOTFOUND: the entry is another CA's. */
static enum err
read_entry(struct span key, const char *ca, struct renewal_row *row)
{
	size_t front = strlen(ca) + 1;
	uint64_t wire;

	if (key.len < front || memcmp(key.data, ca, front) != 0)
		return ERR_NOTFOUND;
	if (key.len <= front + sizeof(wire) + TAIL)
		return ERR_CORRUPT;
	memcpy(&wire, key.data + front, sizeof(wire));
	row->due_at = (int64_t)be64toh(wire);
	memcpy(&wire, key.data + key.len - sizeof(wire), sizeof(wire));
	row->generation = be64toh(wire);
	front += sizeof(wire);
	return table_name_of_key(table_key(key.data + front, key.len - front - TAIL), &row->name);
}

/* From FROM on, up to UNTIL, behind the *COUNT that are there. */
static enum err
page(struct walk *walk, const char *ca, const int64_t span[2], size_t limit,
     struct renewal_row *rows, size_t *count)
{
	struct key key;
	enum err err = walk_seek(walk, due_key(&key, ca, span[0]));

	while (!err && *count < limit) {
		err = read_entry(walk->key, ca, &rows[*count]);
		if (!err && rows[*count].due_at > span[1])
			break;
		if (!err)
			++*count;
		if (!err || err == ERR_CORRUPT)
			err = walk_next(walk);
	}
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
renewal_due(struct store_txn *txn, const char *ca, int64_t now, size_t limit,
            struct renewal_row *rows, size_t *ret_count)
{
	const int64_t due[2] = {0, now}, wrong[2] = {now + RENEWAL_AHEAD_MAX_S, INT64_MAX};
	struct walk walk;
	size_t count = 0;
	enum err err =
		strlen(ca) > NAME_WORD_MAX ? ERR_INVALID : walk_open(&walk, txn, TABLE_RENEWAL_DUE);

	if (err)
		return err;
	err = page(&walk, ca, due, limit, rows, &count);
	if (!err)
		err = page(&walk, ca, wrong, limit, rows, &count);
	walk_close(&walk);
	if (!err)
		*ret_count = count;
	return err;
}

enum err
renewal_forget(struct store_txn *txn, const char *ca, const struct renewal_row *row)
{
	struct key key;
	enum err err;

	(void)due_key(&key, ca, row->due_at);
	append_certificate(&key, &row->name, row->generation);
	err = table_del(txn, TABLE_RENEWAL_DUE, table_key(key.data, key.len));
	return err == ERR_NOTFOUND ? ERR_OK : err;
}
