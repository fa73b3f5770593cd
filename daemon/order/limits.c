/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/limits.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hostname.h"
#include "daemon/order/budget.h"
#include "daemon/order/limits_inside.h"
#include "daemon/order/suffix.h"

enum {
	HOUR = 3600,
	WEEK = 7 * 86400,
	SHA256_LEN = 32,
	EXPIRE_PAGE = 64,
};

static const struct {
	const char *word;
	struct limits_rules rules;
} profiles[] = {
	{"letsencrypt",
         {.rate = {[LIMIT_ACCOUNT] = {300, 3 * HOUR},
                   [LIMIT_DOMAIN] = {50, WEEK},
                   [LIMIT_SET] = {5, WEEK},
                   [LIMIT_NAME] = {5, HOUR}},
          .requests = {[PACE_DIRECTORY] = {40, 1},
                       [PACE_NEW_NONCE] = {20, 1},
                       [PACE_NEW_ACCOUNT] = {5, 1},
                       [PACE_NEW_ORDER] = {300, 1},
                       [PACE_REVOKE] = {10, 1},
                       [PACE_RENEWAL_INFO] = {1000, 1},
                       [PACE_OTHER] = {250, 1}},
          .renewals_are_free = true,
          .replaces_are_free = true}},
	{"generic", {.rate = {[LIMIT_NAME] = {20, HOUR}}}},
	{"none", {.replaces_are_free = false}},
};

bool
limits_profile(const char *word, struct limits_rules *ret_rules)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (strcmp(profiles[i].word, word) == 0) {
			*ret_rules = profiles[i].rules;
			return true;
		}
	return false;
}

const char *
limits_profile_word(size_t at)
{
	return at < sizeof(profiles) / sizeof(profiles[0]) ? profiles[at].word : NULL;
}

bool
limits_is_free(const struct limits_rules *rules, enum limit_scope scope, enum limits_kind kind)
{
	if (scope == LIMIT_NAME)
		return false;
	if (kind == LIMITS_REPLACES && rules->replaces_are_free)
		return true;
	return kind != LIMITS_NEW && rules->renewals_are_free && scope != LIMIT_SET;
}

/* ---- what an order is counted under --------------------------------------------------------- */

struct ids {
	struct limit_id *list;
	size_t count;
};

static void
add_id(struct ids *ids, const char *ca, enum limit_scope scope, const char *key)
{
	struct limit_id *id = &ids->list[ids->count];

	*id = (struct limit_id){.scope = scope};
	snprintf(id->ca, sizeof(id->ca), "%s", ca);
	snprintf(id->key, sizeof(id->key), "%s", key);
	for (size_t i = 0; i < ids->count; i++)
		if (ids->list[i].scope == scope && strcmp(ids->list[i].key, key) == 0)
			return;
	ids->count++;
}

static int
compare(const void *a, const void *b)
{
	const struct hostname *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

enum err
limits_set_key(const struct limits_order *o, char key[LIMIT_KEY_MAX + 1])
{
	const struct hostname **sorted = calloc(o->count, sizeof(const struct hostname *));
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char hash[SHA256_LEN];
	bool good = sorted && md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; i < o->count && good; i++)
		sorted[i] = &o->names[i];
	if (good)
		qsort(sorted, o->count, sizeof(*sorted), compare);
	for (size_t i = 0; i < o->count && good; i++)
		good = EVP_DigestUpdate(md, sorted[i]->name, sorted[i]->len + 1u) == 1;
	good = good && EVP_DigestFinal_ex(md, hash, NULL) == 1;
	for (size_t i = 0; i < SHA256_LEN && good; i++)
		snprintf(key + 2 * i, 3, "%02x", hash[i]);
	EVP_MD_CTX_free(md);
	free(sorted);
	return good ? ERR_OK : ERR_NOMEM;
}

/* Those that count it; IDS->list is the caller's to free. The names of one order fail together, so
 * the first one stands for them. */
static enum err
ids_of(const struct limits_order *o, enum limits_kind kind, struct ids *ids)
{
	char key[LIMIT_KEY_MAX + 1];
	enum err err = ERR_OK;

	*ids = (struct ids){.list = calloc(o->count + 2, sizeof(*ids->list))};
	if (!ids->list)
		return ERR_NOMEM;
	add_id(ids, o->ca, LIMIT_NAME, o->names[0].name);
	if (!limits_is_free(o->rules, LIMIT_SET, kind)) {
		err = limits_set_key(o, key);
		if (!err)
			add_id(ids, o->ca, LIMIT_SET, key);
	}
	for (size_t i = 0; i < o->count && !limits_is_free(o->rules, LIMIT_DOMAIN, kind); i++) {
		suffix_domain(o->suffix, &o->names[i], key);
		add_id(ids, o->ca, LIMIT_DOMAIN, key);
	}
	return err;
}

/* ---- tokens --------------------------------------------------------------------------------- */

enum err
limits_read(struct store_txn *txn, const struct limits_order *o, const struct limit_id *id,
            int64_t now, struct limit_record *l)
{
	const struct limits_rate *rate = &o->rules->rate[id->scope];
	enum err err = limit_get(txn, id, l);
	struct budget b;

	if (err == ERR_NOTFOUND || err == ERR_CORRUPT || err == ERR_VERSION) {
		*l = (struct limit_record){.id = *id};
		err = ERR_OK;
	}
	if (err)
		return err;
	b = (struct budget){l->count, l->period, l->level, l->at};
	budget_set(&b, rate->count, rate->period, now);
	l->count = b.orders;
	l->period = b.period;
	l->level = b.level;
	l->at = b.at ? b.at : now;
	if (id->scope == LIMIT_SET)
		snprintf(l->title, sizeof(l->title), "%s", o->names[0].name);
	return ERR_OK;
}

bool
limits_is_blocked(const struct limit_record *l, int64_t now)
{
	return l->until > now && l->since <= now;
}

struct limits_room
limits_room(const struct limit_record *l, int64_t now)
{
	struct budget b = {l->count, l->period, l->level, l->at};
	size_t left = budget_room(&b, now);
	struct limits_room room = {left > UINT32_MAX ? UINT32_MAX : (uint32_t)left,
	                           budget_next(&b, now)};

	if (limits_is_blocked(l, now)) {
		room.left = 0;
		room.next = l->until > room.next ? l->until : room.next;
	}
	return room;
}

static enum err
look(struct store_txn *txn, const struct limits_order *o, const struct ids *ids, int64_t now,
     struct limits_verdict *v)
{
	enum err err = ERR_OK;

	for (size_t i = 0; i < ids->count && !err; i++) {
		struct limits_room room;
		struct limit_record l;

		err = limits_read(txn, o, &ids->list[i], now, &l);
		if (err)
			break;
		room = limits_room(&l, now);
		if (room.left == 0 && room.next > v->until)
			*v = (struct limits_verdict){room.next, ids->list[i],
			                             limits_is_blocked(&l, now)};
	}
	return err;
}

/* One token more or less of those of SCOPE. */
static enum err
move_tokens(struct store_txn *txn, const struct limits_order *o, const struct limit_id *id,
            int64_t now, bool take)
{
	struct limit_record l;
	struct budget b;
	enum err err = limits_read(txn, o, id, now, &l);

	if (err || l.count == 0)
		return err;
	b = (struct budget){l.count, l.period, l.level, l.at};
	if (take)
		budget_take(&b, now);
	else
		budget_return(&b);
	l.level = b.level;
	l.at = b.at;
	return limit_put(txn, &l);
}

enum err
limits_take(struct store_txn *txn, const struct limits_order *o, int64_t now,
            struct limits_verdict *ret_verdict)
{
	struct limits_verdict v = {.until = 0};
	struct ids ids;
	enum err err = ids_of(o, o->kind, &ids);

	if (!err)
		err = look(txn, o, &ids, now, &v);
	for (size_t i = 0; i < ids.count && !err && !v.until; i++)
		if (ids.list[i].scope != LIMIT_NAME)
			err = move_tokens(txn, o, &ids.list[i], now, true);
	free(ids.list);
	if (!err)
		*ret_verdict = v;
	return err;
}

enum err
limits_return(struct store_txn *txn, const struct limits_order *o, int64_t now)
{
	struct ids ids;
	enum err err = ids_of(o, o->kind, &ids);

	for (size_t i = 0; i < ids.count && !err; i++)
		if (ids.list[i].scope != LIMIT_NAME)
			err = move_tokens(txn, o, &ids.list[i], now, false);
	free(ids.list);
	return err;
}

enum err
limits_failed(struct store_txn *txn, const struct limits_order *o, int64_t now)
{
	struct limit_id id = {.scope = LIMIT_NAME};

	snprintf(id.ca, sizeof(id.ca), "%s", o->ca);
	snprintf(id.key, sizeof(id.key), "%s", o->names[0].name);
	return move_tokens(txn, o, &id, now, true);
}

enum err
limits_forgive(struct store_txn *txn, const struct limits_order *o)
{
	struct ids ids;
	enum err err = ids_of(o, LIMITS_NEW, &ids);

	/* Others have spent what is gone of their domain's. */
	for (size_t i = 0; i < ids.count && !err; i++)
		if (ids.list[i].scope != LIMIT_DOMAIN)
			err = limit_del(txn, &ids.list[i]);
	free(ids.list);
	return err;
}

enum err
limits_expire(struct store_txn *txn, struct limit_id *after, int64_t now)
{
	struct limit_record *page = calloc(EXPIRE_PAGE, sizeof(*page));
	size_t count = 0;
	enum err err = page ? ERR_OK : ERR_NOMEM;

	if (!err)
		err = limit_page(txn, *after->ca ? after : NULL, EXPIRE_PAGE, page, &count);
	for (size_t i = 0; i < count && !err; i++) {
		struct budget b = {page[i].count, page[i].period, page[i].level, page[i].at};

		if (!limits_is_blocked(&page[i], now) &&
		    (b.orders == 0 || budget_room(&b, now) >= b.orders))
			err = limit_del(txn, &page[i].id);
		*after = page[i].id;
	}
	if (count == 0)
		*after = (struct limit_id){.scope = LIMIT_ACCOUNT};
	free(page);
	return err;
}
