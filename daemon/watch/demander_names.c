/* SPDX-License-Identifier: Apache-2.0 */
/* What comes on demand, in the store: added, used, told. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/order/issuer.h"
#include "daemon/order/quota.h"
#include "daemon/order/suffix.h"
#include "daemon/watch/demander_inside.h"
#include "daemon/watch/upkeep.h"
#include "store/domain_cas.h"
#include "store/event.h"
#include "store/store.h"
#include "store/tombstone.h"

enum { USES_MAX = 64 };

static enum demand_place
place_of(struct store_txn *txn, const struct hostname *name)
{
	struct hostname wildcard;
	struct tombstone gone;
	struct domain found;
	enum err err = domain_get(txn, name, &found);

	if (err == ERR_NOTFOUND && !hostname_wildcard_parent(name, &wildcard))
		err = domain_get(txn, &wildcard, &found);
	if (err != ERR_NOTFOUND)
		return PLACE_TAKEN;
	return tombstone_find(txn, name, INT64_MIN, &gone) ? PLACE_FREE : PLACE_REMOVED;
}

enum demand_place
demander_place(struct demander *d, const struct hostname *name)
{
	enum demand_place place;
	struct store_txn *txn;

	if (store_begin_read(d->config.store, STORE_SERVED, &txn))
		return PLACE_TAKEN;
	place = place_of(txn, name);
	store_abort(txn);
	return place;
}

static void
fill(const struct conf_on_demand *o, const struct hostname *name, struct domain *ret)
{
	const char *names[DOMAIN_CAS_MAX];

	*ret = (struct domain){.name = *name, .state = DOMAIN_PENDING, .created_at = clock_wall()};
	ret->due_at = ret->used_at = ret->created_at;
	for (size_t i = 0; i < o->ca_count; i++)
		names[i] = o->cas[i]->name;
	domain_set_cas(ret, names, o->ca_count);
	snprintf(ret->backend, sizeof(ret->backend), "%s", o->backend->name);
	memcpy(ret->labels, o->labels, sizeof(ret->labels));
}

/* ERR_EXISTS: somebody was faster, with the name or a wildcard above it. ERR_WRONGSTATE: it was
 * removed while the hook was asked. ERR_TOOBIG: there is a quota. */
static enum err
put(struct demander *d, const struct domain *domain)
{
	char why[PROBLEM_DETAIL_MAX];
	struct store_txn *txn;
	enum demand_place place;
	enum err err = store_begin_write(d->config.store, STORE_SERVED, &txn);

	if (err)
		return err;
	place = place_of(txn, &domain->name);
	if (place != PLACE_FREE)
		err = place == PLACE_TAKEN ? ERR_EXISTS : ERR_WRONGSTATE;
	if (!err)
		err = labels_in_quota(txn, d->conf, NULL, domain, why, sizeof(why));
	if (err == ERR_TOOBIG)
		demander_tally(&d->denied, "%s: %s", domain->name.name, why);
	if (!err)
		err = domain_put(txn, domain);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

static void
store_name(struct demander *d, const struct hostname *name, const char *key)
{
	struct domain domain;
	enum err err;

	fill(&d->conf->on_demand, name, &domain);
	err = put(d, &domain);
	if (err)
		demand_book_return(d->book, key);
	if (err == ERR_EXISTS)
		return;
	if (err == ERR_TOOBIG)
		demander_count(d, STATUS_DEMAND_OVER_BUDGET);
	else if (err)
		log_host_warn(name, "cannot be added on demand: %s", err_text(err));
	if (err) {
		demander_refuse(d, name, clock_mono_ms() + DEMAND_AGAIN_MS);
		return;
	}
	demander_count(d, STATUS_DEMAND_ADDED);
	log_host_notice(name, "a handshake has asked for it: added, ca %s, backend %s", domain.ca,
	                domain.backend);
	issuer_wake(d->config.issuer);
	history_add(d->config.store, d->config.notices, "ondemand.added", name->name,
	            "ca %s, backend %s", *domain.cas ? domain.cas : domain.ca, domain.backend);
}

void
demander_add(struct demander *d, const struct hostname *name)
{
	int64_t now = clock_wall(), next, mono = clock_mono_ms();
	char key[HOSTNAME_MAX + 1];

	if (!upkeep_has_room(d->config.upkeep)) {
		demander_refuse(d, name, mono + DEMAND_AGAIN_MS);
		return;
	}
	suffix_domain(d->suffix, name, key);
	next = demand_book_take(d->book, key, &d->conf->on_demand.per_domain, now);
	if (!next) {
		store_name(d, name, key);
		return;
	}
	demander_count(d, STATUS_DEMAND_OVER_BUDGET);
	demander_refuse(d, name, mono + (next - now) * 1000);
	demander_tally(&d->denied, "%s: %s has had its names-per-domain", name->name, key);
}

/* ---- uses ----------------------------------------------------------------------------------- */

/* A renewal that was put off because nobody used the name is due again. */
static enum err
note_use(struct demander *d, struct store_txn *txn, const struct hostname *name, bool *any_due)
{
	int64_t now = clock_wall();
	struct domain domain;
	enum err err = domain_get(txn, name, &domain);

	if (err)
		return err == ERR_NOTFOUND || err == ERR_CORRUPT ? ERR_OK : err;
	if (!domain.used_at || now - domain.used_at < conf_use_every_s(&d->conf->on_demand))
		return ERR_OK;
	if (domain_is_put_off(&domain)) {
		domain.due_at = now;
		*any_due = true;
	}
	domain.used_at = now;
	return domain_put(txn, &domain);
}

static size_t
read_uses(struct demander *d, struct hostname names[USES_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < STATUS_SLOTS; i++)
		while (demander_is_busy(d, i) && count < USES_MAX &&
		       report_next(&d->config.status->slot[i].uses, &d->uses[i], &names[count]))
			count++;
	return count;
}

/* Those that are lost are told again. */
void
demander_note_uses(struct demander *d)
{
	struct hostname names[USES_MAX];
	struct store_txn *txn;
	size_t count = read_uses(d, names);
	bool any_due = false;
	enum err err;

	if (count == 0 || !upkeep_writes(d->config.upkeep) ||
	    store_begin_write(d->config.store, STORE_SERVED, &txn))
		return;
	err = ERR_OK;
	for (size_t i = 0; i < count && !err; i++)
		err = note_use(d, txn, &names[i], &any_due);
	err = store_finish(txn, err);
	if (err)
		log_warn("the use of %zu names is not noted: %s", count, err_text(err));
	else if (any_due)
		issuer_wake(d->config.issuer);
}

/* ---- events --------------------------------------------------------------------------------- */

void
demander_tally(struct demand_tally *tally, const char *format, ...)
{
	va_list ap;

	tally->count++;
	va_start(ap, format);
	vsnprintf(tally->detail, sizeof(tally->detail), format, ap);
	va_end(ap);
}

static void
tell(struct demander *d, struct demand_tally *tally)
{
	struct event event = {.count = tally->count};

	if (tally->count == 0 || clock_mono_ms() < tally->at_ms)
		return;
	snprintf(event.type, sizeof(event.type), "%s", tally->type);
	snprintf(event.detail, sizeof(event.detail), "%s", tally->detail);
	log_warn("on demand, %u times, last: %s", tally->count, tally->detail);
	if (history_tally(d->config.store, d->config.notices, &event))
		return;
	tally->count = 0;
	tally->at_ms = clock_mono_ms() + DEMAND_TELL_MS;
}

void
demander_tell(struct demander *d)
{
	tell(d, &d->denied);
	tell(d, &d->hook_down);
}
