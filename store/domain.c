/* SPDX-License-Identifier: Apache-2.0 */
#include "store/domain.h"

#include <string.h>

#include "base/buf.h"
#include "store/cert.h"
#include "store/domain_index.h"
#include "store/inside.h"
#include "store/table.h"

static const char *const state_words[DOMAIN_STATE_END] = {
	[DOMAIN_PENDING] = "pending",
	[DOMAIN_VALID] = "valid",
	[DOMAIN_FAILING] = "failing",
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

/* Format 1, see docs/store.md. */
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
}

static void
decode(struct cursor *in, struct domain *d)
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
	if (!state_is_known(d->state) || d->due_at < 0)
		in->bad = true;
}

static enum err
check(const struct domain *d)
{
	if (!state_is_known(d->state) || d->due_at < 0 || !memchr(d->ca, 0, sizeof(d->ca)) ||
	    !memchr(d->backend, 0, sizeof(d->backend)) ||
	    (unsigned)d->problem.kind >= PROBLEM_COUNT)
		return ERR_INVALID;
	return table_check_name(&d->name);
}

enum err
domain_get(struct store_txn *txn, const struct hostname *name, struct domain *ret_domain)
{
	struct cursor in;
	struct domain d;
	enum err err = table_get(txn, TABLE_DOMAIN, table_key_name(name), &in);

	if (err)
		return err;
	decode(&in, &d);
	d.name = *name;
	err = table_end(txn, &in);
	if (!err)
		*ret_domain = d;
	return err;
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
	encode(domain, table_new(txn));
	err = table_put(txn, TABLE_DOMAIN, table_key_name(&domain->name));
	return err ? err : domain_index(txn, had ? NULL : &old, domain);
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
		err = cert_del(txn, name);
	return err ? txn_fail(txn, err) : domain_index(txn, &old, NULL);
}

/* A name whose record does not open still has its row, saying so. */
static enum err
read_row(struct walk *walk, struct domain *d)
{
	struct cursor in;
	enum err err = table_name_of_key(walk->key, &d->name);

	if (err)
		return err;
	err = walk_read(walk, &in);
	if (!err) {
		decode(&in, d);
		err = table_end(walk->txn, &in);
	}
	if (err == ERR_CORRUPT || err == ERR_VERSION) {
		*d = (struct domain){.name = d->name, .state = DOMAIN_FAILING};
		problem_set(&d->problem, PROBLEM_INTERNAL, "its record: %s", err_text(err));
		err = ERR_OK;
	}
	return err;
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
