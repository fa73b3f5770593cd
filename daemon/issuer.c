/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/issuer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "acme/engine.h"
#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/clockwatch.h"
#include "daemon/conf.h"
#include "daemon/due.h"
#include "daemon/issuer_errand.h"
#include "daemon/issuer_inside.h"
#include "daemon/prove.h"
#include "daemon/keymaker.h"
#include "daemon/upkeep.h"
#include "store/store.h"

enum {
	SLEEP_MAX_MS = 30000,
	READERS_EVERY_MS = 60000,
	PLAN_AGAIN_MS = 50,  /* when all that is due is in work or damaged */
	ROOM_LOOK_MS = 1000, /* when the disk is full */
};

static struct job *
find_job(struct issuer *s, const struct hostname *name)
{
	struct job *job;

	HASH_FIND(hh, s->jobs, name->name, name->len, job);
	return job;
}

void
issuer_remove_job(struct issuer *s, struct job *job)
{
	for (size_t i = 0; job->ca->client && i < ENGINE_AT_ONCE; i++)
		if (job->asks[i].out)
			client_cancel(job->ca->client, &job->asks[i]);
	keymaker_cancel(s->keymaker, job);
	transport_cancel(s->transport, job);
	if (job->charged && !job->reached)
		authority_refund(job->ca);
	HASH_DEL(s->jobs, job);
	proof_end(s->prover, job);
	job_free(job);
}

static void
count_active(struct issuer *s)
{
	for (size_t i = 0; i < s->ca_count; i++)
		s->cas[i]->active = 0;
	for (struct job *job = s->jobs; job; job = job->hh.next)
		if (job->phase < JOB_CLOSE)
			job->ca->active++;
}

/* Whether a job was started. */
static bool
start_job(struct issuer *s, struct authority *ca, const struct hostname *name)
{
	struct client *client;
	struct job *job = find_job(s, name);
	enum err err;

	if (job && job->ca != ca) { /* removed, and added again with another CA */
		issuer_withdraw(s, job);
		issuer_remove_job(s, job);
		job = NULL;
	}
	if (job && job->phase < JOB_CLOSE) { /* removed and added again: both records anew */
		job->marked = false;
		job->unsaved = true;
	}
	if (job || authority_client(ca, &client))
		return false;
	err = job_new(name, ca, s->conf, s->store, &job);
	if (err) {
		log_host_debug(name, "cannot be started: %s", err_text(err));
		upkeep_suspect(s->upkeep, name);
		return false;
	}
	HASH_ADD_KEYPTR(hh, s->jobs, job->name.name, job->name.len, job);
	ca->active++;
	if (issuer_looks_first(s, job))
		return true;
	job->charged = !job->was_ordered && job->phase != JOB_LOST;
	if (job->charged)
		authority_spend(ca);
	log_host_debug(name, "attempt starts with ca %s", ca->conf->name);
	return true;
}

/* Due names become jobs. The page is read first: LMDB transactions do not last over job_new().
 * Names that cannot be started stay in the index until upkeep has been there, so the page is longer
 * than there is room. */
static void
plan_ca(struct issuer *s, struct authority *ca)
{
	static struct hostname names[DUE_MAX]; /* this thread's only */
	int64_t mono = clock_mono_ms();
	size_t free_places = authority_room(ca, mono), count = 0, started = 0;
	size_t room = clockwatch_room(s->clock, free_places, mono);
	struct store_txn *txn;

	if (room == 0 && free_places > 0 && ca->plan_at <= mono)
		ca->plan_at = mono + PLAN_AGAIN_MS; /* the clock is in doubt */
	if (room == 0 || !upkeep_has_room(s->upkeep) || ca->plan_at > mono ||
	    store_begin_read(s->store, STORE_SERVED, &txn))
		return;
	if (due_read(txn, ca->conf->name, clock_wall(), room, names, &count))
		count = 0;
	store_abort(txn);
	for (size_t i = 0; i < count && started < room; i++)
		started += start_job(s, ca, &names[i]);
	if (started)
		clockwatch_began(s->clock, mono);
	ca->plan_at = count > 0 && started == 0 ? clock_mono_ms() + PLAN_AGAIN_MS : 0;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The same while CA takes no orders; its names may have others, which are looked for meanwhile. */
static int64_t
until_usable(const struct issuer *s, struct authority *ca, int64_t now, int64_t mono)
{
	int64_t ms = ca->hold_until > mono ? ca->hold_until - mono
	                                   : (budget_next(&ca->budget, now) - now) * 1000;

	if (s->ca_count > 1)
		ms = sooner(ms, ca->pass_at > mono ? ca->pass_at - mono : 0);
	return sooner(ms, SLEEP_MAX_MS);
}

/* Milliseconds until CA's next name is due, as far as it has room for it. */
static int64_t
until_due(struct issuer *s, struct authority *ca)
{
	int64_t now = clock_wall(), mono = clock_mono_ms(), at = 0;
	struct store_txn *txn;
	enum err err;

	if (ca->hold_until > mono || budget_room(&ca->budget, now) == 0)
		return until_usable(s, ca, now, mono);
	if (authority_room(ca, mono) == 0 || store_begin_read(s->store, STORE_SERVED, &txn))
		return SLEEP_MAX_MS;
	err = domain_next_due(txn, ca->conf->name, &at);
	store_abort(txn);
	if (err || at - now > SLEEP_MAX_MS / 1000)
		return SLEEP_MAX_MS;
	if (at > now)
		return (at - now) * 1000;
	if (!upkeep_has_room(s->upkeep))
		return ROOM_LOOK_MS;
	return ca->plan_at > clock_mono_ms() ? ca->plan_at - clock_mono_ms() : 0;
}

static int
sleep_ms(struct issuer *s)
{
	int64_t now = clock_mono_ms(), ms = SLEEP_MAX_MS;

	if (s->resume_at)
		ms = STORE_HOLD_MS;
	if (s->store_hold > now)
		return (int)sooner(ms, s->store_hold - now);
	ms = sooner(ms, issuer_errands_ms(s));
	ms = sooner(ms, s->sweep_at > now ? s->sweep_at - now : 0);
	ms = sooner(ms, prover_next(s->prover) > now ? prover_next(s->prover) - now : 0);
	for (size_t i = 0; i < s->ca_count; i++)
		ms = sooner(ms, until_due(s, s->cas[i]));
	for (struct job *job = s->jobs; job && ms > 0; job = job->hh.next) {
		if (job->phase == JOB_RUN || job->phase == JOB_CLOSE || job->unsaved)
			return 0;
		if (job->phase == JOB_WAIT || job->phase == JOB_PROBE)
			ms = sooner(ms, job->wake_at > now ? job->wake_at - now : 0);
		if (job->phase == JOB_LOST && job->ca->seek_at > now)
			ms = sooner(ms, job->ca->seek_at - now);
	}
	return (int)ms;
}

/* ---- the thread ----------------------------------------------------------------------------- */

/* False when told to stop. */
static bool
read_mail(struct issuer *s)
{
	const struct conf *conf;
	bool stop;

	pthread_mutex_lock(&s->mutex);
	stop = s->stop;
	conf = s->next_conf;
	s->next_conf = NULL;
	for (size_t i = 0; i < s->ca_count; i++) {
		if (s->kicked[i])
			authority_kick(s->cas[i]);
		s->kicked[i] = false;
	}
	pthread_mutex_unlock(&s->mutex);
	if (conf)
		issuer_take_conf(s, conf);
	return !stop;
}

static void
drop_over(struct issuer *s)
{
	struct job *job, *next;

	HASH_ITER(hh, s->jobs, job, next)
	if (job->phase == JOB_OVER)
		issuer_remove_job(s, job);
}

static void
round_of(struct issuer *s)
{
	if (s->store_hold > clock_mono_ms())
		return;
	s->store_hold = 0;
	issuer_take_keys(s);
	issuer_sweep(s);
	issuer_pass_on(s);
	for (size_t i = 0; i < s->ca_count; i++)
		plan_ca(s, s->cas[i]);
	issuer_leave(s);
	if (issuer_save(s) && issuer_settle(s) && issuer_close(s)) {
		prover_run(s->prover, s->conf, s->jobs);
		issuer_send(s);
		issuer_seek_lost(s);
		issuer_probe(s);
	}
	drop_over(s);
	count_active(s);
}

static void *
issuer_main(void *arg)
{
	struct issuer *s = arg;
	struct job *job, *next;

	issuer_resume(s);
	while (read_mail(s)) {
		if (s->readers_at <= clock_mono_ms()) {
			if (store_check_readers(s->store))
				log_warn("reader slots of dead processes cannot be freed");
			s->readers_at = clock_mono_ms() + READERS_EVERY_MS;
		}
		if (s->resume_at && s->resume_at <= clock_mono_ms()) {
			s->resume_at = 0;
			issuer_resume(s);
		}
		issuer_errands(s);
		round_of(s);
		issuer_show(s);
		if (transport_run(s->transport, sleep_ms(s)))
			log_warn("waiting for the network failed");
	}
	HASH_ITER(hh, s->jobs, job, next)
	issuer_remove_job(s, job);
	return NULL;
}

static void
issuer_free(struct issuer *s)
{
	while (s->ca_count > 0)
		issuer_remove_ca(s, s->ca_count - 1);
	errand_queue_free(s->errands);
	keymaker_free(s->account_keys);
	prover_free(s->prover);
	keymaker_free(s->keymaker);
	transport_free(s->transport);
	free(s->steps);
	conf_unref(s->conf);
	conf_unref(s->next_conf);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

enum err
issuer_start(const struct issuer_config *config, struct issuer **ret_issuer)
{
	struct issuer *s = calloc(1, sizeof(*s));
	enum err err;

	if (!s)
		return ERR_NOMEM;
	s->store = config->store;
	s->notices = config->notices;
	s->upkeep = config->upkeep;
	s->clock = config->clock;
	s->conf = conf_ref(config->conf);
	TAILQ_INIT(&s->revocations);
	pthread_mutex_init(&s->mutex, NULL);
	err = issuer_make_parts(s);
	for (size_t i = 0; i < s->conf->ca_count && !err; i++)
		issuer_add_ca(s, &s->conf->cas[i]);
	if (!err && pthread_create(&s->thread, NULL, issuer_main, s) != 0)
		err = ERR_NOMEM;
	if (err)
		issuer_free(s);
	else
		*ret_issuer = s;
	return err;
}

void
issuer_stop(struct issuer *issuer)
{
	if (!issuer)
		return;
	pthread_mutex_lock(&issuer->mutex);
	issuer->stop = true;
	pthread_mutex_unlock(&issuer->mutex);
	issuer_wake(issuer);
	pthread_join(issuer->thread, NULL);
	issuer_free(issuer);
}

void
issuer_wake(struct issuer *issuer)
{
	transport_wake(issuer->transport);
}

void
issuer_kick(struct issuer *issuer, const char *ca)
{
	pthread_mutex_lock(&issuer->mutex);
	for (size_t i = 0; i < issuer->seen_count; i++)
		if (strcmp(issuer->seen[i].name, ca) == 0) {
			issuer->kicked[i] = true;
			issuer->seen[i].hold_until = 0;
		}
	pthread_mutex_unlock(&issuer->mutex);
	issuer_wake(issuer);
}

void
issuer_set_conf(struct issuer *issuer, const struct conf *conf)
{
	pthread_mutex_lock(&issuer->mutex);
	conf_unref(issuer->next_conf);
	issuer->next_conf = conf_ref(conf);
	pthread_mutex_unlock(&issuer->mutex);
	issuer_wake(issuer);
}
