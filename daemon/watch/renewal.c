/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch/renewal.h"

#include <stdio.h>
#include <string.h>

#include "acme/client.h"
#include "base/clock.h"
#include "daemon/common/chance.h"
#include "daemon/order/plan.h"
#include "store/domain.h"
#include "store/store.h"

enum { DAY_S = 86400, DAMAGED_AGAIN_S = 600, REVOKED_AGAIN_S = 3600 };

/* ---- what an answer means ------------------------------------------------------------------- */

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* A window that begins before the certificate, as of CAs that think in days only, begins with it.
 * What is asked of a name that has had a short-lived one never delays the usual plan. */
static void
choose(struct renewal *r, const struct renewal_info *info, const struct renewal_life *life,
       uint32_t random)
{
	int64_t usual = plan_renew_at(life->not_before, life->not_after, random);
	int64_t latest = plan_latest_at(life->not_before, life->not_after);
	int64_t earliest = r->stored_at + plan_early_wait(r->early);
	int64_t start =
		info->end > life->not_before ? later(info->start, life->not_before) : info->start;
	int64_t at = plan_window_at(start, info->end, latest, random);

	r->window_start = info->start;
	r->window_end = info->end;
	r->renew_at = later(later(at, earliest < usual ? earliest : usual), 1);
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
	case RENEWAL_DOUBTED:
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
read_record(struct store_txn *txn, const struct renewal_subject *subject, struct renewal *ret_r)
{
	const struct renewal_row *row = &subject->row;
	enum err err = renewal_get(txn, &row->name, row->generation, ret_r);

	if (!err && ret_r->due_at == row->due_at && strcmp(ret_r->ca, subject->ca) == 0)
		return ERR_OK;
	if (err && err != ERR_NOTFOUND && err != ERR_CORRUPT)
		return err;
	if (renewal_forget(txn, subject->ca, row))
		return ERR_IO; /* sticks */
	if (!err)
		return ERR_NOTFOUND;
	*ret_r = (struct renewal){.name = row->name, .generation = row->generation};
	snprintf(ret_r->ca, sizeof(ret_r->ca), "%s", subject->ca);
	ret_r->stored_at = clock_wall();
	return ERR_OK;
}

int64_t
renewal_moment(struct store_txn *txn, const struct domain *d, bool second, uint32_t random)
{
	struct renewal r;

	if (!renewal_get(txn, &d->name, second ? d->second.generation : d->generation, &r) &&
	    r.renew_at)
		return r.renew_at;
	return second ? plan_renew_at(d->second.not_before, d->second.not_after, random)
	              : plan_renew_at(d->not_before, d->not_after, random);
}

int64_t
renewal_plan(struct store_txn *txn, const struct domain *d, bool pairs, uint32_t random)
{
	int64_t first = renewal_moment(txn, d, false, random), second;

	if (!pairs || !d->second.generation)
		return first;
	second = renewal_moment(txn, d, true, random);
	return second < first ? second : first;
}

enum err
renewal_revoked(struct store_txn *txn, const struct domain *d)
{
	const uint64_t generations[] = {d->generation, d->second.generation};
	int64_t now = clock_wall();
	enum err err = ERR_OK;

	for (int i = 0; i < 2 && !err; i++) {
		struct renewal r;

		if (!generations[i] || renewal_get(txn, &d->name, generations[i], &r))
			continue; /* its record is made anew with its certificate */
		r.renew_at = now;
		r.due_at = now + REVOKED_AGAIN_S;
		err = renewal_put(txn, &r);
	}
	return err;
}

/* What is due, in work or failing has its own plan. */
static enum err
move_plan(struct store_txn *txn, struct domain *d, const struct renewal_subject *subject,
          struct renewal_change *change)
{
	bool counts = subject->pairs || d->generation == subject->row.generation;

	if (!change->window || !counts || d->state != DOMAIN_VALID || d->due_at <= clock_wall())
		return ERR_OK;
	change->moved = true;
	d->due_at = renewal_plan(txn, d, subject->pairs, chance_u32());
	return domain_put(txn, d);
}

/* The domain is there: what ANSWER makes of its certificate R. */
static enum err
apply(struct store_txn *txn, const struct renewal_subject *subject,
      const struct renewal_answer *answer, struct renewal *r, struct renewal_change *change)
{
	struct renewal_life life;
	struct domain d;
	enum err err = domain_get(txn, &r->name, &d);

	if (err == ERR_CORRUPT) { /* upkeep makes it anew */
		r->due_at = clock_wall() + DAMAGED_AGAIN_S;
		return renewal_put(txn, r);
	}
	if (!err && (!life_of(&d, r->generation, &life) || d.lead.len))
		err = ERR_NOTFOUND;
	if (err)
		return err;
	renewal_apply(r, answer, &life, clock_wall(), chance_u32(), change);
	err = renewal_put(txn, r);
	return err ? err : move_plan(txn, &d, subject, change);
}

enum err
renewal_settle(struct store_txn *txn, const struct renewal_subject *subject,
               const struct renewal_answer *answer, struct renewal *ret_renewal,
               struct renewal_change *ret_change)
{
	struct renewal_change change = {0};
	struct renewal r;
	enum err err = read_record(txn, subject, &r), del;

	if (err)
		return err;
	err = apply(txn, subject, answer, &r, &change);
	if (err == ERR_NOTFOUND) {
		del = renewal_del(txn, &r.name, r.generation);
		err = del ? del : err;
	}
	*ret_renewal = r;
	*ret_change = change;
	return err;
}

/* ---- from one certificate to the next ------------------------------------------------------- */

void
renewal_remember(struct store_txn *txn, const struct domain *d, struct renewal_before *ret_before)
{
	struct renewal_before before = {.generations = {d->generation, d->second.generation}};
	struct renewal r;

	for (int i = 0; i < 2; i++)
		if (before.generations[i] &&
		    !renewal_get(txn, &d->name, before.generations[i], &r)) {
			before.stored_at[i] = r.stored_at;
			before.early[i] = r.early;
		}
	*ret_before = before;
}

/* How many lasted less than a day, with the one that D has no more. */
static uint8_t
early_of(const struct domain *d, const struct renewal_before *before, int64_t now)
{
	for (int i = 0; i < 2; i++) {
		uint64_t old = before->generations[i];

		if (!old || old == d->generation || old == d->second.generation)
			continue;
		if (!before->stored_at[i] || now - before->stored_at[i] >= DAY_S)
			return 0;
		return before->early[i] < UINT8_MAX ? before->early[i] + 1 : UINT8_MAX;
	}
	return 0;
}

enum err
renewal_issued(struct store_txn *txn, const struct domain *d, const char *ca,
               const struct client *client, const struct renewal_before *before)
{
	const uint64_t *old = before->generations;
	bool first = d->generation != old[0] && d->generation != old[1];
	struct renewal r = {.name = d->name,
	                    .generation = first ? d->generation : d->second.generation};
	const char *account = client_account_url(client);

	r.stored_at = clock_wall();
	r.due_at = renewal_first_at(d, r.generation, r.stored_at);
	r.early = early_of(d, before, r.stored_at);
	snprintf(r.ca, sizeof(r.ca), "%s", ca);
	if (strlen(account) <= RENEWAL_LINK_MAX)
		strcpy(r.account, account);
	return renewal_put(txn, &r);
}

bool
renewal_is_replaceable(const struct renewal *r, const char *ca, const struct client *client)
{
	return client && !client_has_no_renewal_info(client) && *r->id && r->window_end &&
	       *r->account && strcmp(r->ca, ca) == 0 &&
	       strcmp(r->account, client_account_url(client)) == 0;
}
