/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/renewal.h"

#include <stdio.h>
#include <string.h>

#include "acme/client.h"
#include "base/clock.h"
#include "daemon/chance.h"
#include "daemon/plan.h"
#include "store/domain.h"
#include "store/store.h"

enum { DAY_S = 86400, DAMAGED_AGAIN_S = 600 };

/* ---- what an answer means ------------------------------------------------------------------- */

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void
choose(struct renewal *r, const struct renewal_info *info, const struct renewal_life *life,
       uint32_t random)
{
	int64_t latest = plan_latest_at(life->not_before, life->not_after);
	int64_t at = plan_window_at(info->start, info->end, latest, random);

	r->window_start = info->start;
	r->window_end = info->end;
	r->renew_at = later(later(at, r->stored_at + plan_early_wait(r->early)), 1);
}

static void
take_window(struct renewal *r, const struct renewal_info *info, const struct renewal_life *life,
            uint32_t random, struct renewal_change *change)
{
	r->failures = 0;
	change->is_first = r->window_end == 0;
	change->window = r->window_start != info->start || r->window_end != info->end;
	if (change->window)
		choose(r, info, life, random);
	change->explained = *info->explanation && strcmp(r->explanation, info->explanation) != 0;
	memcpy(r->explanation, info->explanation, sizeof(r->explanation));
}

static void
forget_window(struct renewal *r, struct renewal_change *change)
{
	change->window = r->window_end != 0;
	r->window_start = r->window_end = r->renew_at = 0;
	r->explanation[0] = '\0';
}

void
renewal_apply(struct renewal *r, const struct renewal_answer *answer,
              const struct renewal_life *life, int64_t now, uint32_t random,
              struct renewal_change *ret_change)
{
	*ret_change = (struct renewal_change){0};
	r->due_at = answer->again_at;
	if (*answer->id)
		snprintf(r->id, sizeof(r->id), "%s", answer->id);
	switch (answer->word) {
	case RENEWAL_WINDOW:
		take_window(r, &answer->info, life, random, ret_change);
		break;
	case RENEWAL_NONE:
		r->failures = 0;
		forget_window(r, ret_change);
		break;
	case RENEWAL_FAILED:
	case RENEWAL_SENSELESS:
		r->failures++;
		r->due_at = later(plan_ask_again_at(r->failures, now, random), answer->again_at);
		if (answer->word == RENEWAL_SENSELESS || r->failures >= RENEWAL_FAILURES_MAX)
			forget_window(r, ret_change);
		break;
	case RENEWAL_LATER:
		break;
	}
}

/* ---- in the store --------------------------------------------------------------------------- */

static bool
life_of(const struct domain *d, uint64_t generation, struct renewal_life *ret_life)
{
	*ret_life = (struct renewal_life){d->not_before, d->not_after};
	if (d->generation == generation)
		return true;
	*ret_life = (struct renewal_life){d->second.not_before, d->second.not_after};
	return d->second.generation == generation;
}

/* The record of ROW, or a new one for one that is damaged or gone. ERR_NOTFOUND: ROW is not its
 * entry. */
static enum err
read_record(struct store_txn *txn, const char *ca, const struct renewal_row *row,
            struct renewal *ret_r)
{
	enum err err = renewal_get(txn, &row->name, row->generation, ret_r);

	if (!err && ret_r->due_at == row->due_at && strcmp(ret_r->ca, ca) == 0)
		return ERR_OK;
	if (err && err != ERR_NOTFOUND && err != ERR_CORRUPT)
		return err;
	if (renewal_forget(txn, ca, row))
		return ERR_IO; /* sticks */
	if (!err)
		return ERR_NOTFOUND;
	*ret_r = (struct renewal){.name = row->name, .generation = row->generation};
	snprintf(ret_r->ca, sizeof(ret_r->ca), "%s", ca);
	ret_r->stored_at = clock_wall();
	return ERR_OK;
}

/* The certificate that is renewed is a name's first one; what is due, in work or failing has its
 * own plan. */
static enum err
move_plan(struct store_txn *txn, struct domain *d, const struct renewal *r, int64_t now,
          struct renewal_change *change)
{
	int64_t at = r->renew_at;

	if (!change->window || d->generation != r->generation || d->state != DOMAIN_VALID ||
	    d->due_at <= now)
		return ERR_OK;
	if (!at)
		at = plan_renew_at(d->not_before, d->not_after, chance_u32());
	change->moved = true;
	d->due_at = at;
	return domain_put(txn, d);
}

enum err
renewal_settle(struct store_txn *txn, const char *ca, const struct renewal_row *row,
               const struct renewal_answer *answer, struct renewal *ret_renewal,
               struct renewal_change *ret_change)
{
	int64_t now = clock_wall();
	struct renewal_life life;
	struct renewal_change change = {0};
	struct renewal r;
	struct domain d;
	enum err had = domain_get(txn, &row->name, &d), err = read_record(txn, ca, row, &r);

	if (err || (had && had != ERR_NOTFOUND && had != ERR_CORRUPT))
		return err ? err : had;
	if (had == ERR_NOTFOUND || (!had && (!life_of(&d, r.generation, &life) || d.lead.len))) {
		err = renewal_del(txn, &row->name, row->generation);
		return err ? err : ERR_NOTFOUND;
	}
	if (had == ERR_CORRUPT) /* upkeep makes it anew */
		r.due_at = now + DAMAGED_AGAIN_S;
	else
		renewal_apply(&r, answer, &life, now, chance_u32(), &change);
	err = renewal_put(txn, &r);
	if (!err && !had)
		err = move_plan(txn, &d, &r, now, &change);
	*ret_renewal = r;
	*ret_change = change;
	return err;
}

/* ---- from one certificate to the next ------------------------------------------------------- */

void
renewal_remember(struct store_txn *txn, const struct domain *d, struct renewal *before)
{
	*before = (struct renewal){0};
	if (d->generation && renewal_get(txn, &d->name, d->generation, before))
		*before = (struct renewal){0};
}

enum err
renewal_issued(struct store_txn *txn, const struct domain *d, const char *ca,
               const struct client *client, const struct renewal *before)
{
	struct renewal r = {.name = d->name, .generation = d->generation};
	const char *account = client_account_url(client);
	int64_t now = clock_wall();

	if (d->lead.len)
		return ERR_OK;
	r.stored_at = r.due_at = now;
	snprintf(r.ca, sizeof(r.ca), "%s", ca);
	if (strlen(account) <= RENEWAL_LINK_MAX)
		strcpy(r.account, account);
	if (before->stored_at && now - before->stored_at < DAY_S)
		r.early = before->early < UINT8_MAX ? before->early + 1 : UINT8_MAX;
	return renewal_put(txn, &r);
}

/* Whether CA named a window for R's certificate, which it issued to ACCOUNT. */
static bool
is_theirs(const struct renewal *r, const char *ca, const char *account)
{
	return *r->id && r->window_end && *account && strcmp(r->ca, ca) == 0 &&
	       strcmp(r->account, account) == 0;
}

bool
renewal_replaces(struct store *store, const struct domain *d, const char *ca,
                 const struct client *client, char ret_id[RENEWAL_TEXT_MAX + 1])
{
	struct store_txn *txn;
	struct renewal r;
	enum err err;

	if (!d->generation || !client || client_has_no_renewal_info(client) ||
	    store_begin_read(store, STORE_SERVED, &txn))
		return false;
	err = renewal_get(txn, &d->name, d->generation, &r);
	store_abort(txn);
	if (err || !is_theirs(&r, ca, client_account_url(client)))
		return false;
	strcpy(ret_id, r.id);
	return true;
}
