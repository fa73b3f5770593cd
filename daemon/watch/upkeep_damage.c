/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a name whose records somebody could not open. Nothing is believed: it is read
 * again here, and put aside only in a transaction that has found it damaged itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/siphash.h"
#include "daemon/common/history.h"
#include "daemon/front/cred.h"
#include "daemon/watch/upkeep_inside.h"
#include "store/cert.h"
#include "store/domain.h"
#include "store/event.h"
#include "store/quarantine.h"
#include "store/set.h"
#include "store/store.h"

enum {
	CHAIN_EVERY_MS = 10000,
	MEMORY_PROBE = 1 << 20,
	HOUR_MS = 3600 * 1000,
	CHAIN_NAMES_MAX = 20
};

enum damage {
	SOUND,
	DOMAIN, /* its own record, or there is only a certificate: a scan makes it anew, or not */
	RECORD, /* the certificate's, or it is not of this domain */
	LEAF,   /* the records open, but leaf and key are no use */
	SECOND, /* the same of the second certificate, and only of that */
	CHAIN,  /* the issuers, which other names share */
};

static bool
is_damage(enum err err)
{
	return err == ERR_CORRUPT || err == ERR_VERSION || err == ERR_INVALID;
}

/* OpenSSL answers the same to bad bytes and to a lack of memory, and no good certificate shall be
 * put aside for that. */
static bool
has_memory(void)
{
	void *volatile some = malloc(MEMORY_PROBE); /* volatile: or the compiler knows better */

	free(some);
	return some != NULL;
}

/* ONE has a first certificate only. */
static enum damage
look_at_certificate(struct upkeep *u, struct store_txn *txn, const struct domain *one)
{
	struct cred *cred = NULL;
	struct cert cert;
	struct buf chain = {0};
	enum err err = cred_load(u->chains, txn, one, &cred), chain_err = ERR_OK;

	if (!err) {
		cred_unref(cred);
		return SOUND;
	}
	cert_init(&cert);
	if (!cert_get_for(txn, one, &cert))
		chain_err = cert_chain_get(txn, cert.chain_id, &chain);
	cert_done(&cert);
	buf_done(&chain);
	if (is_damage(chain_err) || chain_err == ERR_NOTFOUND)
		return CHAIN;
	return is_damage(err) && has_memory() ? LEAF : SOUND;
}

/* Each alone: what one of two serves hides that the other one is no use. */
static enum damage
look_at_both(struct upkeep *u, struct store_txn *txn, const struct domain *d)
{
	struct domain one = *d;
	enum damage damage = SOUND;

	one.second = (struct domain_second){0};
	if (d->generation)
		damage = look_at_certificate(u, txn, &one);
	if (damage != SOUND || !d->second.generation)
		return damage;
	one.generation = d->second.generation;
	one.pooled = true;
	damage = look_at_certificate(u, txn, &one);
	return damage == LEAF ? SECOND : damage;
}

static enum damage
look(struct upkeep *u, struct store_txn *txn, const struct hostname *name, struct domain *ret_d)
{
	enum err err = domain_check(txn, name), domain = domain_get(txn, name, ret_d);

	if (is_damage(domain) || (is_damage(err) && domain == ERR_NOTFOUND))
		return DOMAIN;
	if (is_damage(err))
		return RECORD;
	return err ? SOUND : look_at_both(u, txn, ret_d);
}

/* A new certificate brings the chain again, for all names that have it, so one name is renewed and
 * nothing is put aside. A name that fails keeps to its plan. */
static enum err
renew_for_chain(struct upkeep *u, struct store_txn *txn, struct domain *d, struct event *ret_event)
{
	int64_t now = clock_wall();

	if (d->due_at <= now || d->state == DOMAIN_FAILING || u->chain_at > clock_mono_ms())
		return ERR_AGAIN;
	u->chain_at = clock_mono_ms() + CHAIN_EVERY_MS;
	d->due_at = now;
	*ret_event = (struct event){.at = now, .type = "store.corrupt"};
	snprintf(ret_event->name, sizeof(ret_event->name), "%s", d->name.name);
	snprintf(ret_event->detail, sizeof(ret_event->detail),
	         "the issuers of its certificate are damaged: renewing it, which brings them back "
	         "for all names that share them");
	return domain_put(txn, d);
}

/* One that is led gets another certificate with its lead's. */
static enum err
renew_lead(struct store_txn *txn, const struct domain *d)
{
	struct domain lead;
	enum err err = set_lead(txn, d, &lead);

	if (err == ERR_NOTFOUND || is_damage(err))
		return ERR_OK;
	if (err || lead.due_at == 0)
		return err;
	lead.due_at = clock_wall();
	return domain_put(txn, &lead);
}

static enum err
put_aside(struct upkeep *u, const struct hostname *name, struct event *ret_event)
{
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_write(u->config.store, STORE_SERVED, &txn);

	if (err)
		return err;
	switch (look(u, txn, name, &d)) {
	case RECORD:
		err = domain_quarantine(txn, name, "its record does not open", clock_wall(),
		                        ret_event);
		break;
	case LEAF:
		err = domain_quarantine(txn, name, "its certificate and key cannot be used",
		                        clock_wall(), ret_event);
		break;
	case SECOND:
		err = domain_quarantine_second(txn, name, "its certificate and key cannot be used",
		                               clock_wall(), ret_event);
		break;
	case CHAIN:
		err = renew_for_chain(u, txn, &d, ret_event);
		break;
	default:
		err = ERR_AGAIN; /* nothing is wrong (any more) */
	}
	if (!err && d.lead.len)
		err = renew_lead(txn, &d);
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

/* What stood beside it in its page may have been harmed, so all is looked at again. */
void
upkeep_count_repaired(struct upkeep *u, uint64_t names)
{
	pthread_mutex_lock(&u->mail.mutex);
	u->state.repaired += names;
	u->check_wanted = true;
	pthread_mutex_unlock(&u->mail.mutex);
	atomic_store(&u->planned, true);
}

/* Each place remembers the name that was told last of those that fall into it, and the hour. */
static bool
is_told(struct upkeep *u, const char *name)
{
	static const unsigned char key[SIPHASH_KEY_LEN] = {0};
	uint64_t hash = siphash(key, name, strlen(name)) ^ (uint64_t)(clock_mono_ms() / HOUR_MS);
	bool told = u->told_name[hash % TOLD_MAX] == hash;

	u->told_name[hash % TOLD_MAX] = hash;
	return told;
}

/* A million names may share a chain: some an hour are told by name. */
static void
tell_chain(struct upkeep *u, const struct hostname *name)
{
	struct event event = {.at = clock_wall(), .type = "store.corrupt"};
	int64_t hour = clock_mono_ms() / HOUR_MS;

	if (hour != u->chain_hour)
		u->chain_names = 0;
	u->chain_hour = hour;
	if (u->chain_names > CHAIN_NAMES_MAX || is_told(u, name->name))
		return;
	if (u->chain_names++ < CHAIN_NAMES_MAX)
		snprintf(event.name, sizeof(event.name), "%s", name->name);
	snprintf(event.detail, sizeof(event.detail), "%s",
	         event.name[0] ? "the issuers of its certificate are damaged: it is not served "
	                         "before the renewal of one that shares them has brought them back"
	                       : "more names share damaged issuers, and are not served before "
	                         "these are back: certctl db check lists them");
	upkeep_tell(u, &event);
}

static void
repair_now(struct upkeep *u, const struct hostname *name, enum damage damage)
{
	struct event event = {0};
	enum err err = put_aside(u, name, &event);

	if (err == ERR_AGAIN && damage == CHAIN) {
		tell_chain(u, name);
		return;
	}
	if (err == ERR_AGAIN)
		return;
	if (err) { /* tried again when it is asked for again, and by every check */
		log_host_debug(name, "is damaged and not put aside: %s", err_text(err));
		upkeep_tell_unserved(u, name,
		                     "its certificate is damaged, and so is the page of the file "
		                     "that it is on, or nothing can be written: it is not issued "
		                     "again before that; stop certd and run certctl db compact");
		return;
	}
	upkeep_count_repaired(u, 1);
	upkeep_tell(u, &event);
}

void
upkeep_repair(struct upkeep *u, const struct hostname *name)
{
	struct store_txn *txn;
	struct domain d;
	enum damage damage;
	bool is_gone;

	if (store_begin_read(u->config.store, STORE_SERVED, &txn))
		return;
	damage = look(u, txn, name, &d);
	is_gone = domain_get(txn, name, &d) == ERR_NOTFOUND;
	store_abort(txn);
	if (damage == DOMAIN) {
		u->mend_wanted = true;
		if (u->mend_refused)
			upkeep_tell_unserved(u, name,
			                     "its record is damaged, and pages of the file are, so "
			                     "it is not made anew: restore a backup");
	} else if (damage != SOUND) {
		repair_now(u, name, damage);
	} else if (u->mend_refused && is_gone) {
		upkeep_tell_unserved(u, name,
		                     "pages of the file are damaged, so a search does not find it: "
		                     "stop certd and run certctl db compact, or restore a backup");
	}
}

/* ---- events --------------------------------------------------------------------------------- */

void
upkeep_write_events(struct upkeep *u)
{
	enum err err;

	if (u->event_count == 0)
		return;
	err = history_put_all(u->config.store, u->config.notices, u->event, u->event_count);
	/* They wait for the store to take them, the log has them; more than these do not. */
	if (err && u->event_count < EVENTS_MAX)
		return;
	if (err)
		log_warn("%zu events of damage are not written: %s", u->event_count, err_text(err));
	u->event_count = 0;
}

void
upkeep_tell(struct upkeep *u, const struct event *event)
{
	bool is_bad = strcmp(event->type, "store.corrupt") == 0;

	log_line(is_bad ? LOG_LEVEL_ERR : LOG_LEVEL_NOTICE, event->name[0] ? event->name : NULL,
	         "%s", event->detail);
	u->event[u->event_count++] = *event;
	if (u->event_count == EVENTS_MAX)
		upkeep_write_events(u);
}

void
upkeep_tell_hourly(struct upkeep *u, const struct event *event)
{
	if (!is_told(u, event->name[0] ? event->name : event->detail))
		upkeep_tell(u, event);
}

void
upkeep_tell_unserved(struct upkeep *u, const struct hostname *name, const char *what)
{
	struct event event = {.at = clock_wall(), .type = "store.corrupt"};

	snprintf(event.name, sizeof(event.name), "%s", name->name);
	snprintf(event.detail, sizeof(event.detail), "%s", what);
	upkeep_tell_hourly(u, &event);
}
