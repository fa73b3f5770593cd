/* SPDX-License-Identifier: Apache-2.0 */
#include "store/domain_list.h"

#include <endian.h>
#include <string.h>

#include "store/domain_index.h"
#include "store/domain_window.h"
#include "store/inside.h"
#include "store/label.h"
#include "store/table.h"
#include "store/walk.h"

enum { DAY_HOURS = 24 };

enum err
domain_count_all(struct store_txn *txn, uint64_t *ret_count)
{
	return table_size(txn, TABLE_DOMAIN, ret_count);
}

static enum err
count_of(struct store_txn *txn, const char *kind, const char *word, uint64_t *ret_count)
{
	struct count_key key;

	if (strlen(word) > NAME_WORD_MAX)
		return ERR_INVALID;
	count_key_make(&key, kind, word);
	return count_get(txn, table_key(key.data, key.len), ret_count);
}

enum err
domain_count_state(struct store_txn *txn, enum domain_state state, uint64_t *ret_count)
{
	return count_of(txn, "state", domain_state_word(state), ret_count);
}

enum err
domain_count_ca(struct store_txn *txn, const char *ca, uint64_t *ret_count)
{
	return count_of(txn, "ca", ca, ret_count);
}

enum err
domain_count_backend(struct store_txn *txn, const char *backend, uint64_t *ret_count)
{
	return count_of(txn, "backend", backend, ret_count);
}

enum err
domain_count_reason(struct store_txn *txn, enum problem_kind kind, uint64_t *ret_count)
{
	return count_of(txn, "reason", problem_code(kind), ret_count);
}

/* Names that end in the hour of BEFORE, and before it. */
static enum err
count_last_hour(struct store_txn *txn, int64_t before, uint64_t *ret_count)
{
	struct index_key from, to;
	struct walk walk;
	uint64_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_EXPIRY);

	/* Without a name: each is below all with one. */
	index_expiry(&from, before < HOUR_S ? INT64_MIN : before / HOUR_S * HOUR_S);
	index_expiry(&to, before);
	if (!err)
		err = walk_seek(&walk, table_key(from.data, from.len));
	while (!err && walk.key.len >= to.len && memcmp(walk.key.data, to.data, to.len) < 0) {
		count++;
		err = walk_next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	*ret_count = count;
	return ERR_OK;
}

enum err
domain_count_expiring(struct store_txn *txn, int64_t before, uint64_t *ret_count)
{
	struct count_key first, last;
	struct walk walk;
	uint64_t sum = 0, count = 0, hour;
	enum err err = walk_open(&walk, txn, TABLE_COUNT);

	count_key_make(&first, "hour", "");
	count_key_hour(&last, before);
	if (!err)
		err = walk_seek(&walk, table_key(first.data, first.len));
	while (!err && walk.key.len == last.len && memcmp(walk.key.data, last.data, last.len) < 0) {
		/* One that cannot be read is 0, as for count_add(). */
		if (count_decode(walk.value, &hour) == ERR_OK)
			sum += hour;
		err = walk_next(&walk);
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	err = count_get(txn, table_key(last.data, last.len), &hour);
	if (!err && hour && hour <= DOMAIN_EXPIRING_EXACT)
		err = count_last_hour(txn, before, &count);
	if (!err || err == ERR_CORRUPT)
		*ret_count = sum + count;
	return err == ERR_CORRUPT ? ERR_OK : err;
}

/* Whether the walk stands at an hour's counter, and at which. */
static bool
hour_at(const struct walk *walk, uint32_t *ret_hour)
{
	struct count_key first;
	uint32_t wire;

	count_key_make(&first, "hour", "");
	if (walk->key.len != first.len + sizeof(wire) ||
	    memcmp(walk->key.data, first.data, first.len) != 0)
		return false;
	memcpy(&wire, walk->key.data + first.len, sizeof(wire));
	*ret_hour = be32toh(wire);
	return true;
}

enum err
domain_count_days(struct store_txn *txn, int64_t now, struct domain_days *ret_days)
{
	struct domain_days d = {.later = 0};
	uint32_t first = now < 0 ? 0 : (uint32_t)(now / HOUR_S), hour;
	uint64_t count, over = 0; /* of hours that are over */
	struct count_key from;
	struct walk walk;
	enum err err = domain_count_expiring(txn, now, &d.expired);

	if (err)
		return err;
	count_key_make(&from, "hour", "");
	err = walk_open(&walk, txn, TABLE_COUNT);
	if (!err)
		err = walk_seek(&walk, table_key(from.data, from.len));
	for (; !err && hour_at(&walk, &hour); err = walk_next(&walk)) {
		if (count_decode(walk.value, &count))
			continue;
		if (hour < first)
			over += count;
		else if ((hour - first) / DAY_HOURS < DOMAIN_DAYS)
			d.days[(hour - first) / DAY_HOURS] += count;
		else
			d.later += count;
	}
	walk_close(&walk);
	if (err && err != ERR_NOTFOUND)
		return err;
	if (d.expired > over) /* the part of this hour that is over */
		d.days[0] -= d.expired - over < d.days[0] ? d.expired - over : d.days[0];
	*ret_days = d;
	return ERR_OK;
}

enum err
domain_next_expiry(struct store_txn *txn, int64_t *ret_at)
{
	uint64_t at;
	struct walk walk;
	enum err err = walk_open(&walk, txn, TABLE_EXPIRY);

	if (!err)
		err = walk_first(&walk);
	if (!err && walk.key.len < sizeof(at))
		err = ERR_CORRUPT;
	if (!err) {
		memcpy(&at, walk.key.data, sizeof(at));
		*ret_at = (int64_t)(be64toh(at) ^ (uint64_t)1 << 63);
	}
	walk_close(&walk);
	return err;
}

/* Behind AFTER, or from the place on when it is NULL. */
static enum err
page(struct store_txn *txn, struct domain_window *window, const struct hostname *after,
     size_t limit, struct domain *domains, size_t *ret_count)
{
	window->place = after ? WINDOW_BEHIND : WINDOW_FROM;
	if (after)
		window->name = *after;
	return domain_window(txn, window, limit, domains, ret_count);
}

enum err
domain_page_expiry(struct store_txn *txn, int64_t from_at, const struct hostname *after,
                   size_t limit, struct domain *domains, size_t *ret_count)
{
	struct domain_window window = {.list = WINDOW_EXPIRY, .at = from_at};

	return page(txn, &window, after, limit, domains, ret_count);
}

enum err
domain_page_state(struct store_txn *txn, enum domain_state state, const struct hostname *after,
                  size_t limit, struct domain *domains, size_t *ret_count)
{
	struct domain_window window = {.list = WINDOW_STATE, .word = domain_state_word(state)};

	if (state == DOMAIN_VALID)
		return ERR_UNSUPPORTED;
	return page(txn, &window, after, limit, domains, ret_count);
}

enum err
domain_page_reason(struct store_txn *txn, enum problem_kind kind, const struct hostname *after,
                   size_t limit, struct domain *domains, size_t *ret_count)
{
	struct domain_window window = {.list = WINDOW_REASON, .word = problem_code(kind)};

	return page(txn, &window, after, limit, domains, ret_count);
}

enum err
domain_page_label(struct store_txn *txn, const char *label, const struct hostname *after,
                  size_t limit, struct domain *domains, size_t *ret_count)
{
	struct domain_window window = {.list = WINDOW_LABEL, .word = label};
	struct label parsed;
	enum err err = label_parse(label, &parsed, NULL);

	return err ? err : page(txn, &window, after, limit, domains, ret_count);
}
