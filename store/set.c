/* SPDX-License-Identifier: Apache-2.0 */
#include "store/set.h"

#include <string.h>

#include "store/domain.h"
#include "store/domain_index.h"
#include "store/inside.h"
#include "store/table.h"
#include "store/walk.h"

enum err
set_members(struct store_txn *txn, const struct hostname *lead,
            struct hostname names[SET_NAMES_MAX], size_t *ret_count)
{
	struct walk walk;
	struct index_key from;
	size_t count = 0;
	enum err err = walk_open(&walk, txn, TABLE_LEAD);

	index_word(&from, TABLE_LEAD, lead->name, lead->len);
	if (!err)
		err = walk_seek(&walk, table_key(from.data, from.len));
	while (!err && count < SET_NAMES_MAX && walk.key.len > from.len &&
	       memcmp(walk.key.data, from.data, from.len) == 0) {
		/* An entry nobody can read belongs to no name. */
		if (!index_name_of(TABLE_LEAD, walk.key, &names[count]))
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
set_lead(struct store_txn *txn, const struct domain *domain, struct domain *ret_lead)
{
	struct hostname lead = domain->lead;

	if (lead.len)
		return domain_get(txn, &lead, ret_lead);
	if (ret_lead != domain)
		*ret_lead = *domain;
	return ERR_OK;
}

static int64_t
due_of(const struct domain *lead, int64_t now)
{
	return lead->due_at ? lead->due_at : now;
}

enum err
set_leave(struct store_txn *txn, struct domain *domain, int64_t now)
{
	struct domain lead;
	enum err err = domain->lead.len ? domain_get(txn, &domain->lead, &lead) : ERR_OK;

	if (err && err != ERR_NOTFOUND && err != ERR_CORRUPT)
		return err;
	domain->due_at = err || !domain->lead.len ? now : due_of(&lead, now);
	domain->lead.len = 0;
	return ERR_OK;
}

/* NEXT leads those that OLD, which is gone, has led. */
static enum err
promote(struct store_txn *txn, const struct hostname *names, size_t count, int64_t due_at)
{
	enum err err = ERR_OK;

	for (size_t i = 0; i < count && !err; i++) {
		struct domain d;

		err = domain_get(txn, &names[i], &d);
		if (err == ERR_CORRUPT || err == ERR_NOTFOUND) {
			err = ERR_OK; /* what is made anew stands alone */
			continue;
		}
		d.lead = i == 0 ? (struct hostname){0} : names[0];
		d.due_at = i == 0 ? due_at : 0;
		if (!err)
			err = domain_put(txn, &d);
	}
	return err;
}

enum err
set_remove(struct store_txn *txn, const struct hostname *name, int64_t now)
{
	struct hostname names[SET_NAMES_MAX];
	struct domain d;
	size_t count;
	enum err err = domain_get(txn, name, &d);

	if (!err)
		err = set_members(txn, name, names, &count);
	if (!err)
		err = domain_del(txn, name);
	return err ? err : promote(txn, names, count, due_of(&d, now));
}
