/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a name whose records somebody could not open. Nothing is believed: it is read
 * again here, and put aside only in a transaction that has found it damaged itself. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/cred.h"
#include "daemon/history.h"
#include "daemon/upkeep_inside.h"
#include "store/cert.h"
#include "store/domain.h"
#include "store/event.h"
#include "store/quarantine.h"
#include "store/store.h"

enum { CHAIN_EVERY_MS = 10000, MEMORY_PROBE = 1 << 20 };

enum damage {
	SOUND,
	RECORD, /* the domain's or the certificate's: domain_check() says so */
	LEAF,   /* the records open, but leaf and key are no use */
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

static enum damage
look_at_certificate(struct upkeep *u, struct store_txn *txn, const struct domain *d)
{
	struct cred *cred = NULL;
	struct cert cert;
	struct buf chain = {0};
	enum err err = cred_load(u->chains, txn, d, &cred), chain_err = ERR_OK;

	if (!err) {
		cred_unref(cred);
		return SOUND;
	}
	cert_init(&cert);
	if (!cert_get_for(txn, d, &cert))
		chain_err = cert_chain_get(txn, cert.chain_id, &chain);
	cert_done(&cert);
	buf_done(&chain);
	if (is_damage(chain_err) || chain_err == ERR_NOTFOUND)
		return CHAIN;
	return is_damage(err) && has_memory() ? LEAF : SOUND;
}

static enum damage
look(struct upkeep *u, struct store_txn *txn, const struct hostname *name, struct domain *ret_d)
{
	enum err err = domain_check(txn, name);

	if (is_damage(err))
		return RECORD;
	if (err || domain_get(txn, name, ret_d) || ret_d->generation == 0)
		return SOUND;
	return look_at_certificate(u, txn, ret_d);
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
	case CHAIN:
		err = renew_for_chain(u, txn, &d, ret_event);
		break;
	default:
		err = ERR_AGAIN; /* nothing is wrong (any more) */
	}
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

void
upkeep_repair(struct upkeep *u, const struct hostname *name)
{
	struct event event = {0};
	struct store_txn *txn;
	struct domain d;
	enum damage damage;
	enum err err = store_begin_read(u->config.store, STORE_SERVED, &txn);

	if (err)
		return;
	damage = look(u, txn, name, &d);
	store_abort(txn);
	if (damage == SOUND)
		return;
	err = put_aside(u, name, &event);
	if (err) {
		/* Reported again when it is asked for again. */
		log_host_debug(name, "is damaged and not put aside: %s", err_text(err));
		return;
	}
	pthread_mutex_lock(&u->mutex);
	u->state.repaired++;
	pthread_mutex_unlock(&u->mutex);
	atomic_store(&u->planned, true);
	log_line(LOG_LEVEL_ERR, name->name, "%s", event.detail);
	err = history_put(u->config.store, u->config.notices, &event);
	if (err)
		log_host_warn(name, "the event of that is not written: %s", err_text(err));
}
