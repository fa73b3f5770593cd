/* SPDX-License-Identifier: Apache-2.0 */
/* One name: what is stored of it, held against the rules, the plan, the CA's word and a handshake.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acme/inspect.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/front/pair.h"
#include "daemon/order/plan.h"
#include "daemon/watch/auditor_inside.h"
#include "daemon/watch/upkeep.h"
#include "store/cert.h"
#include "store/ocsp.h"
#include "store/renewal.h"
#include "store/store.h"

/* The renewal is due with its window's end; this long it may take. */
enum { WINDOW_GRACE_S = 3600 };

/* A certificate with all that is stored about it. */
struct exhibit {
	struct cert cert;
	struct buf issuers;
	struct renewal renewal; /* generation 0: none */
	int64_t revoked_at;     /* the responder has said so; 0: not */
	int64_t not_before;     /* as the plan has them */
	int64_t not_after;
	bool present;
};

static void PRINTF_LIKE(3, 4)
	find(struct audit_finding *finding, enum audit_kind kind, const char *format, ...)
{
	va_list ap;

	if (finding->faults & (1u << kind))
		return;
	finding->faults |= 1u << kind;
	va_start(ap, format);
	vsnprintf(finding->why[kind], AUDIT_WHY_MAX, format, ap);
	va_end(ap);
}

static bool
is_damage(enum err err)
{
	return err == ERR_CORRUPT || err == ERR_VERSION || err == ERR_INVALID;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void
exhibit_done(struct exhibit *e)
{
	cert_done(&e->cert);
	buf_done(&e->issuers);
}

/* Those two are advice: one that does not open says nothing. */
static void
read_words(struct store_txn *txn, const struct domain *d, bool second, struct exhibit *e)
{
	struct ocsp o;

	if (renewal_get(txn, &d->name, e->cert.generation, &e->renewal))
		e->renewal.generation = 0;
	ocsp_init(&o);
	if (ocsp_get(txn, &d->name, second, &o) == ERR_OK && o.generation == e->cert.generation &&
	    !o.response.len)
		e->revoked_at = o.this_update;
	ocsp_done(&o);
}

static enum err
read_exhibit(struct store_txn *txn, const struct domain *d, bool second, struct exhibit *e)
{
	enum err err;

	*e = (struct exhibit){.present = second ? d->second.generation != 0 : d->generation != 0};
	cert_init(&e->cert);
	if (!e->present)
		return ERR_OK;
	e->not_before = second ? d->second.not_before : d->not_before;
	e->not_after = second ? d->second.not_after : d->not_after;
	err = pair_get(txn, d, second, &e->cert);
	if (!err)
		err = cert_chain_get(txn, e->cert.chain_id, &e->issuers);
	if (err == ERR_NOTFOUND) /* what a certificate says is there */
		err = ERR_CORRUPT;
	if (!err && !buf_ok(&e->issuers))
		err = ERR_NOMEM;
	if (!err)
		read_words(txn, d, second, e);
	return err;
}

static enum err
read_name(struct auditor *a, const struct hostname *name, struct domain *ret_d,
          struct exhibit exhibits[2])
{
	struct store_txn *txn;
	enum err err = store_begin_read(a->config.store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_get(txn, name, ret_d);
	if (!err)
		err = read_exhibit(txn, ret_d, false, &exhibits[0]);
	if (!err)
		err = read_exhibit(txn, ret_d, true, &exhibits[1]);
	store_abort(txn);
	return err;
}

/* What was found is of a state that is over. */
static bool
has_changed(struct auditor *a, const struct domain *d)
{
	struct store_txn *txn;
	struct domain now;
	enum err err = store_begin_read(a->config.store, STORE_SERVED, &txn);

	if (err)
		return true;
	err = domain_get(txn, &d->name, &now);
	store_abort(txn);
	return err || now.generation != d->generation ||
	       now.second.generation != d->second.generation ||
	       strcmp(now.backend, d->backend) != 0;
}

/* ---- judging -------------------------------------------------------------------------------- */

static enum err
judge_certificate(const struct domain *d, const struct exhibit *e, struct audit_finding *finding)
{
	static const enum audit_kind kinds[INSPECT_END] = {
		[INSPECT_KEY] = AUDIT_KEY,         [INSPECT_NAME] = AUDIT_SAN,
		[INSPECT_CHAIN] = AUDIT_CHAIN,     [INSPECT_NOT_YET] = AUDIT_NOT_YET_VALID,
		[INSPECT_EXPIRED] = AUDIT_EXPIRED,
	};
	const struct inspect_subject subject = {.name = &d->name,
	                                        .leaf = {e->cert.leaf.data, e->cert.leaf.len},
	                                        .issuers = {e->issuers.data, e->issuers.len},
	                                        .key = &e->cert.key};
	struct inspection in;
	enum err err = inspect(&subject, clock_wall(), &in);

	if (d->state == DOMAIN_MOVED) /* nobody comes here for it */
		in.faults &= ~(1u << INSPECT_EXPIRED);
	for (int i = 0; !err && i < INSPECT_END; i++)
		if (in.faults & (1u << i))
			find(finding, kinds[i], "%s", in.why[i]);
	if (!err && (in.not_before != e->not_before || in.not_after != e->not_after))
		find(finding, AUDIT_DATES,
		     "its certificate's dates are not those that its renewal is planned by");
	return err;
}

/* The CA that calls a certificate back names a window that is over (RFC 9773, 4.2). So is in the
 * end that of a name which fails, is paused or has moved, but this one was a usual one. */
static bool
is_called_back(const struct exhibit *e)
{
	const struct renewal *r = &e->renewal;

	return r->generation && r->window_end && r->window_end + WINDOW_GRACE_S <= clock_wall() &&
	       r->window_end < plan_renew_at(e->not_before, e->not_after, 0);
}

static void
judge_words(const struct exhibit *e, struct audit_finding *finding)
{
	const struct renewal *r = &e->renewal;
	char text[CLOCK_TEXT_MAX];

	if (e->revoked_at)
		find(finding, AUDIT_REVOKED, "the CA's OCSP responder says that it is revoked");
	else if (is_called_back(e))
		find(finding, AUDIT_REVOKED,
		     "the CA wants it replaced before %s (renewal information): it may be revoked",
		     clock_format(r->window_end, text));
}

static enum err
judge_at(struct auditor *a, const struct audit_wanted *wanted, struct audit_finding *finding)
{
	bool several = audit_front_listeners(a->front) > 1;
	char why[AUDIT_WHY_MAX];
	enum audit_answer answer;
	enum err err = audit_front_ask(a->front, wanted, &answer, why);

	if (err || (answer != AUDIT_OTHER && answer != AUDIT_NONE))
		return err;
	find(finding, answer == AUDIT_OTHER ? AUDIT_SERVED_DIFFERS : AUDIT_NOT_SERVED, "%s%s%s",
	     why, several ? ", at " : "",
	     several ? audit_front_listener(a->front, wanted->listener) : "");
	return ERR_OK;
}

/* One that does not hold now may well not be served: a wildcard's, or the other one goes first. A
 * name whose fault is open is looked at everywhere, or it would be well in every other round. */
static enum err
judge_served(struct auditor *a, const struct domain *d, const struct exhibit *e,
             struct audit_finding *finding)
{
	struct audit_wanted wanted = {.name = &d->name,
	                              .leaf = {e->cert.leaf.data, e->cert.leaf.len},
	                              .issuers = {e->issuers.data, e->issuers.len},
	                              .rsa = pair_leaf_is_rsa(&e->cert.leaf)};
	int64_t now = clock_wall();
	size_t count, looks;
	enum err err = ERR_OK;

	if (!a->front || now < e->not_before || e->not_after <= now)
		return ERR_OK;
	count = audit_front_listeners(a->front);
	looks = a->everywhere ? count : 1;
	for (size_t i = 0; i < looks && !err; i++) {
		wanted.listener = (plan_spread_of(&d->name) + a->round + i) % count;
		err = judge_at(a, &wanted, finding);
	}
	return err;
}

static enum err
judge(struct auditor *a, const struct domain *d, const struct exhibit *e,
      struct audit_finding *finding)
{
	enum err err = judge_certificate(d, e, finding);

	if (!err)
		judge_words(e, finding);
	/* What else is to be expected of a wrong key? */
	if (!err && !(finding->faults & (1u << AUDIT_KEY)))
		err = judge_served(a, d, e, finding);
	return err;
}

enum err
auditor_look_at(struct auditor *a, const struct hostname *name, struct audit_finding *ret_finding)
{
	struct exhibit exhibits[2] = {{.present = false}, {.present = false}};
	struct domain d;
	enum err err = read_name(a, name, &d, exhibits);

	ret_finding->faults = 0;
	for (int i = 0; i < 2 && !err; i++)
		if (exhibits[i].present)
			err = judge(a, &d, &exhibits[i], ret_finding);
	for (int i = 0; i < 2; i++)
		exhibit_done(&exhibits[i]);
	if (is_damage(err)) {
		if (a->config.upkeep)
			upkeep_suspect(a->config.upkeep, name);
		return ERR_CORRUPT;
	}
	return !err && ret_finding->faults && has_changed(a, &d) ? ERR_AGAIN : err;
}
