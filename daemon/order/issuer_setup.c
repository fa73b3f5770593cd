/* SPDX-License-Identifier: Apache-2.0 */
/* How the issuer begins and changes: what the last life left in the store, and which CAs there are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acme/pace.h"
#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer_errand.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/order/keymaker.h"
#include "daemon/order/prove.h"
#include "daemon/order/suffix.h"
#include "daemon/watch/upkeep.h"
#include "store/attempt.h"
#include "store/challenge.h"
#include "store/order.h"
#include "store/store.h"

enum {
	SCAN_PAGE = 256,
	SEEK_AFTER_MS = 1000, /* what our killed predecessor sent may still be on its way */
};

static void
wake(void *arg)
{
	issuer_wake(arg);
}

/* The list is looked for anew with each configuration. */
static void
open_suffixes(struct issuer *s, const struct conf *conf)
{
	struct suffix *suffix;

	if (conf->public_suffixes && access(conf->public_suffixes, R_OK) != 0)
		log_warn("the list of public suffixes %s cannot be read: %s", conf->public_suffixes,
		         strerror(errno));
	if (suffix_new(conf->public_suffixes, &suffix)) {
		log_warn("there is no list of public suffixes: the last two labels of a name are "
		         "taken for its registered domain");
		suffix = NULL;
	}
	suffix_free(s->suffix);
	s->suffix = suffix;
}

const struct suffix *
issuer_suffix(const struct issuer *s)
{
	return s->suffix;
}

enum err
issuer_make_parts(struct issuer *s)
{
	struct prover_config prover = {
		.store = s->store, .notices = s->notices, .wake = wake, .arg = s};
	enum err err = transport_new(TRANSPORT_ACME_AGENT, &s->transport);

	open_suffixes(s, s->conf);
	if (!err)
		err = issuer_open_errands(s);
	if (!err)
		err = keymaker_new(wake, s, &s->account_keys);
	if (!err)
		err = keymaker_new(wake, s, &s->keymaker);
	return err ? err : prover_new(&prover, &s->prover);
}

/* ---- what the last life left ---------------------------------------------------------------- */

/* An order record whose domain says due_at 0 was in work: it is due at once. One whose domain is
 * valid has done its work and only missed its own end. Others are parked until their due time. */
static void
resume_one(struct issuer *s, const struct hostname *name)
{
	struct store_txn *txn;
	struct domain d;
	bool gone;
	enum err err = store_begin_read(s->store, STORE_SERVED, &txn);

	if (err)
		return;
	err = domain_get(txn, name, &d);
	store_abort(txn);
	if (err == ERR_NOTFOUND || (!err && (d.state == DOMAIN_EXTERNAL || d.lead.len)) ||
	    (!err && d.due_at != 0 && d.state == DOMAIN_VALID)) {
		if (store_begin_write(s->store, STORE_PRIVATE, &txn))
			return;
		gone = err == ERR_NOTFOUND;
		err = order_del(txn, name); /* a failure sticks: the commit tells */
		if (!err && gone)
			err = attempts_del(txn, name);
		if (store_commit(txn) || err)
			log_host_warn(name, "its ended order cannot be removed");
	} else if (!err && d.due_at == 0) {
		log_host_info(name, "goes on with the order it was in");
		issuer_requeue(s, name, false);
	}
}

/* Of orders that are over, or whose name was removed: an order's record is there before its
 * challenges are, and goes after them. Jobs that are at work have their own. */
static void
expire_challenges(struct issuer *s)
{
	struct store_txn *txn;
	enum err err;

	if (s->jobs)
		return;
	if (store_begin_write(s->store, STORE_SERVED, &txn))
		return;
	err = challenge_expire(txn, INT64_MAX); /* a failure sticks */
	if (store_commit(txn) || err)
		log_warn("old challenges cannot be removed");
}

void
issuer_resume(struct issuer *s)
{
	static struct hostname names[SCAN_PAGE]; /* this thread's only */
	struct hostname last;
	size_t count = SCAN_PAGE;
	struct store_txn *txn;

	if (!upkeep_writes(s->upkeep))
		return;
	for (bool first = true; count == SCAN_PAGE; first = false) {
		if (store_begin_read(s->store, STORE_PRIVATE, &txn))
			return;
		if (order_page(txn, first ? NULL : &last, SCAN_PAGE, names, &count))
			count = 0;
		store_abort(txn);
		for (size_t i = 0; i < count; i++)
			resume_one(s, &names[i]);
		if (count)
			last = names[count - 1];
	}
	expire_challenges(s);
}

/* ---- CAs ------------------------------------------------------------------------------------ */

static void
drop_jobs_of(struct issuer *s, struct authority *ca, bool forget_orders)
{
	struct job *job, *next;

	HASH_ITER(hh, s->jobs, job, next)
	{
		if (job->ca != ca)
			continue;
		if (job->phase < JOB_CLOSE)
			issuer_requeue(s, &job->name, forget_orders);
		issuer_withdraw(s, job);
		issuer_remove_job(s, job);
	}
}

/* Blocks with the same directory share an account and its pace; one of them looks after it. */
static void
choose_leaders(struct issuer *s)
{
	for (size_t i = 0; i < s->ca_count; i++) {
		struct authority *ca = s->cas[i];

		ca->leader = NULL;
		for (size_t j = 0; j < s->ca_count && !ca->leader; j++)
			if (strcmp(s->cas[j]->conf->directory, ca->conf->directory) == 0)
				ca->leader = s->cas[j];
		if (ca->leader == ca)
			pace_set(ca->pace, ca->conf->limits.requests);
	}
}

void
issuer_add_ca(struct issuer *s, const struct conf_ca *conf)
{
	struct authority *ca = s->ca_count < ISSUER_CAS_MAX ? calloc(1, sizeof(*ca)) : NULL;

	if (!ca) {
		log_err("ca %s cannot be used: too many CAs (at most %d), or no memory", conf->name,
		        ISSUER_CAS_MAX);
		return;
	}
	*ca = (struct authority){.conf = conf,
	                         .issuer = s,
	                         .store = s->store,
	                         .transport = s->transport,
	                         .notices = s->notices,
	                         .keymaker = s->account_keys,
	                         .check_at = 1};
	if (conf->ca_file && access(conf->ca_file, R_OK) != 0)
		log_warn("ca %s: its ca-file %s cannot be read: %s", conf->name, conf->ca_file,
		         strerror(errno));
	if (pace_open(conf->directory, &ca->pace))
		log_warn("ca %s: no memory to count its requests per second", conf->name);
	authority_load_budget(ca);
	ca->seek_at = clock_mono_ms() + SEEK_AFTER_MS;
	s->cas[s->ca_count++] = ca;
	choose_leaders(s);
	ca->quiet = ca->leader->quiet;
}

void
issuer_remove_ca(struct issuer *s, size_t i)
{
	issuer_end_errands(s, s->cas[i]);
	authority_done(s->cas[i]);
	free(s->cas[i]);
	s->cas[i] = s->cas[--s->ca_count];
	choose_leaders(s);
}

/* Its client, jobs and errands stay. */
static void
keep_ca(struct authority *ca, const struct conf_ca *conf)
{
	ca->conf = conf;
	ca->check_at = clock_mono_ms();
	if (ca->client && client_take_contacts(ca->client, conf->contacts, conf->contact_count))
		log_warn("ca %s: out of memory, its contacts stay as they were", conf->name);
}

void
issuer_take_conf(struct issuer *s, const struct conf *conf)
{
	for (size_t i = s->ca_count; i-- > 0;) {
		struct authority *ca = s->cas[i];
		const struct conf_ca *now = conf_ca(conf, ca->conf->name);

		if (now && authority_same(ca->conf, now)) {
			keep_ca(ca, now);
			authority_load_budget(ca);
			continue;
		}
		drop_jobs_of(s, ca, !now || strcmp(now->directory, ca->conf->directory) != 0);
		issuer_remove_ca(s, i);
	}
	for (size_t i = 0; i < conf->ca_count; i++) {
		bool have = false;

		for (size_t j = 0; j < s->ca_count; j++)
			have = have || s->cas[j]->conf == &conf->cas[i];
		if (!have)
			issuer_add_ca(s, &conf->cas[i]);
	}
	choose_leaders(s);
	open_suffixes(s, conf);
	conf_unref(s->conf);
	s->conf = conf;
	s->sweep_at = 0;
	s->swept.len = 0;
}
