/* SPDX-License-Identifier: Apache-2.0 */
#include "store/domain.h"

#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "store/cert.h"
#include "store/domain_index.h"
#include "store/inside.h"
#include "store/ocsp.h"
#include "store/label.h"
#include "store/cert_pool.h"
#include "store/renewal.h"
#include "store/table.h"
#include "store/tombstone.h"
#include "store/walk.h"
#include "store/upgrade.h"

static const char *const state_words[DOMAIN_STATE_END] = {
	[DOMAIN_PENDING] = "pending",   [DOMAIN_VALID] = "valid",   [DOMAIN_FAILING] = "failing",
	[DOMAIN_EXTERNAL] = "external", [DOMAIN_PAUSED] = "paused", [DOMAIN_MOVED] = "moved",
};

static bool
state_is_known(enum domain_state state)
{
	return state >= DOMAIN_PENDING && state < DOMAIN_STATE_END;
}

const char *
domain_state_word(enum domain_state state)
{
	return state_is_known(state) ? state_words[state] : "unknown";
}

enum domain_state
domain_unpaused(const struct domain *d)
{
	if (d->state != DOMAIN_PAUSED)
		return d->state;
	if (d->failures)
		return DOMAIN_FAILING;
	return d->generation ? DOMAIN_VALID : DOMAIN_PENDING;
}

bool
domain_is_held(const struct domain *d)
{
	return d->state == DOMAIN_PAUSED || d->state == DOMAIN_MOVED;
}

bool
domain_is_put_off(const struct domain *d)
{
	return d->used_at && d->generation && !d->failures && d->due_at == d->not_after;
}

/* Who is never ordered for is in no queue. */
static bool
is_external_right(const struct domain *d)
{
	return d->state != DOMAIN_EXTERNAL ||
	       (!d->ca[0] && !d->cas[0] && !d->lead.len && !d->due_at);
}

void
domain_make_external(struct domain *d)
{
	d->state = DOMAIN_EXTERNAL;
	d->ca[0] = d->cas[0] = '\0';
	d->due_at = 0;
	d->failures = 0;
	d->problem = (struct problem){0};
}

enum { HAS_POOLED = 1, HAS_SECOND = 2, HAS_CAS = 4, HAS_LEAD = 8, HAS_USE = 32 };
enum { HAS_ALL = HAS_POOLED | HAS_SECOND | HAS_CAS | HAS_LEAD | HAS_USE };

static uint8_t
what_it_has(const struct domain *d)
{
	return (d->pooled ? HAS_POOLED : 0) | (d->second.generation ? HAS_SECOND : 0) |
	       (*d->cas ? HAS_CAS : 0) | (d->lead.len ? HAS_LEAD : 0) | (d->used_at ? HAS_USE : 0);
}

/* Format 4, see docs/store.md. */
static void
encode(const struct domain *d, struct buf *out)
{
	buf_u8(out, (uint8_t)d->state);
	buf_u64(out, (uint64_t)d->created_at);
	buf_u64(out, (uint64_t)d->due_at);
	buf_u64(out, (uint64_t)d->attempted_at);
	buf_u32(out, d->failures);
	buf_u64(out, d->generation);
	buf_u64(out, (uint64_t)d->not_before);
	buf_u64(out, (uint64_t)d->not_after);
	buf_bytes16(out, d->ca, strlen(d->ca));
	buf_bytes16(out, d->backend, strlen(d->backend));
	problem_encode(&d->problem, out);
	buf_bytes16(out, d->labels, strlen(d->labels));
	buf_u8(out, what_it_has(d));
	if (d->second.generation) {
		buf_u64(out, d->second.generation);
		buf_u64(out, (uint64_t)d->second.not_before);
		buf_u64(out, (uint64_t)d->second.not_after);
	}
	if (*d->cas)
		buf_bytes16(out, d->cas, strlen(d->cas));
	if (d->lead.len)
		buf_bytes16(out, d->lead.name, d->lead.len);
	if (d->used_at)
		buf_u64(out, (uint64_t)d->used_at);
}

static void
decode_lead(struct cursor *in, struct hostname *ret_lead)
{
	char text[HOSTNAME_MAX + 1];

	cursor_text16(in, text, sizeof(text));
	if (!in->bad && hostname_parse_any(text, ret_lead, NULL))
		in->bad = true;
}

static void
decode_rest(struct cursor *in, unsigned char format, struct domain *d)
{
	uint8_t has = format > 2 ? cursor_u8(in) : 0;

	d->pooled = has & HAS_POOLED;
	d->second = (struct domain_second){0};
	if (has & HAS_SECOND) {
		d->second.generation = cursor_u64(in);
		d->second.not_before = (int64_t)cursor_u64(in);
		d->second.not_after = (int64_t)cursor_u64(in);
	}
	d->cas[0] = '\0';
	if (has & HAS_CAS)
		cursor_text16(in, d->cas, sizeof(d->cas));
	d->lead.len = 0;
	if (has & HAS_LEAD)
		decode_lead(in, &d->lead);
	d->used_at = has & HAS_USE ? (int64_t)cursor_u64(in) : 0;
	if (has & ~HAS_ALL || (d->pooled && !d->generation) || (has & HAS_USE && d->used_at <= 0))
		in->bad = true;
}

/* Format 1 ends before the labels, format 2 behind them; format 3 knows no CAS and no lead. */
static void
decode(struct cursor *in, unsigned char format, struct domain *d)
{
	d->state = cursor_u8(in);
	d->created_at = (int64_t)cursor_u64(in);
	d->due_at = (int64_t)cursor_u64(in);
	d->attempted_at = (int64_t)cursor_u64(in);
	d->failures = cursor_u32(in);
	d->generation = cursor_u64(in);
	d->not_before = (int64_t)cursor_u64(in);
	d->not_after = (int64_t)cursor_u64(in);
	cursor_text16(in, d->ca, sizeof(d->ca));
	cursor_text16(in, d->backend, sizeof(d->backend));
	problem_decode(in, &d->problem);
	d->labels[0] = '\0';
	if (format > 1)
		cursor_text16(in, d->labels, sizeof(d->labels));
	decode_rest(in, format, d);
	if (!state_is_known(d->state) || d->due_at < 0 || !is_external_right(d))
		in->bad = true;
}

static enum err
check(const struct domain *d)
{
	if (!state_is_known(d->state) || d->due_at < 0 || d->used_at < 0 ||
	    (d->pooled && !d->generation) || !is_external_right(d) ||
	    !memchr(d->ca, 0, sizeof(d->ca)) || !memchr(d->cas, 0, sizeof(d->cas)) ||
	    !memchr(d->backend, 0, sizeof(d->backend)) ||
	    (unsigned)d->problem.kind >= PROBLEM_COUNT ||
	    !memchr(d->labels, 0, sizeof(d->labels)) || !label_text_is_good(d->labels))
		return ERR_INVALID;
	return table_check_name(&d->name);
}

enum err
domain_read(struct store_txn *txn, struct cursor *in, const struct hostname *name,
            struct domain *ret_domain)
{
	decode(in, table_format(txn), ret_domain);
	ret_domain->name = *name;
	return table_end(txn, in);
}

/* Lookups are frequent and labels rare: only as much of them as there is. */
static void
copy(const struct domain *from, struct domain *to)
{
	memcpy(to, from, offsetof(struct domain, labels) + strlen(from->labels) + 1);
}

enum err
domain_get(struct store_txn *txn, const struct hostname *name, struct domain *ret_domain)
{
	struct cursor in;
	struct domain d;
	enum err err = table_get(txn, TABLE_DOMAIN, table_key_name(name), &in);

	if (!err)
		err = domain_read(txn, &in, name, &d);
	if (!err)
		copy(&d, ret_domain);
	return err;
}

void
domain_take_cert(struct domain *d, const struct cert *cert, bool pooled)
{
	d->generation = cert->generation;
	d->not_before = cert->not_before;
	d->not_after = cert->not_after;
	d->pooled = pooled;
}

static bool
has_pooled(const struct domain *d, uint64_t generation)
{
	return (d->pooled && d->generation == generation) || d->second.generation == generation;
}

/* What BEFORE had and AFTER, which is written already, has not. */
static enum err
release_certificates(struct store_txn *txn, const struct domain *before, const struct domain *after)
{
	uint64_t first = before->pooled ? before->generation : 0;
	uint64_t second = before->second.generation;
	enum err err = ERR_OK;

	if (!before->pooled && before->generation && (after->pooled || !after->generation))
		err = cert_del(txn, &before->name);
	if (!err && first && !has_pooled(after, first))
		err = cert_pool_release(txn, first);
	if (!err && second && !has_pooled(after, second))
		err = cert_pool_release(txn, second);
	if (!err && second && !after->second.generation)
		err = ocsp_del(txn, &before->name, true);
	return err;
}

enum err
domain_write(struct store_txn *txn, const struct domain *before, const struct domain *domain)
{
	enum err err;

	encode(domain, table_new(txn));
	err = table_put(txn, TABLE_DOMAIN, table_key_name(&domain->name));
	if (!err && before)
		err = release_certificates(txn, before, domain);
	if (!err)
		err = renewal_follow(txn, before, domain);
	return err ? err : domain_index(txn, before, domain);
}

enum err
domain_put(struct store_txn *txn, const struct domain *domain)
{
	struct domain old;
	enum err err = txn_writable(txn), had;

	if (err)
		return err;
	err = check(domain);
	if (err)
		return txn_fail(txn, err);
	had = domain_get(txn, &domain->name, &old);
	if (had && had != ERR_NOTFOUND)
		return txn_fail(txn, had);
	err = had ? tombstone_del(txn, &domain->name) : ERR_OK;
	return err ? err : domain_write(txn, had ? NULL : &old, domain);
}

enum err
domain_del(struct store_txn *txn, const struct hostname *name)
{
	struct domain old;
	enum err err = txn_writable(txn);

	if (err)
		return err;
	err = domain_get(txn, name, &old);
	if (err)
		return err == ERR_NOTFOUND ? err : txn_fail(txn, err);
	err = table_del(txn, TABLE_DOMAIN, table_key_name(name));
	if (!err)
		err = release_certificates(txn, &old, &(struct domain){0});
	if (!err)
		err = cert_del(txn, name);
	if (!err)
		err = ocsp_del(txn, name, false);
	if (!err)
		err = renewal_follow(txn, &old, NULL);
	return err ? txn_fail(txn, err) : domain_index(txn, &old, NULL);
}

enum err
domain_row(enum err err, const struct hostname *name, struct domain *d)
{
	if (err != ERR_CORRUPT && err != ERR_VERSION)
		return err;
	*d = (struct domain){.name = *name, .state = DOMAIN_FAILING};
	problem_set(&d->problem, PROBLEM_STORE_CORRUPT, "its record: %s", err_text(err));
	return ERR_OK;
}

static enum err
read_row(struct walk *walk, struct domain *d)
{
	struct hostname name;
	struct cursor in;
	enum err err = table_name_of_key(walk->key, &name);

	if (err)
		return err;
	err = walk_read(walk, &in);
	if (!err)
		err = domain_read(walk->txn, &in, &name, d);
	return domain_row(err, &name, d);
}

enum err
domain_page(struct store_txn *txn, const struct hostname *after, size_t limit,
            struct domain *domains, size_t *ret_count)
{
	struct walk walk;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_DOMAIN);

	if (!err)
		err = walk_behind(&walk, after);
	while (!err && count < limit) {
		err = read_row(&walk, &domains[count]);
		/* A key that is no name has nothing to show. */
		if (!err)
			count++;
		if (!err || err == ERR_CORRUPT)
			err = walk_next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_count = count;
	return ERR_OK;
}

enum err
domain_upgrade(struct store_txn *txn, struct span key)
{
	struct hostname name;
	struct domain d;
	enum err err = table_name_of_key(key, &name);

	if (!err)
		err = domain_get(txn, &name, &d);
	/* The indexes of the oldest format were dropped. */
	return err ? err : domain_write(txn, NULL, &d);
}

enum err
domain_upgrade_due(struct store_txn *txn, struct span key)
{
	struct hostname name;
	struct index_key due;
	struct domain d;
	enum err err = table_name_of_key(key, &name);

	if (!err)
		err = domain_get(txn, &name, &d);
	if (err || !d.due_at || d.lead.len) /* nothing is paused there */
		return err;
	index_due(&due, &(struct domain_queue){d.ca, domain_lane(&d)}, d.due_at);
	index_add_name(&due, &name);
	return table_put_plain(txn, TABLE_DUE, table_key(due.data, due.len), table_key("", 0));
}
