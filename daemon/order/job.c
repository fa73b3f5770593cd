/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/job.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/engine.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/chance.h"
#include "daemon/common/notice.h"
#include "daemon/conf/conf.h"
#include "daemon/order/authority.h"
#include "daemon/order/failover.h"
#include "daemon/order/issuer.h"
#include "daemon/order/job_attempt.h"
#include "daemon/order/job_failure.h"
#include "daemon/order/job_limits.h"
#include "daemon/order/job_set.h"
#include "daemon/order/plan.h"
#include "daemon/order/prove.h"
#include "daemon/watch/renewal.h"
#include "store/cert.h"
#include "store/order.h"
#include "store/set.h"
#include "store/store.h"

/* How an order of JOB's CA goes on, whatever was ordered; WORDS must outlive it. */
static struct engine_config
how_to_order(const struct job *job, const struct conf *conf, const char *words[CHALLENGE_KIND_END])
{
	return (struct engine_config){
		.challenges = words,
		.challenge_count = proof_words(conf, job->ca->conf, words),
		.chain_issuer = job->ca->conf->chain_issuer,
		.chain_spki = job->ca->conf->chain_spki,
		.now = clock_wall(),
		.seed = chance_u32(),
	};
}

static enum err
new_engine(struct job *job, const struct conf *conf, struct store *store)
{
	const char *words[CHALLENGE_KIND_END];
	struct engine_config config = how_to_order(job, conf, words);
	struct job_order_texts texts;
	enum err err = job_set_order(job, conf, store, &texts, &config);

	config.profile = job->ca->conf->profile;
	config.profile_required = job->ca->conf->profile_required;
	if (!err && config.replaces)
		job->kind = LIMITS_REPLACES;
	else if (!err && job->domain.generation && config.name_count == 1)
		job->kind = LIMITS_RENEWAL;
	job->created_at = clock_wall();
	return err ? err : engine_new(&config, &job->engine);
}

/* The stored order, if it can be gone on with; ERR_NOTFOUND when there is none. */
static enum err
load_engine(struct job *job, const struct conf *conf, struct store *store)
{
	const char *words[CHALLENGE_KIND_END];
	struct engine_config config = how_to_order(job, conf, words);
	struct store_txn *txn;
	struct order order;
	enum err err = store_begin_read(store, STORE_PRIVATE, &txn);

	if (err)
		return err;
	order_init(&order);
	err = order_get(txn, &job->name, &order);
	store_abort(txn);
	if (!err && strcmp(order.ca, job->ca->conf->name) != 0)
		err = ERR_NOTFOUND; /* the name has another CA now */
	if (!err)
		err = engine_load(order.state.data, order.state.len, &config, &job->engine);
	if (!err)
		job->created_at = order.created_at;
	job->resumed = !err;
	order_done(&order);
	if (err && err != ERR_NOTFOUND && err != ERR_NOMEM) {
		log_host_warn(&job->name, "its stored order cannot be read (%s): ordering anew",
		              err_text(err));
		err = ERR_NOTFOUND;
	}
	return err;
}

static enum err
read_domain(struct job *job, struct store *store)
{
	struct store_txn *txn;
	enum err err = store_begin_read(store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = domain_get(txn, &job->name, &job->domain);
	store_abort(txn);
	return err;
}

enum err
job_new(const struct hostname *name, struct authority *ca, const struct conf *conf,
        struct store *store, struct job **ret_job)
{
	struct job *job = calloc(1, sizeof(*job));
	enum err err;

	if (!job)
		return ERR_NOMEM;
	job->name = *name;
	job->ca = ca;
	job->pairs = conf->otherwise.second_key != KEY_KINDS;
	chain_init(&job->chain);
	job_attempt_begin(job);
	err = read_domain(job, store);
	if (!err)
		err = load_engine(job, conf, store);
	if (!err && !job_set_is_current(job, store)) {
		engine_free(job->engine);
		job->engine = NULL;
		err = ERR_NOTFOUND;
	}
	if (err == ERR_NOTFOUND && job->domain.name.len) {
		err = new_engine(job, conf, store);
		job->unsaved = true;
	}
	if (err) {
		job_free(job);
		return err;
	}
	job->was_ordered = *engine_url(job->engine) != '\0';
	job->phase = engine_is_lost(job->engine) ? JOB_LOST : JOB_RUN;
	job->fresh = !job->was_ordered && job->phase != JOB_LOST;
	*ret_job = job;
	return ERR_OK;
}

void
job_free(struct job *job)
{
	if (!job)
		return;
	engine_free(job->engine);
	chain_done(&job->chain);
	free(job);
}

void
job_prepare(struct job *job)
{
	struct problem why;
	enum err err;

	if (job->phase != JOB_RUN || engine_wish(job->engine) != ENGINE_PUBLISH)
		return;
	err = proof_prepare(job);
	if (!err)
		return;
	problem_set(&why, PROBLEM_INTERNAL, "its challenges cannot be made: %s", err_text(err));
	engine_not_published(job->engine, &why);
}

bool
job_is_dirty(const struct job *job)
{
	return job->phase <= JOB_LOST && !job->blocked && !job->removed &&
	       (job->unsaved || engine_is_dirty(job->engine) || proof_is_to_record(job->proof));
}

enum err
job_save(struct job *job, struct store_txn *txn)
{
	struct order order;
	enum err err = job_limits_take(job, txn);

	if (err || job->blocked)
		return err;
	order_init(&order);
	order.name = job->name;
	snprintf(order.ca, sizeof(order.ca), "%s", job->ca->conf->name);
	order.created_at = job->created_at;
	order.updated_at = clock_wall();
	job->unsaved = true; /* until the commit */
	err = engine_save(job->engine, &order.state);
	if (!err)
		err = order_put(txn, &order);
	if (!err)
		err = proof_record(job->proof, txn);
	if (!err)
		err = job_attempt_save(job, txn);
	order_done(&order);
	return err;
}

void
job_saved(struct job *job)
{
	job->unsaved = false;
	job->counted = true;
	proof_recorded(job->proof);
}

bool
job_has_ended(const struct job *job)
{
	enum engine_wish wish = engine_wish(job->engine);

	return job->left ||
	       (job->phase != JOB_LOST && (wish == ENGINE_DONE || wish == ENGINE_FAILED));
}

void
job_judge(struct job *job)
{
	const struct buf *pem;
	const struct hostname *names;
	size_t count;
	enum err err;

	if (job->judged || !job_has_ended(job))
		return;
	job->judged = true;
	if (job->left)
		return;
	job->forget_order = true;
	if (engine_wish(job->engine) == ENGINE_FAILED) {
		job->problem = *engine_problem(job->engine);
		job->forget_order = engine_is_dead(job->engine);
		return;
	}
	names = engine_names(job->engine, &count);
	do {
		job->problem.kind = PROBLEM_NONE;
		pem = engine_certificate(job->engine);
		err = chain_check(pem->data, pem->len, engine_key(job->engine), names, count,
		                  clock_wall(), &job->chain, &job->problem);
	} while (err && engine_next_certificate(job->engine));
	if (err && job->problem.kind == PROBLEM_NONE)
		problem_set(&job->problem, PROBLEM_INTERNAL, "the certificate cannot be judged");
	else if (job->chain.leaf.len > CERT_LEAF_MAX || job->chain.issuers.len > CERT_CHAIN_MAX)
		problem_set(&job->problem, PROBLEM_CERT_REJECTED,
		            "the certificate or its chain is too large (%zu and %zu bytes)",
		            job->chain.leaf.len, job->chain.issuers.len);
}

/* One commit makes it true for the front: certificate, generation and the domain's new state. */
static enum err
put_certificate(struct job *job, struct store_txn *txn, struct domain *d)
{
	enum err err = job_set_store(job, txn, d);

	failover_restart(d, issuer_has_ca, job->ca->issuer);
	d->state = DOMAIN_VALID;
	d->failures = 0;
	d->problem = (struct problem){0};
	d->due_at = job_set_due(job, txn, d, chance_u32());
	return err;
}

static enum err
put_end(struct job *job, struct store_txn *txn, struct domain *d)
{
	bool issued = job->problem.kind == PROBLEM_NONE;
	struct renewal_before before;
	enum err err = ERR_OK;

	renewal_remember(txn, d, &before);
	if (issued)
		err = put_certificate(job, txn, d);
	else
		job_put_failure(job, d);
	if (!err)
		err = proof_withdraw(job->proof, txn);
	if (!err)
		err = domain_put(txn, d);
	if (!err && issued)
		err = renewal_issued(txn, d, job->ca->conf->name, job->ca->client, &before);
	return err ? err : job_set_follow(txn, d);
}

enum err
job_settle(struct job *job, struct store_txn *txn)
{
	struct domain d;
	enum err err = job->removed ? ERR_NOTFOUND : domain_get(txn, &job->name, &d);

	/* since the order began: not ours to order any more, or another name's order has it */
	if (!err && (d.state == DOMAIN_EXTERNAL || domain_is_held(&d) || d.lead.len))
		err = ERR_NOTFOUND;
	if (err)
		return err;
	if (job->blocked) {
		err = job_limits_put(job, txn, &d);
	} else if (job_has_ended(job)) {
		err = put_end(job, txn, &d);
	} else if (job->phase == JOB_RUN && engine_wish(job->engine) == ENGINE_PUBLISH) {
		err = proof_publish(job->proof, txn);
	}
	if (!err && !job->marked && !job->blocked && !job_has_ended(job)) {
		d.attempted_at = clock_wall();
		d.due_at = 0;
		err = domain_put(txn, &d);
	}
	job->domain = d;
	return err;
}

static void
tell(const struct job *job, enum msg_step step, const char *detail, struct notice *ret_notice)
{
	*ret_notice = (struct notice){.name = job->name, .step = step, .at = clock_wall()};
	snprintf(ret_notice->detail, sizeof(ret_notice->detail), "%s", detail);
}

void
job_settled(struct job *job, struct notice *ret_notice)
{
	ret_notice->name.len = 0;
	if (job->blocked) {
		job->phase = JOB_OVER;
		return;
	}
	job->marked = true;
	if (job_has_ended(job)) {
		job->phase = JOB_CLOSE;
	} else if (job->phase == JOB_RUN && engine_wish(job->engine) == ENGINE_PUBLISH) {
		tell(job, MSG_STEP_CHALLENGE, proof_word(job->proof), ret_notice);
		job->wake_at = 0;
		job->phase = JOB_PROVE;
	}
}

void
job_drop(struct job *job, struct store_txn *txn, bool damaged)
{
	if (proof_withdraw(job->proof, txn))
		return; /* sticks: the commit tells */
	job->judged = true;
	job->forget_order = !damaged;
	job->dropped = true;
	job->phase = JOB_CLOSE;
}

bool
job_progress(struct job *job, struct notice *ret_notice)
{
	const char *state = engine_state_word(job->engine);

	if (!job->was_ordered && *engine_url(job->engine)) {
		job->was_ordered = true;
		tell(job, MSG_STEP_ORDERED, engine_url(job->engine), ret_notice);
		return true;
	}
	if (!job->was_finalized && (strcmp(state, "issue") == 0 || strcmp(state, "download") == 0 ||
	                            strcmp(state, "done") == 0)) {
		job->was_finalized = true;
		tell(job, MSG_STEP_FINALIZED, "", ret_notice);
		return true;
	}
	return false;
}
