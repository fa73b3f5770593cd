/* SPDX-License-Identifier: Apache-2.0 */
/* What an import writes: certificate, domain and event of each name. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/key.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/control/import_inside.h"
#include "daemon/front/pair.h"
#include "daemon/front/staple.h"
#include "daemon/order/plan.h"
#include "daemon/watch/upkeep.h"
#include "store/cert.h"
#include "store/cert_pool.h"
#include "store/event.h"
#include "store/store.h"

static int
compare_names(const void *a, const void *b)
{
	const struct import_name *const *x = a, *const *y = b;
	int order = strcmp((*x)->name.name, (*y)->name.name);

	/* The same name twice: in the order of the request. */
	return order ? order : (*x > *y) - (*x < *y);
}

/* Whether what is stored there stays. What is missing or damaged does not: importing again heals.
 */
static bool
stays(struct store_txn *txn, const struct domain *d, bool second, const struct import_job *job,
      struct import_name *n)
{
	const struct domain_second there =
		second ? d->second
		       : (struct domain_second){d->generation, d->not_before, d->not_after};
	const struct bundle *b = &n->cert->bundle;
	struct cert cert;
	bool opens, same;

	if (there.generation == 0 || job->replace)
		return false;
	cert_init(&cert);
	opens = pair_get(txn, d, second, &cert) == ERR_OK;
	same = opens && there.not_after == b->not_after && cert.leaf.len == b->leaf.len &&
	       memcmp(cert.leaf.data, b->leaf.data, b->leaf.len) == 0;
	cert_done(&cert);
	if (same)
		return true;
	if (!opens || there.not_after <= clock_wall() || there.not_before < b->not_before)
		return false;
	n->detail = "the stored certificate is newer: it stays, unless \"replace\" is true";
	return true;
}

static enum err
fill_cert(struct store_txn *txn, const struct bundle *b, const struct domain *d, struct cert *cert)
{
	enum err err;

	cert->not_before = b->not_before;
	cert->not_after = b->not_after;
	cert->key_kind = b->key.len == KEY_P256_SCALAR_LEN ? CERT_KEY_P256 : CERT_KEY_PKCS8;
	err = cert_next_generation(txn, d, &cert->generation);
	if (!err)
		err = secret_copy(&cert->key, &b->key);
	buf_add(&cert->leaf, b->leaf.data, b->leaf.len);
	return err || buf_ok(&cert->leaf) ? err : ERR_NOMEM;
}

/* One record for all names of a certificate: they are all put in this transaction. It is gone again
 * when the only names that had it by then have got another one in the same request. */
static enum err
put_cert(struct store_txn *txn, struct import_cert *from, struct domain *d, bool second)
{
	const struct bundle *b = &from->bundle;
	bool shared = b->name_count > 1;
	struct cert cert;
	enum err err;

	cert_init(&cert);
	err = fill_cert(txn, b, d, &cert);
	if (shared && from->pooled && cert_pool_has(txn, from->pooled))
		cert.generation = from->pooled;
	else if (!err && shared)
		err = cert_pool_put(txn, b->names, b->name_count, &cert, &b->issuers);
	else if (!err)
		err = cert_pool_put(txn, &d->name, 1, &cert, &b->issuers);
	if (!err && shared)
		from->pooled = cert.generation;
	if (!err)
		err = staple_plan(txn, &d->name, second, cert.generation,
		                  (struct span){cert.leaf.data, cert.leaf.len});
	if (second)
		d->second =
			(struct domain_second){cert.generation, cert.not_before, cert.not_after};
	else
		domain_take_cert(d, &cert, true);
	if (!second)
		pair_settle(txn, d, from->is_rsa);
	cert_done(&cert);
	return err;
}

/* What a new certificate makes of its domain. A second one changes no plan. */
static void
make_valid(struct domain *d, const struct bundle *b)
{
	d->problem = (struct problem){0};
	if (d->state == DOMAIN_EXTERNAL)
		return; /* somebody else renews it */
	d->state = DOMAIN_VALID;
	d->failures = 0;
	if (d->due_at != 0) /* an order in work goes on, and ends as it ends */
		d->due_at = plan_renew_at(b->not_before, b->not_after, plan_spread_of(&d->name));
}

static enum err
put_name(struct store_txn *txn, const struct import_job *job, struct import_name *n)
{
	struct domain d;
	bool second = false;
	enum err err = domain_get(txn, &n->name, &d);

	n->change = "updated";
	n->detail = NULL;
	n->err = ERR_OK;
	if (err == ERR_NOTFOUND) {
		d = (struct domain){.name = n->name, .created_at = clock_wall(), .due_at = -1};
		snprintf(d.ca, sizeof(d.ca), "%s", job->ca);
		snprintf(d.cas, sizeof(d.cas), "%s", job->cas);
		if (!job->ca[0])
			domain_make_external(&d);
		snprintf(d.backend, sizeof(d.backend), "%s", job->backend);
		n->change = "created";
	} else if (err) {
		n->err = err;
		return err == ERR_CORRUPT ? ERR_OK : err;
	} else if (second = pair_takes_second(txn, &d, n->cert->is_rsa),
	           stays(txn, &d, second, job, n)) {
		n->change = "unchanged";
		return ERR_OK;
	}
	if (job->no_room[0]) {
		n->err = ERR_FULL;
		n->detail = job->no_room;
	}
	if (n->err || job->dry_run)
		return ERR_OK;
	if (!second)
		make_valid(&d, &n->cert->bundle);
	err = put_cert(txn, n->cert, &d, second);
	return err ? err : domain_put(txn, &d);
}

static enum err
put_all(struct store *store, const struct import_job *job, struct import_name **names, size_t count)
{
	struct store_txn *txn;
	bool reads = job->dry_run || job->no_room[0];
	enum err err = reads ? store_begin_read(store, STORE_SERVED, &txn)
	                     : store_begin_write(store, STORE_SERVED, &txn);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++)
		names[i]->cert->pooled = 0;
	for (size_t i = 0; i < count && !err; i++)
		err = put_name(txn, job, names[i]);
	if (!err && !reads)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

static enum err
put_event(struct store_txn *txn, const struct import_name *n)
{
	const struct bundle *b = &n->cert->bundle;
	struct event e = {.at = clock_wall()};
	char at[CLOCK_TEXT_MAX];

	snprintf(e.type, sizeof(e.type), "cert.stored");
	snprintf(e.name, sizeof(e.name), "%s", n->name.name);
	snprintf(e.detail, sizeof(e.detail), "imported, serial %s, issuer %s, until %s", b->serial,
	         b->issuer, clock_format(b->not_after, at));
	return event_put(txn, &e);
}

static void
put_events(struct store *store, struct import_name **names, size_t count)
{
	struct store_txn *txn;
	enum err err = store_begin_write(store, STORE_PRIVATE, &txn);

	if (!err) {
		for (size_t i = 0; i < count && !err; i++)
			if (!names[i]->err && strcmp(names[i]->change, "unchanged") != 0)
				err = put_event(txn, names[i]);
		err = store_finish(txn, err);
	}
	if (err)
		log_warn("events are not written: %s", err_text(err));
}

/* The disk's reserve is for what is in work, and a stop does not wait for long work. */
static enum err
put_if_allowed(struct import_place *place, struct import_job *job, struct import_name **names,
               size_t count)
{
	enum err err;

	if (atomic_load(&place->stop))
		return ERR_STOPPED;
	pthread_mutex_lock(&place->served);
	if (upkeep_takes_new(place->upkeep, job->no_room, sizeof(job->no_room)))
		job->no_room[0] = '\0';
	err = put_all(place->store, job, names, count);
	if (err == ERR_FULL) /* the map has grown, or the disk is full */
		err = put_all(place->store, job, names, count);
	if (!job->dry_run)
		store_let_others_write();
	pthread_mutex_unlock(&place->served);
	return err;
}

void
import_put(struct import_place *place, struct import_job *job, struct import_name **names,
           size_t count)
{
	bool any = false;
	enum err err;

	qsort(names, count, sizeof(*names), compare_names);
	err = put_if_allowed(place, job, names, count);
	for (size_t i = 0; i < count; i++) {
		if (err) {
			names[i]->err = err;
			names[i]->detail = NULL;
		}
		any = any || (!names[i]->err && strcmp(names[i]->change, "unchanged") != 0);
	}
	if (err && err != ERR_STOPPED)
		log_err("the store takes no import: %s", err_text(err));
	if (err || !any || job->dry_run)
		return;
	pthread_mutex_lock(&place->private);
	put_events(place->store, names, count);
	store_let_others_write();
	pthread_mutex_unlock(&place->private);
}
