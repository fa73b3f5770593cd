/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/issuer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "acme/lost.h"
#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/conf.h"
#include "daemon/issuer_inside.h"
#include "daemon/notice.h"
#include "store/challenge.h"
#include "store/order.h"
#include "store/store.h"

enum {
	SLEEP_MAX_MS = 30000,
	READERS_EVERY_MS = 60000,
	SCAN_PAGE = 256,
	PLAN_PAGE = 256,
	CHALLENGE_OLD_S = 86400,
};

static struct job *
find_job(struct issuer *s, const struct hostname *name)
{
	struct job *job;

	HASH_FIND(hh, s->jobs, name->name, name->len, job);
	return job;
}

static void
remove_job(struct issuer *s, struct job *job)
{
	if (job->ca->client)
		client_cancel(job->ca->client, job);
	transport_cancel(s->transport, job);
	HASH_DEL(s->jobs, job);
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

static void
start_job(struct issuer *s, struct authority *ca, const struct hostname *name)
{
	struct client *client;
	struct job *job = find_job(s, name);
	enum err err;

	if (job) {
		if (job->phase < JOB_CLOSE)
			job->marked = false; /* removed and added again meanwhile */
		return;
	}
	if (authority_client(ca, &client))
		return;
	err = job_new(name, ca, s->conf, s->store, &job);
	if (err) {
		log_host_warn(name, "cannot start its order: %s", err_text(err));
		return;
	}
	HASH_ADD_KEYPTR(hh, s->jobs, job->name.name, job->name.len, job);
	ca->active++;
	log_host_debug(name, "attempt starts with ca %s", ca->conf->name);
}

/* Due names become jobs. The page is read first: LMDB transactions do not last over job_new(). */
static void
plan_ca(struct issuer *s, struct authority *ca)
{
	static struct hostname names[PLAN_PAGE]; /* this thread's only */
	int64_t now = clock_wall();
	size_t room = authority_room(ca, now), count = 0;
	struct store_txn *txn;

	if (room == 0 || store_begin_read(s->store, STORE_SERVED, &txn))
		return;
	if (domain_due(txn, ca->conf->name, now, room < PLAN_PAGE ? room : PLAN_PAGE, names, &count))
		count = 0;
	store_abort(txn);
	for (size_t i = 0; i < count; i++)
		start_job(s, ca, &names[i]);
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Milliseconds until CA's next name is due, as far as it has room for it. */
static int64_t
until_due(struct issuer *s, const struct authority *ca)
{
	int64_t now = clock_wall(), at = 0;
	struct store_txn *txn;
	enum err err;

	if (ca->hold_until > now)
		return (ca->hold_until - now) * 1000;
	if (authority_room(ca, now) == 0 || store_begin_read(s->store, STORE_SERVED, &txn))
		return SLEEP_MAX_MS;
	err = domain_next_due(txn, ca->conf->name, &at);
	store_abort(txn);
	if (err || at - now > SLEEP_MAX_MS / 1000)
		return SLEEP_MAX_MS;
	return at > now ? (at - now) * 1000 : 20; /* due but in work: soon again */
}

static int
sleep_ms(struct issuer *s)
{
	int64_t now = clock_mono_ms(), ms = SLEEP_MAX_MS;

	if (s->store_hold > now)
		return (int)sooner(ms, s->store_hold - now);
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

/* ---- configuration -------------------------------------------------------------------------- */

static void
drop_jobs_of(struct issuer *s, struct authority *ca, bool forget_orders)
{
	struct job *job, *next;

	HASH_ITER(hh, s->jobs, job, next) {
		if (job->ca != ca)
			continue;
		if (job->phase < JOB_CLOSE)
			issuer_requeue(s, &job->name, forget_orders);
		remove_job(s, job);
	}
}

static void
add_authority(struct issuer *s, const struct conf_ca *conf)
{
	struct authority *ca = s->ca_count < ISSUER_CAS_MAX ? calloc(1, sizeof(*ca)) : NULL;

	if (!ca) {
		log_err("ca %s cannot be used: too many CAs (at most %d), or no memory", conf->name,
		        ISSUER_CAS_MAX);
		return;
	}
	*ca = (struct authority){
	        .conf = conf, .issuer = s, .store = s->store, .transport = s->transport};
	s->cas[s->ca_count++] = ca;
}

static void
remove_authority(struct issuer *s, size_t i)
{
	authority_done(s->cas[i]);
	free(s->cas[i]);
	s->cas[i] = s->cas[--s->ca_count];
}

/* CAs that stay keep their client and their jobs. */
static void
take_conf(struct issuer *s, const struct conf *conf)
{
	for (size_t i = s->ca_count; i-- > 0;) {
		struct authority *ca = s->cas[i];
		const struct conf_ca *now = conf_ca(conf, ca->conf->name);

		if (now && authority_same(ca->conf, now)) {
			ca->conf = now;
			continue;
		}
		drop_jobs_of(s, ca, !now || strcmp(now->directory, ca->conf->directory) != 0);
		remove_authority(s, i);
	}
	for (size_t i = 0; i < conf->ca_count; i++) {
		bool have = false;

		for (size_t j = 0; j < s->ca_count; j++)
			have = have || s->cas[j]->conf == &conf->cas[i];
		if (!have)
			add_authority(s, &conf->cas[i]);
	}
	conf_unref(s->conf);
	s->conf = conf;
}

/* ---- start: what the last life left --------------------------------------------------------- */

/* An order record whose domain says due_at 0 was in work: it is due at once. One whose domain is
 * valid has done its work and only missed its own end. Others are parked until their due time. */
static void
resume_one(struct issuer *s, const struct hostname *name)
{
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_read(s->store, STORE_SERVED, &txn);

	if (err)
		return;
	err = domain_get(txn, name, &d);
	store_abort(txn);
	if (err == ERR_NOTFOUND || (!err && d.due_at != 0 && d.state == DOMAIN_VALID)) {
		if (!store_begin_write(s->store, STORE_PRIVATE, &txn) &&
		    (order_del(txn, name) || store_commit(txn)))
			log_host_warn(name, "its ended order cannot be removed");
	} else if (!err && d.due_at == 0) {
		log_host_info(name, "goes on with the order it was in");
		issuer_requeue(s, name, false);
	}
}

static void
resume_orders(struct issuer *s)
{
	static struct hostname names[SCAN_PAGE]; /* this thread's only */
	struct hostname last;
	size_t count = SCAN_PAGE;
	struct store_txn *txn;

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
}

static void
expire_challenges(struct issuer *s)
{
	struct store_txn *txn;

	if (store_begin_write(s->store, STORE_SERVED, &txn))
		return;
	if (challenge_expire(txn, clock_wall() - CHALLENGE_OLD_S) || store_commit(txn))
		log_warn("old challenges cannot be removed");
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
		take_conf(s, conf);
	return !stop;
}

static void
show(struct issuer *s)
{
	pthread_mutex_lock(&s->mutex);
	s->seen_count = s->ca_count;
	for (size_t i = 0; i < s->ca_count; i++) {
		const struct authority *ca = s->cas[i];
		struct issuer_ca *seen = &s->seen[i];
		bool held = ca->hold_until > clock_wall();

		*seen = (struct issuer_ca){.orders = ca->active};
		snprintf(seen->name, sizeof(seen->name), "%s", ca->conf->name);
		snprintf(seen->state, sizeof(seen->state), "%s",
		         held         ? "on hold"
		         : ca->client ? client_state_word(ca->client)
		                      : "idle");
		if (ca->down > 0) {
			seen->hold_until = ca->hold_until;
			seen->problem = ca->problem;
		}
	}
	pthread_mutex_unlock(&s->mutex);
}

static void
drop_over(struct issuer *s)
{
	struct job *job, *next;

	HASH_ITER(hh, s->jobs, job, next)
		if (job->phase == JOB_OVER)
			remove_job(s, job);
}

static void
round_of(struct issuer *s)
{
	if (s->store_hold > clock_mono_ms())
		return;
	s->store_hold = 0;
	for (size_t i = 0; i < s->ca_count; i++)
		plan_ca(s, s->cas[i]);
	if (issuer_save(s) && issuer_settle(s) && issuer_close(s)) {
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

	expire_challenges(s);
	resume_orders(s);
	while (read_mail(s)) {
		if (s->readers_at <= clock_mono_ms()) {
			if (store_check_readers(s->store))
				log_warn("reader slots of dead processes cannot be freed");
			s->readers_at = clock_mono_ms() + READERS_EVERY_MS;
		}
		round_of(s);
		show(s);
		if (transport_run(s->transport, sleep_ms(s)))
			log_warn("waiting for the network failed");
	}
	HASH_ITER(hh, s->jobs, job, next)
		remove_job(s, job);
	return NULL;
}

static void
issuer_free(struct issuer *s)
{
	while (s->ca_count > 0)
		remove_authority(s, s->ca_count - 1);
	transport_free(s->transport);
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
	s->conf = conf_ref(config->conf);
	pthread_mutex_init(&s->mutex, NULL);
	err = transport_new("certd/" CERTD_VERSION " (ACME client; RFC 8555)", &s->transport);
	for (size_t i = 0; i < s->conf->ca_count && !err; i++)
		add_authority(s, &s->conf->cas[i]);
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
		if (strcmp(issuer->seen[i].name, ca) == 0)
			issuer->kicked[i] = true;
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

size_t
issuer_cas(struct issuer *issuer, struct issuer_ca *cas, size_t max)
{
	size_t count;

	pthread_mutex_lock(&issuer->mutex);
	count = issuer->seen_count < max ? issuer->seen_count : max;
	memcpy(cas, issuer->seen, count * sizeof(*cas));
	pthread_mutex_unlock(&issuer->mutex);
	return count;
}
