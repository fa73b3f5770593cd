/* SPDX-License-Identifier: Apache-2.0 */
/* What an import writes: certificate, domain and event of each name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/key.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/import_inside.h"
#include "daemon/plan.h"
#include "daemon/staple.h"
#include "store/cert.h"
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

/* Spreads renewals; the hour of a million imports must not become the hour of their renewals. */
static uint32_t
spread_of(const struct hostname *name)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < name->len; i++)
		h = (h ^ (uint8_t)name->name[i]) * 16777619u;
	return h;
}

static bool
has_leaf(struct store_txn *txn, const struct domain *d, const struct bundle *b)
{
	struct cert cert;
	bool same;

	cert_init(&cert);
	same = cert_get_for(txn, d, &cert) == ERR_OK && cert.leaf.len == b->leaf.len &&
	       memcmp(cert.leaf.data, b->leaf.data, b->leaf.len) == 0;
	cert_done(&cert);
	return same;
}

/* Whether what is stored stays. */
static bool
stays(struct store_txn *txn, const struct domain *d, const struct import_job *job,
      struct import_name *n)
{
	const struct bundle *b = &n->cert->bundle;

	if (d->generation == 0 || job->replace)
		return false;
	if (d->not_after == b->not_after && has_leaf(txn, d, b))
		return true;
	if (d->not_after <= clock_wall() || d->not_before < b->not_before)
		return false;
	n->detail = "the stored certificate is newer: it stays, unless \"replace\" is true";
	return true;
}

static enum err
put_cert(struct store_txn *txn, const struct bundle *b, struct domain *d)
{
	struct cert cert;
	enum err err;

	cert_init(&cert);
	cert.not_before = b->not_before;
	cert.not_after = b->not_after;
	cert.key_kind = b->key.len == KEY_P256_SCALAR_LEN ? CERT_KEY_P256 : CERT_KEY_PKCS8;
	err = cert_next_generation(txn, d, &cert.generation);
	if (!err)
		err = secret_copy(&cert.key, &b->key);
	buf_add(&cert.leaf, b->leaf.data, b->leaf.len);
	if (!err && !buf_ok(&cert.leaf))
		err = ERR_NOMEM;
	if (!err)
		err = cert_put(txn, &d->name, &cert, &b->issuers);
	if (!err)
		err = staple_plan(txn, &d->name, cert.generation,
		                  (struct span){cert.leaf.data, cert.leaf.len});
	d->generation = cert.generation;
	cert_done(&cert);
	return err;
}

static enum err
put_name(struct store_txn *txn, const struct import_job *job, struct import_name *n)
{
	const struct bundle *b = &n->cert->bundle;
	struct domain d;
	enum err err = domain_get(txn, &n->name, &d);

	n->change = "updated";
	n->detail = NULL;
	if (err == ERR_NOTFOUND) {
		d = (struct domain){.name = n->name, .created_at = clock_wall(), .due_at = -1};
		snprintf(d.ca, sizeof(d.ca), "%s", job->ca);
		snprintf(d.backend, sizeof(d.backend), "%s", job->backend);
		n->change = "created";
	} else if (err) {
		n->err = err;
		return err == ERR_CORRUPT ? ERR_OK : err;
	} else if (stays(txn, &d, job, n)) {
		n->change = "unchanged";
		return ERR_OK;
	}
	if (job->dry_run)
		return ERR_OK;
	d.state = DOMAIN_VALID;
	d.not_before = b->not_before;
	d.not_after = b->not_after;
	d.failures = 0;
	d.problem = (struct problem){0};
	if (d.due_at != 0) /* an order in work goes on, and ends as it ends */
		d.due_at = plan_renew_at(b->not_before, b->not_after, spread_of(&n->name));
	err = put_cert(txn, b, &d);
	return err ? err : domain_put(txn, &d);
}

static enum err
put_all(struct store *store, const struct import_job *job, struct import_name **names, size_t count)
{
	struct store_txn *txn;
	enum err err = job->dry_run ? store_begin_read(store, STORE_SERVED, &txn)
	                            : store_begin_write(store, STORE_SERVED, &txn);

	if (err)
		return err;
	for (size_t i = 0; i < count && !err; i++)
		err = put_name(txn, job, names[i]);
	if (!err && !job->dry_run)
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
		if (err)
			store_abort(txn);
		else
			err = store_commit(txn);
	}
	if (err)
		log_warn("events are not written: %s", err_text(err));
}

void
import_put(struct store *store, const struct import_job *job, struct import_name **names,
           size_t count)
{
	bool any = false;
	enum err err;

	qsort(names, count, sizeof(*names), compare_names);
	err = put_all(store, job, names, count);
	if (err == ERR_FULL) /* the map has grown, or the disk is full */
		err = put_all(store, job, names, count);
	for (size_t i = 0; i < count; i++) {
		if (err)
			names[i]->err = err;
		any = any || (!names[i]->err && strcmp(names[i]->change, "unchanged") != 0);
	}
	if (err)
		log_err("the store takes no import: %s", err_text(err));
	else if (any && !job->dry_run)
		put_events(store, names, count);
}
