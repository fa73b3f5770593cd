/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/order/issuer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "acme/engine.h"
#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer_errand.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/order/keymaker.h"
#include "daemon/order/prove.h"
#include "daemon/order/suffix.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/upkeep.h"
#include "store/store.h"

enum {
	READERS_EVERY_MS = 60000,
	EXPIRE_PAGES = 64,
};

void
issuer_drop_requests(struct job *job)
{
	for (size_t i = 0; job->ca->client && i < ENGINE_AT_ONCE; i++) {
		struct job_ask *ask = &job->asks[i];

		if (!ask->out)
			continue;
		ask->out = false;
		if (client_withdraw(job->ca->client, ask))
			continue;
		job->reached = true; /* for all we know */
		client_cancel(job->ca->client, ask);
	}
}

void
issuer_remove_job(struct issuer *s, struct job *job)
{
	issuer_drop_requests(job);
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
	for (size_t i = 0; i < s->ca_count; i++) {
		s->cas[i]->active = 0;
		memset(s->cas[i]->in_lane, 0, sizeof(s->cas[i]->in_lane));
	}
	for (struct job *job = s->jobs; job; job = job->hh.next)
		if (job->phase < JOB_CLOSE) {
			job->ca->active++;
			job->ca->in_lane[job->lane]++;
		}
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int
sleep_ms(struct issuer *s)
{
	int64_t now = clock_mono_ms(), ms = ISSUER_SLEEP_MAX_MS;

	if (s->resume_at)
		ms = STORE_HOLD_MS;
	if (s->store_hold > now)
		return (int)sooner(ms, s->store_hold - now);
	ms = sooner(ms, issuer_errands_ms(s));
	ms = sooner(ms, s->sweep_at > now ? s->sweep_at - now : 0);
	ms = sooner(ms, prover_next(s->prover) > now ? prover_next(s->prover) - now : 0);
	for (size_t i = 0; i < s->ca_count; i++)
		ms = sooner(ms, issuer_plan_ms(s, s->cas[i]));
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
	bool goes_on = mailbox_read(&s->mail, &conf);

	pthread_mutex_lock(&s->mail.mutex);
	for (size_t i = 0; i < s->ca_count; i++) {
		if (s->kicked[i])
			authority_kick(s->cas[i]);
		s->kicked[i] = false;
	}
	pthread_mutex_unlock(&s->mail.mutex);
	if (conf)
		issuer_take_conf(s, conf);
	return goes_on;
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
	issuer_end_removed(s);
	issuer_pass_on(s);
	for (size_t i = 0; i < s->ca_count; i++)
		issuer_plan(s, s->cas[i]);
	issuer_lapse(s);
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

/* What is full again need not be known; by a clock that is months ahead all is. */
static void
expire_limits(struct issuer *s)
{
	struct limit_id none = {.scope = LIMIT_ACCOUNT};
	struct limit_record first;
	struct store_txn *txn;
	size_t count = 0;
	enum err err;

	if (clockwatch_is_suspect(s->clock) || store_begin_read(s->store, STORE_PRIVATE, &txn))
		return;
	err = limit_page(txn, NULL, 1, &first, &count);
	store_abort(txn);
	if (err || count == 0 || store_begin_write(s->store, STORE_PRIVATE, &txn))
		return;
	for (int i = 0; i < EXPIRE_PAGES && !err; i++) {
		err = limits_expire(txn, &s->expired, clock_wall());
		if (!*s->expired.ca)
			break;
	}
	if (err)
		s->expired = none;
	if (store_commit(txn) || err) /* a failure sticks */
		log_debug("limits that are full again stay");
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
			expire_limits(s);
		}
		if (s->resume_at && s->resume_at <= clock_mono_ms()) {
			s->resume_at = 0;
			issuer_resume(s);
		}
		issuer_errands(s);
		round_of(s);
		issuer_show(s);
		mailbox_run(&s->mail, sleep_ms(s));
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
	suffix_free(s->suffix);
	free(s->steps);
	conf_unref(s->conf);
	mailbox_done(&s->mail);
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
	mailbox_init(&s->mail, "issuer");
	err = issuer_make_parts(s);
	s->mail.transport = s->transport;
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
	mailbox_stop(&issuer->mail, issuer->thread);
	issuer_free(issuer);
}

void
issuer_wake(struct issuer *issuer)
{
	mailbox_wake(&issuer->mail);
}

void
issuer_kick(struct issuer *issuer, const char *ca)
{
	pthread_mutex_lock(&issuer->mail.mutex);
	for (size_t i = 0; i < issuer->seen_count; i++)
		if (strcmp(issuer->seen[i].name, ca) == 0) {
			issuer->kicked[i] = true;
			issuer->seen[i].hold_until = 0;
		}
	pthread_mutex_unlock(&issuer->mail.mutex);
	issuer_wake(issuer);
}

void
issuer_set_conf(struct issuer *issuer, const struct conf *conf)
{
	mailbox_set_conf(&issuer->mail, conf);
}
