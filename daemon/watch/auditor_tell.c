/* SPDX-License-Identifier: Apache-2.0 */
/* What the auditor has found: events of what is new and of what is over, and a new certificate
 * where that helps. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/order/issuer.h"
#include "daemon/watch/auditor_inside.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/upkeep.h"
#include "store/event.h"
#include "store/fault.h"
#include "store/set.h"
#include "store/store.h"

enum { HOUR_MS = 3600 * 1000 };

/* `renewed`: a new certificate ends it. */
static const struct {
	const char *word;
	bool renewed;
} kinds[AUDIT_KINDS] = {
	[AUDIT_SERVED_DIFFERS] = {"mismatch.served_differs", false},
	[AUDIT_NOT_SERVED] = {"mismatch.not_served", false},
	[AUDIT_KEY] = {"mismatch.key", true},
	[AUDIT_SAN] = {"mismatch.san", true},
	[AUDIT_CHAIN] = {"mismatch.chain", true},
	[AUDIT_DATES] = {"mismatch.dates", true},
	[AUDIT_NOT_YET_VALID] = {"mismatch.not_yet_valid", false},
	[AUDIT_EXPIRED] = {"mismatch.expired", true},
	[AUDIT_REVOKED] = {"mismatch.revoked", true},
};

const char *
audit_kind_word(enum audit_kind kind)
{
	return kinds[kind].word;
}

/* ---- a new certificate ---------------------------------------------------------------------- */

static unsigned
renewable(void)
{
	unsigned bits = 0;

	for (int k = 0; k < AUDIT_KINDS; k++)
		bits |= kinds[k].renewed ? 1u << k : 0;
	return bits;
}

/* ERR_OK: D is to be put. ERR_NOTFOUND: nothing is to be done about it by us: it has no CA, or is
 * due, in work or failing, which has a plan of its own. */
static enum err
make_due(struct store_txn *txn, const struct hostname *name, struct domain *d)
{
	enum err err = domain_get(txn, name, d);

	if (!err && d->lead.len)
		err = set_lead(txn, d, d);
	if (err)
		return err;
	if (d->state != DOMAIN_VALID || d->due_at <= clock_wall())
		return ERR_NOTFOUND;
	d->due_at = clock_wall();
	return domain_put(txn, d);
}

/* Whether NAME needs no further asking. */
static bool
ask_for_renewal(struct auditor *a, const struct hostname *name)
{
	struct store_txn *txn;
	struct domain d;
	enum err err;

	if (a->renewals >= AUDITOR_RENEWALS ||
	    (a->config.upkeep && !upkeep_writes(a->config.upkeep)) ||
	    store_begin_write(a->config.store, STORE_SERVED, &txn))
		return false;
	err = make_due(txn, name, &d);
	err = store_finish(txn, err);
	if (err)
		return err == ERR_NOTFOUND;
	a->renewals++;
	pthread_mutex_lock(&a->mail.mutex);
	a->state.renewed++;
	pthread_mutex_unlock(&a->mail.mutex);
	log_host_notice(&d.name, "is renewed now, for what is wrong with its certificate");
	if (a->config.issuer)
		issuer_wake(a->config.issuer);
	return true;
}

/* ---- events --------------------------------------------------------------------------------- */

static struct event
event_of(const char *type, const struct hostname *name)
{
	struct event e = {.at = clock_wall()};

	snprintf(e.type, sizeof(e.type), "%s", type);
	snprintf(e.name, sizeof(e.name), "%s", name->name);
	return e;
}

/* A million names may share what is wrong: some an hour are told by name. */
static enum err
tell_fault(struct auditor *a, struct store_txn *txn, struct fault *f, enum audit_kind kind,
           const char *why)
{
	struct event e = event_of(kinds[kind].word, &f->name);

	log_host_warn(&f->name, "%s: %s", kinds[kind].word, why);
	if (a->told < AUDITOR_TOLD) {
		a->told++;
		f->told |= 1u << kind;
		snprintf(e.detail, sizeof(e.detail), "%s", why);
		return event_put(txn, &e);
	}
	e.name[0] = '\0';
	snprintf(e.detail, sizeof(e.detail), "so many more names; of %.200s: %s", f->name.name,
	         why);
	return event_tally(txn, &e);
}

static enum err
tell_healed(struct store_txn *txn, const struct fault *f, enum audit_kind kind)
{
	struct event e = event_of("mismatch.healed", &f->name);
	char since[CLOCK_TEXT_MAX];

	log_host_notice(&f->name, "%s is over", kinds[kind].word);
	if (!(f->told & (1u << kind)))
		return ERR_OK;
	snprintf(e.detail, sizeof(e.detail), "%s, found at %s, is over", kinds[kind].word,
	         clock_format(f->since, since));
	return event_put(txn, &e);
}

/* An operator may have acknowledged F since it was read; what is over is not any more. */
static enum err
keep_ack(struct store_txn *txn, struct fault *f)
{
	struct fault now;
	enum err err = fault_get(txn, &f->name, &now);

	if (!err) {
		f->acked = now.acked & f->open;
		f->acked_at = f->acked ? now.acked_at : 0;
		f->acked_by = now.acked_by;
	}
	return err == ERR_NOTFOUND || err == ERR_CORRUPT || err == ERR_VERSION ? ERR_OK : err;
}

/* Events of all that differs, and F as it is from now on. */
static enum err
write_changes(struct auditor *a, struct store_txn *txn, struct fault *f,
              const struct audit_finding *finding)
{
	unsigned now = finding ? finding->faults : 0;
	enum err err = ERR_OK;

	for (int k = 0; k < AUDIT_KINDS && finding && !err; k++) {
		unsigned bit = 1u << k;

		if (now & ~f->open & bit) {
			snprintf(f->why, sizeof(f->why), "%s", finding->why[k]);
			err = tell_fault(a, txn, f, k, finding->why[k]);
		}
		if (f->open & ~now & bit && !err)
			err = tell_healed(txn, f, k);
	}
	f->told &= now;
	f->open = now;
	if (!err)
		err = keep_ack(txn, f);
	if (err)
		return err;
	return now ? fault_put(txn, f) : fault_del(txn, &f->name);
}

static void
count(struct auditor *a, unsigned begun)
{
	pthread_mutex_lock(&a->mail.mutex);
	for (int k = 0; k < AUDIT_KINDS; k++)
		a->state.found[k] += (begun >> k) & 1;
	pthread_mutex_unlock(&a->mail.mutex);
}

/* F is as it was, or new. */
static enum err
store_changes(struct auditor *a, struct fault *f, const struct audit_finding *finding)
{
	unsigned begun = finding ? finding->faults & ~f->open : 0, told = a->told;
	struct store_txn *txn;
	enum err err = store_begin_write(a->config.store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = write_changes(a, txn, f, finding);
	err = store_finish(txn, err);
	if (err) {
		a->told = told;
		return err;
	}
	count(a, begun);
	notice_nudge(a->config.notices);
	return ERR_OK;
}

/* ERR_OK also when there is none: RET->open is 0 then. */
static enum err
read_fault(struct auditor *a, const struct hostname *name, struct fault *ret)
{
	struct store_txn *txn;
	enum err err = store_begin_read(a->config.store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = fault_get(txn, name, ret);
	store_abort(txn);
	if (err != ERR_NOTFOUND && err != ERR_CORRUPT && err != ERR_VERSION)
		return err;
	*ret = (struct fault){.name = *name, .since = clock_wall()};
	return ERR_OK;
}

static void
begin_hour(struct auditor *a)
{
	int64_t now = clock_mono_ms();

	if (now < a->hour_until)
		return;
	a->hour_until = now + HOUR_MS;
	a->told = a->renewals = 0;
}

void
auditor_settle(struct auditor *a, const struct hostname *name, const struct audit_finding *finding)
{
	unsigned now = finding ? finding->faults : 0;
	struct fault f;
	enum err err = read_fault(a, name, &f);
	bool asked = f.asked;

	if (err || (!now && !f.open))
		return;
	begin_hour(a);
	if (!asked && (now & renewable()) && ask_for_renewal(a, name))
		f.asked = true;
	if (now == f.open && f.asked == asked)
		return;
	err = store_changes(a, &f, finding);
	if (err)
		log_warn("what the auditor has found is not written: %s", err_text(err));
}
