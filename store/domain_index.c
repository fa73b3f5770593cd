/* SPDX-License-Identifier: Apache-2.0 */
#include "store/domain_index.h"

#include <endian.h>
#include <string.h>

#include "store/inside.h"
#include "store/label_count.h"
#include "store/table.h"

static void
append(struct index_key *key, const void *data, size_t len)
{
	memcpy(key->data + key->len, data, len);
	key->len += len;
}

void
index_word(struct index_key *key, enum table table, const char *word, size_t len)
{
	key->table = table;
	key->len = 0;
	append(key, word, len);
	append(key, "", 1);
}

void
index_due(struct index_key *key, const struct domain_queue *queue, int64_t due_at)
{
	uint64_t at = due_at > (int64_t)DUE_AT_MASK ? DUE_AT_MASK : (uint64_t)due_at;

	at = htobe64((uint64_t)queue->lane << 56 | at);
	index_word(key, TABLE_DUE, queue->ca, strlen(queue->ca));
	append(key, &at, sizeof(at));
}

void
index_expiry(struct index_key *key, int64_t not_after)
{
	/* Times before 1970 come first. */
	uint64_t at = htobe64((uint64_t)not_after ^ (uint64_t)1 << 63);

	key->table = TABLE_EXPIRY;
	key->len = 0;
	append(key, &at, sizeof(at));
}

void
index_add_name(struct index_key *key, const struct hostname *name)
{
	append(key, name->name, name->len);
}

/* Words in front of a 0 have none themselves, nor have names. */
enum err
index_name_of(enum table table, struct span key, struct hostname *ret_name)
{
	const unsigned char *zero = table == TABLE_EXPIRY ? NULL : memchr(key.data, 0, key.len);
	size_t front = zero ? (size_t)(zero - key.data) + 1 : 0;

	if (table == TABLE_EXPIRY || table == TABLE_DUE)
		front += sizeof(uint64_t);
	if (key.len <= front || (!zero && table != TABLE_EXPIRY))
		return ERR_CORRUPT;
	return table_name_of_key(table_key(key.data + front, key.len - front), ret_name);
}

/* The end of a certificate that no visitor is shown is no alarm. */
static bool
end_counts(const struct domain *d)
{
	return d->generation && d->state != DOMAIN_MOVED;
}

void
index_keys_of(const struct domain *d, struct index_key keys[INDEXES_MAX])
{
	const char *code = problem_code(d->problem.kind), *label = d->labels, *end;
	int i = INDEXES_FIXED;

	for (int k = 0; k < INDEXES_MAX; k++)
		keys[k].len = 0;
	if (d->due_at && !d->lead.len && !domain_is_held(d))
		index_due(&keys[0], &(struct domain_queue){d->ca, domain_lane(d)}, d->due_at);
	if (end_counts(d))
		index_expiry(&keys[1], d->not_after);
	if (d->state != DOMAIN_VALID)
		index_word(&keys[2], TABLE_STATE, domain_state_word(d->state),
		           strlen(domain_state_word(d->state)));
	if (d->problem.kind)
		index_word(&keys[3], TABLE_REASON, code, strlen(code));
	if (d->lead.len)
		index_word(&keys[4], TABLE_LEAD, d->lead.name, d->lead.len);
	for (; i < INDEXES_MAX && (end = strchr(label, '\n')); i++, label = end + 1)
		index_word(&keys[i], TABLE_LABEL, label, (size_t)(end - label));
	for (int k = 0; k < INDEXES_MAX; k++)
		if (keys[k].len)
			index_add_name(&keys[k], &d->name);
}

void
count_key_make(struct count_key *key, const char *kind, const char *word)
{
	char *p = mempcpy(key->data, kind, strlen(kind) + 1);

	p = mempcpy(p, word, strlen(word));
	key->len = (size_t)(p - key->data);
}

void
count_key_hour(struct count_key *key, int64_t not_after)
{
	int64_t hour = not_after < 0 ? 0 : not_after / HOUR_S;
	uint32_t wire = htobe32(hour > UINT32_MAX ? UINT32_MAX : (uint32_t)hour);

	count_key_make(key, "hour", "");
	memcpy(key->data + key->len, &wire, sizeof(wire));
	key->len += sizeof(wire);
}

void
count_keys_of(const struct domain *d, struct count_key keys[COUNTS_MAX])
{
	count_key_make(&keys[0], "state", domain_state_word(d->state));
	count_key_make(&keys[1], "ca", d->ca);
	count_key_make(&keys[2], "backend", d->backend);
	keys[3].len = keys[4].len = 0;
	if (d->problem.kind)
		count_key_make(&keys[3], "reason", problem_code(d->problem.kind));
	if (end_counts(d))
		count_key_hour(&keys[4], d->not_after);
}

enum err
count_decode(struct span value, uint64_t *ret_count)
{
	struct cursor in;
	uint64_t count;

	cursor_init(&in, value.data, value.len);
	count = cursor_u64(&in);
	if (!cursor_end(&in))
		return ERR_CORRUPT;
	*ret_count = count;
	return ERR_OK;
}

enum err
count_get(struct store_txn *txn, struct span key, uint64_t *ret_count)
{
	struct span value;
	enum err err = table_get_plain(txn, TABLE_COUNT, key, &value);

	if (err == ERR_NOTFOUND) {
		*ret_count = 0;
		return ERR_OK;
	}
	return err ? err : count_decode(value, ret_count);
}

enum err
count_set(struct store_txn *txn, struct span key, uint64_t count)
{
	uint64_t wire = htole64(count);
	enum err err;

	if (count)
		return table_put_plain(txn, TABLE_COUNT, key, table_key(&wire, sizeof(wire)));
	err = table_del(txn, TABLE_COUNT, key);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
count_add(struct store_txn *txn, struct span key, int64_t step)
{
	uint64_t count, less = step < 0 ? (uint64_t)-step : 0;
	enum err err = count_get(txn, key, &count);

	if (err == ERR_CORRUPT)
		count = 0;
	else if (err)
		return txn_fail(txn, err);
	if (step > 0)
		count += (uint64_t)step;
	return count_set(txn, key, count > less ? count - less : 0);
}

static enum err
update_counts(struct store_txn *txn, const struct domain *before, const struct domain *after)
{
	struct count_key was[COUNTS_MAX], is[COUNTS_MAX];
	enum err err = ERR_OK;

	for (int i = 0; i < COUNTS_MAX; i++)
		was[i].len = is[i].len = 0;
	if (before)
		count_keys_of(before, was);
	if (after)
		count_keys_of(after, is);
	for (int i = 0; i < COUNTS_MAX && !err; i++) {
		if (was[i].len == is[i].len && memcmp(was[i].data, is[i].data, is[i].len) == 0)
			continue;
		if (was[i].len)
			err = count_add(txn, table_key(was[i].data, was[i].len), -1);
		if (is[i].len && !err)
			err = count_add(txn, table_key(is[i].data, is[i].len), 1);
	}
	return err;
}

static bool
has(const struct index_key keys[INDEXES_MAX], const struct index_key *key)
{
	for (int i = 0; i < INDEXES_MAX; i++)
		if (keys[i].len == key->len && keys[i].table == key->table &&
		    memcmp(keys[i].data, key->data, key->len) == 0)
			return true;
	return false;
}

static enum err
add_entry(struct store_txn *txn, const struct index_key *key)
{
	enum err err =
		table_put_plain(txn, key->table, table_key(key->data, key->len), table_key("", 0));

	return err ? err : label_count_follow(txn, key, 1);
}

/* Its name is counted whether it has been there or not. */
static enum err
remove_entry(struct store_txn *txn, const struct index_key *key)
{
	enum err err = table_del(txn, key->table, table_key(key->data, key->len));

	return err && err != ERR_NOTFOUND ? err : label_count_follow(txn, key, -1);
}

static enum err
update_indexes(struct store_txn *txn, const struct domain *before, const struct domain *after)
{
	struct index_key was[INDEXES_MAX], is[INDEXES_MAX];
	enum err err = ERR_OK;

	for (int i = 0; i < INDEXES_MAX; i++)
		was[i].len = is[i].len = 0;
	if (before)
		index_keys_of(before, was);
	if (after)
		index_keys_of(after, is);
	for (int i = 0; i < INDEXES_MAX && !err; i++) {
		if (was[i].len && !has(is, &was[i]))
			err = remove_entry(txn, &was[i]);
		if (is[i].len && !has(was, &is[i]) && !err)
			err = add_entry(txn, &is[i]);
	}
	return err;
}

enum err
domain_index(struct store_txn *txn, const struct domain *before, const struct domain *after)
{
	enum err err = update_indexes(txn, before, after);

	return err ? err : update_counts(txn, before, after);
}
