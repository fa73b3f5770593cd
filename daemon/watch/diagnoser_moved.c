/* SPDX-License-Identifier: Apache-2.0 */
/* Names that lead to none of our addresses for so long that no orders are made for them, until they
 * lead here again. What is stored is served all the while. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/order/issuer.h"
#include "daemon/watch/diagnoser_inside.h"
#include "store/set.h"
#include "store/store.h"

bool
moved_is_on(const struct conf *conf)
{
	const struct conf_diagnose *d = &conf->diagnose;

	return !d->off && d->moved_after_ms > 0 && d->address_count > 0;
}

int64_t
moved_is_at(const struct conf *conf, const struct diagnosis *d)
{
	if (!d->away_since || diagnose_place(d->code) != DIAGNOSE_AWAY || !moved_is_on(conf))
		return 0;
	return d->away_since + conf->diagnose.moved_after_ms / 1000;
}

/* Whether its CA is shown challenges at its addresses only. */
static bool
is_proven_here(const struct conf *conf, const char *name)
{
	const struct conf_ca *ca = conf_ca(conf, name);

	for (size_t i = 0; ca && i < ca->challenge_count; i++)
		if (ca->challenges[i] != CHALLENGE_HTTP_01 &&
		    ca->challenges[i] != CHALLENGE_TLS_ALPN_01)
			return false;
	return ca != NULL;
}

/* Names that share a certificate stay as they are: the others' renewals are not to end. Names that
 * came on demand lapse when they are used no more. */
static enum err
check(struct diagnoser *g, struct store_txn *txn, const struct domain *d)
{
	struct hostname members[SET_NAMES_MAX];
	size_t count;
	enum err err = set_members(txn, &d->name, members, &count);

	if (err)
		return err;
	if (d->state != DOMAIN_FAILING || d->due_at == 0 || d->used_at || d->lead.len ||
	    count > 0 || hostname_is_wildcard(&d->name) || !is_proven_here(g->conf, d->ca))
		return ERR_WRONGSTATE;
	return ERR_OK;
}

void
moved_begin(struct diagnoser *g, const struct diagnosis *found)
{
	char at[CLOCK_TEXT_MAX];
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_write(g->store, STORE_SERVED, &txn);

	if (err)
		return;
	err = domain_get(txn, &found->name, &d);
	if (!err)
		err = check(g, txn, &d);
	if (!err) {
		d.state = DOMAIN_MOVED;
		problem_set(&d.problem, PROBLEM_MOVED, "since %s: %s",
		            clock_format(found->away_since, at), found->text);
		err = domain_put(txn, &d);
	}
	err = store_finish(txn, err);
	if (!err)
		history_add(g->store, g->notices, "name.moved", found->name.name,
		            "%s; no orders until it leads here again", d.problem.detail);
	else if (err != ERR_WRONGSTATE && err != ERR_NOTFOUND)
		log_host_info(&found->name, "that it has moved is not kept: %s", err_text(err));
}

void
moved_end(struct diagnoser *g, const struct hostname *name, const char *why)
{
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_write(g->store, STORE_SERVED, &txn);

	if (err)
		return;
	err = domain_get(txn, name, &d);
	if (!err && d.state != DOMAIN_MOVED)
		err = ERR_WRONGSTATE;
	if (!err) {
		d.state = d.generation ? DOMAIN_VALID : DOMAIN_PENDING;
		d.failures = 0;
		d.problem = (struct problem){0};
		d.due_at = d.lead.len ? 0 : clock_wall();
		err = domain_put(txn, &d);
	}
	err = store_finish(txn, err);
	if (!err) {
		history_add(g->store, g->notices, "name.returned", name->name,
		            "%s: it is ordered for at once", why);
		issuer_wake(g->issuer);
	} else if (err != ERR_WRONGSTATE && err != ERR_NOTFOUND) {
		log_host_info(name, "that it is back is not kept: %s", err_text(err));
	}
}
