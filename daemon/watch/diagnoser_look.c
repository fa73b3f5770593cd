/* SPDX-License-Identifier: Apache-2.0 */
/* One look at a name: what is known of it before, and what becomes of the result. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/dns/ownership.h"
#include "daemon/order/issuer.h"
#include "daemon/order/plan.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/diagnoser_inside.h"
#include "store/cert.h"
#include "store/store.h"

enum { CAS_MAX = 32, FRESH_S = 3600, DOUBLINGS_MAX = 16 };

/* ---- before --------------------------------------------------------------------------------- */

static void
run(struct pool_task *task, const atomic_bool *stop)
{
	struct diagnosing *t = (struct diagnosing *)task;

	t->question.stop = stop;
	t->err = diagnose(&t->question, &t->d);
}

static void
take_leaf(struct store_txn *txn, const struct domain *d, struct diagnose_question *q)
{
	struct cert cert;
	unsigned len = 0;

	cert_init(&cert);
	if (d->generation > 0 && !cert_get_for(txn, d, &cert) &&
	    EVP_Digest(cert.leaf.data, cert.leaf.len, q->leaf, &len, EVP_sha256(), NULL) == 1)
		q->has_leaf = true;
	cert_done(&cert);
}

/* What was shown once is not asked for again. */
static enum err
take_token(struct diagnoser *g, const struct domain *d, struct diagnose_question *q)
{
	enum err err = ownership_token(g->store, g->conf, d, q->token);

	if (!err && ownership_is_shown(g->store, &d->name, q->token))
		q->token[0] = '\0';
	return err;
}

/* The domain as the store has it; its CA's name, "" when it has none. */
static enum err
take_domain(struct diagnoser *g, struct diagnose_question *q, char ca[NAME_WORD_MAX + 1])
{
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_read(g->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_get(txn, &q->name, &d);
	if (!err) {
		snprintf(ca, NAME_WORD_MAX + 1, "%s", d.ca);
		if (d.state == DOMAIN_FAILING)
			q->problem = d.problem;
		take_leaf(txn, &d, q);
	}
	store_abort(txn);
	if (!err && ownership_is_asked(g->conf, &d))
		err = take_token(g, &d, q);
	return err;
}

static void
take_account(struct diagnoser *g, const struct conf_ca *ca, struct diagnose_question *q)
{
	struct account account = {0};
	struct store_txn *txn;

	if (store_begin_read(g->store, STORE_PRIVATE, &txn))
		return;
	if (!account_get(txn, ca->directory, &account))
		memcpy(q->account, account.url, sizeof(q->account));
	account_done(&account);
	store_abort(txn);
}

static void
take_ca(struct diagnoser *g, const struct conf_ca *ca, struct diagnose_question *q)
{
	struct issuer_ca cas[CAS_MAX];
	size_t count = issuer_cas(g->issuer, cas, CAS_MAX);

	for (size_t i = 0; i < ca->challenge_count && i < CAA_METHODS_MAX; i++)
		q->methods[i] = challenge_kind_word(ca->challenges[i]);
	for (size_t i = 0; i < count; i++)
		if (strcmp(cas[i].name, ca->name) == 0)
			snprintf(q->identities, sizeof(q->identities), "%s", cas[i].identities);
	take_account(g, ca, q);
}

enum err
diagnosing_new(struct diagnoser *g, const struct hostname *name, uint64_t id,
               struct diagnosing **ret_task)
{
	struct diagnosing *t = calloc(1, sizeof(*t));
	char ca_name[NAME_WORD_MAX + 1] = "";
	const struct conf_ca *ca;
	enum err err;

	if (!t)
		return ERR_NOMEM;
	t->pool.run = run;
	t->id = id;
	t->conf = conf_ref(g->conf);
	t->question = (struct diagnose_question){
		.name = *name, .conf = t->conf, .store = g->store, .methods = {"http-01"}};
	err = take_domain(g, &t->question, ca_name);
	if (err && (err != ERR_NOTFOUND || id == 0)) {
		diagnosing_free(t);
		return err;
	}
	ca = err ? g->conf->otherwise.ca : conf_ca(g->conf, ca_name);
	if (ca)
		take_ca(g, ca, &t->question);
	*ret_task = t;
	return ERR_OK;
}

void
diagnosing_free(struct diagnosing *t)
{
	if (!t)
		return;
	conf_unref(t->conf);
	free(t);
}

/* ---- after ---------------------------------------------------------------------------------- */

static bool
is_fault(const struct diagnosis *d)
{
	return *d->code && strcmp(d->code, diagnose_word(DIAGNOSE_OK)) != 0;
}

static enum err
read_before(struct diagnoser *g, const struct hostname *name, struct domain *d,
            struct diagnosis *ret_before)
{
	struct store_txn *txn;
	enum err err = store_begin_read(g->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_get(txn, name, d);
	store_abort(txn);
	if (!err)
		err = store_begin_read(g->store, STORE_PRIVATE, &txn);
	if (err)
		return err;
	if (diagnosis_get(txn, name, ret_before))
		*ret_before = (struct diagnosis){0};
	store_abort(txn);
	return ERR_OK;
}

/* The more often the same was found the later again. */
static int64_t
next_look(const struct conf *conf, const struct diagnosis *d, int64_t most)
{
	int64_t wait = conf->diagnose.again_ms / 1000;

	for (uint32_t i = 1; i < d->looks && i < DOUBLINGS_MAX && wait < most; i++)
		wait *= 2;
	if (wait > most)
		wait = most;
	if (wait >= 10)
		wait += plan_spread_of(&d->name) % (uint32_t)(wait / 10);
	return d->at + (wait > 0 ? wait : 1);
}

void
diagnosing_go_on(const struct conf *conf, const struct diagnosis *before,
                 const struct domain *domain, struct diagnosis *d)
{
	bool same = strcmp(before->code, d->code) == 0;
	int64_t moves;

	d->since = same ? before->since : d->at;
	d->looks = same ? before->looks + 1 : 1;
	d->woken_at = before->woken_at;
	d->attempted_at = domain->attempted_at;
	if (!*d->owned)
		memcpy(d->owned, before->owned, sizeof(d->owned));
	/* None of a clock that was ahead. */
	d->away_since = before->away_since < d->at ? before->away_since : d->at;
	if (diagnose_place(d->code) == DIAGNOSE_HERE)
		d->away_since = 0;
	else if (diagnose_place(d->code) == DIAGNOSE_AWAY && !d->away_since)
		d->away_since = d->at;
	d->next_at = next_look(
		conf, d,
		domain->state == DOMAIN_MOVED ? DIAGNOSER_MOVED_MAX_S : DIAGNOSER_AGAIN_MAX_S);
	moves = domain->state == DOMAIN_MOVED ? 0 : moved_is_at(conf, d);
	if (moves > d->at && moves < d->next_at)
		d->next_at = moves;
}

/* The name, or the one whose order it shares, is due at AT. */
static enum err
make_due(struct diagnoser *g, const struct hostname *name, int64_t at)
{
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_write(g->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_get(txn, name, &d);
	if (!err && d.lead.len)
		err = domain_get(txn, &d.lead, &d);
	if (!err && (d.state != DOMAIN_FAILING || d.due_at <= at))
		err = ERR_BUSY; /* in work, or due anyway */
	if (!err) {
		d.due_at = at;
		err = domain_put(txn, &d);
	}
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

int64_t
diagnoser_wake_at(int64_t woken_at, int64_t now)
{
	bool soon =
		woken_at && woken_at <= now + DIAGNOSER_WAKE_S && now < woken_at + DIAGNOSER_WAKE_S;

	return soon ? woken_at + DIAGNOSER_WAKE_S : now;
}

/* At once, or as soon as it may be woken again. */
static void
wake(struct diagnoser *g, struct diagnosis *d)
{
	int64_t now = clock_wall(), at = diagnoser_wake_at(d->woken_at, now);
	char text[CLOCK_TEXT_MAX];
	enum err err = make_due(g, &d->name, at);

	if (!err) {
		d->woken_at = at;
		log_host_notice(&d->name, "what was wrong is right again: tried %s",
		                at <= now ? "now" : clock_format(at, text));
		issuer_wake(g->issuer);
	} else if (err != ERR_BUSY && err != ERR_NOTFOUND) {
		log_host_warn(&d->name, "not tried at once: %s", err_text(err));
	}
}

static void
make_event(const struct diagnosis *before, const struct diagnosis *d, struct event *e)
{
	*e = (struct event){.at = d->at};
	snprintf(e->name, sizeof(e->name), "%s", d->name.name);
	if (is_fault(d)) {
		snprintf(e->type, sizeof(e->type), "diagnosis.found");
		snprintf(e->detail, sizeof(e->detail), "%s (%s): %.400s", d->code,
		         event_actor_word(diagnose_actor(d->code)), d->text);
	} else {
		snprintf(e->type, sizeof(e->type), "diagnosis.gone");
		snprintf(e->detail, sizeof(e->detail), "%s is right again", before->code);
	}
}

static bool
is_news(const struct diagnosis *before, const struct diagnosis *d)
{
	return strcmp(before->code, d->code) != 0 && (is_fault(d) || is_fault(before));
}

enum err
diagnosing_put(struct store_txn *txn, const struct diagnosis *before, const struct diagnosis *d)
{
	struct event event;
	enum err err = diagnosis_put(txn, d);

	if (err || !is_news(before, d))
		return err;
	make_event(before, d, &event);
	return event_put(txn, &event);
}

static enum err
keep(struct diagnoser *g, const struct diagnosis *before, const struct diagnosis *d)
{
	struct store_txn *txn;
	enum err err = store_begin_write(g->store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	err = diagnosing_put(txn, before, d);
	if (err) {
		store_abort(txn);
		return err;
	}
	err = store_commit(txn);
	if (!err && is_news(before, d))
		notice_nudge(g->notices);
	return err;
}

/* Whatever else is wrong: the name waits for its owner only. */
static bool
is_shown_now(const struct domain *domain, const struct diagnosis *before, const struct diagnosis *d)
{
	return domain->problem.kind == PROBLEM_OWNERSHIP && strcmp(before->owned, d->owned) != 0;
}

static void
settle_moved(struct diagnoser *g, const struct diagnosis *before, const struct diagnosis *d)
{
	if (keep(g, before, d)) /* first: how long it was away is not to move it again */
		log_host_info(&d->name, "where it leads is not kept");
	if (diagnose_place(d->code) == DIAGNOSE_HERE)
		moved_end(g, &d->name, "it leads here again");
}

/* By a clock that is months ahead all that lead elsewhere have done so for months. */
static bool
has_moved(struct diagnoser *g, const struct conf *conf, const struct diagnosis *d)
{
	int64_t at = moved_is_at(conf, d);

	return at && at <= d->at && !clockwatch_is_suspect(g->clock);
}

void
diagnosing_settle(struct diagnoser *g, const struct diagnosing *t)
{
	struct diagnosis before = {0}, d = t->d;
	struct domain domain;
	enum err err = t->err;
	bool waits;

	if (!err)
		err = read_before(g, &d.name, &domain, &before);
	if (err || (domain.state != DOMAIN_FAILING && domain.state != DOMAIN_MOVED))
		return;
	diagnosing_go_on(t->conf, &before, &domain, &d);
	if (domain.state == DOMAIN_MOVED) {
		settle_moved(g, &before, &d);
		return;
	}
	/* for this, and the CA knows nothing */
	waits = domain.problem.kind == PROBLEM_DIAGNOSIS ||
	        domain.problem.kind == PROBLEM_OWNERSHIP;
	if (waits)
		d.woken_at = 0;
	if (!is_fault(&d) && is_fault(&before) && !waits)
		wake(g, &d);
	err = keep(g, &before, &d);
	if (!err && waits && (!is_fault(&d) || is_shown_now(&domain, &before, &d)))
		wake(g, &d);
	if (!err && has_moved(g, t->conf, &d))
		moved_begin(g, &d);
	if (err)
		log_host_info(&d.name, "what is wrong with it is not kept: %s", err_text(err));
}

bool
diagnoser_allows(struct store *store, const struct hostname *name, struct diagnosis *ret_diagnosis)
{
	struct store_txn *txn;
	struct diagnosis *d = ret_diagnosis;
	int64_t now = clock_wall();

	*d = (struct diagnosis){0};
	if (store_begin_read(store, STORE_PRIVATE, &txn))
		return true; /* what is advice in the end must not stop everything */
	if (diagnosis_get(txn, name, d) || d->at > now || d->at + FRESH_S < now)
		*d = (struct diagnosis){0};
	store_abort(txn);
	return *d->code && !is_fault(d);
}
