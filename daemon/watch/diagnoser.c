/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch/diagnoser.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/notice.h"
#include "daemon/watch/diagnoser_inside.h"
#include "store/store.h"

enum { TURN_MS = 1000 };

/* ---- looks ---------------------------------------------------------------------------------- */

bool
diagnoser_is_busy(const struct diagnoser *g, const struct hostname *name)
{
	struct diagnosing *t;

	TAILQ_FOREACH(t, &g->busy, link)
	if (t->id == 0 && hostname_equal(&t->question.name, name))
		return true;
	return false;
}

size_t
diagnoser_patient(const struct diagnoser *g)
{
	const struct diagnosing *t;
	size_t count = 0;

	TAILQ_FOREACH(t, &g->busy, link)
	count += t->patient;
	return count;
}

bool
diagnoser_begin(struct diagnoser *g, const struct hostname *name, uint64_t id, enum err *ret_err)
{
	struct diagnosing *t = NULL;

	*ret_err = diagnosing_new(g, name, id == LOOK_PATIENT ? 0 : id, &t);
	if (!*ret_err)
		t->patient = id == LOOK_PATIENT;
	if (!*ret_err)
		*ret_err = pool_submit(g->pool, &t->pool);
	if (*ret_err) {
		diagnosing_free(t);
		return *ret_err != ERR_FULL && *ret_err != ERR_NOMEM;
	}
	TAILQ_INSERT_TAIL(&g->busy, t, link);
	return true;
}

static void
answer(struct diagnoser *g, struct diagnosing *t)
{
	pthread_mutex_lock(&g->mail.mutex);
	TAILQ_INSERT_TAIL(&g->answers, t, link);
	pthread_mutex_unlock(&g->mail.mutex);
	notice_nudge(g->notices);
}

static void
collect(struct diagnoser *g)
{
	struct pool_task *done;

	while ((done = pool_take(g->pool))) {
		struct diagnosing *t = (struct diagnosing *)done;

		TAILQ_REMOVE(&g->busy, t, link);
		diagnosing_settle(g, t);
		if (t->id)
			answer(g, t);
		else
			diagnosing_free(t);
	}
}

/* Who asks goes first. */
static void
begin_asked(struct diagnoser *g)
{
	struct diagnosing *t;

	for (;;) {
		enum err err;

		pthread_mutex_lock(&g->mail.mutex);
		t = TAILQ_FIRST(&g->asks);
		pthread_mutex_unlock(&g->mail.mutex);
		if (!t || (!diagnoser_begin(g, &t->question.name, t->id, &err) && err == ERR_FULL))
			return;
		pthread_mutex_lock(&g->mail.mutex);
		TAILQ_REMOVE(&g->asks, t, link);
		g->ask_count--;
		pthread_mutex_unlock(&g->mail.mutex);
		t->err = err;
		if (err)
			answer(g, t);
		else
			diagnosing_free(t);
	}
}

/* ---- the thread ----------------------------------------------------------------------------- */

/* Sleeps for a turn, or until it is woken; false: it is to end. */
static bool
wait_turn(struct diagnoser *g)
{
	const struct conf *conf;
	bool goes_on = mailbox_wait(&g->mail, TURN_MS, &conf);

	if (conf) {
		conf_unref(g->conf);
		g->conf = conf;
	}
	return goes_on;
}

static void *
diagnoser_main(void *arg)
{
	struct diagnoser *g = arg;
	int64_t walked = 0;

	while (wait_turn(g)) {
		int64_t now = clock_mono_ms();

		collect(g);
		begin_asked(g);
		diagnoser_glance_collect(g);
		diagnoser_glance_go_on(g);
		if (!g->conf->diagnose.off)
			diagnoser_look_at_events(g);
		if (now - walked >= TURN_MS) {
			walked = now;
			diagnoser_look_at_moved(g);
			if (!g->conf->diagnose.off) {
				diagnoser_look_at_failing(g);
				diagnoser_look_at_kept(g);
			}
		}
		diagnoser_glance_send(g);
	}
	return NULL;
}

/* ---- for others ----------------------------------------------------------------------------- */

static void
wake_self(void *arg)
{
	diagnoser_wake(arg);
}

static void
free_all(struct diagnosings *list)
{
	struct diagnosing *t;

	while ((t = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, t, link);
		diagnosing_free(t);
	}
}

static void
diagnoser_free(struct diagnoser *g)
{
	struct pool_task *task;

	if (g->glances)
		pool_end(g->glances);
	pool_free(g->glances);
	if (g->glance)
		conf_unref(g->glance->conf);
	free(g->glance);
	if (g->pool) {
		pool_end(g->pool);
		TAILQ_INIT(&g->busy); /* all of them come back */
		while ((task = pool_take(g->pool)))
			TAILQ_INSERT_TAIL(&g->busy, (struct diagnosing *)task, link);
		pool_free(g->pool);
	}
	free_all(&g->busy);
	free_all(&g->asks);
	free_all(&g->answers);
	mailbox_done(&g->mail);
	conf_unref(g->conf);
	free(g);
}

static void
find_end_of_events(struct diagnoser *g)
{
	struct store_txn *txn;

	if (store_begin_read(g->store, STORE_PRIVATE, &txn))
		return;
	if (event_last(txn, &g->event))
		g->event = 0;
	store_abort(txn);
}

enum err
diagnoser_start(const struct diagnoser_config *config, struct diagnoser **ret_diagnoser)
{
	struct diagnoser *g = calloc(1, sizeof(*g));
	struct pool_config pool = {.threads = DIAGNOSER_THREADS,
	                           .queue = DIAGNOSER_QUEUE,
	                           .wake = wake_self,
	                           .arg = g};
	enum err err;

	if (!g)
		return ERR_NOMEM;
	mailbox_init(&g->mail, "diagnoser");
	TAILQ_INIT(&g->busy);
	TAILQ_INIT(&g->asks);
	TAILQ_INIT(&g->answers);
	g->store = config->store;
	g->notices = config->notices;
	g->issuer = config->issuer;
	g->clock = config->clock;
	g->conf = conf_ref(config->conf);
	find_end_of_events(g);
	g->glance = calloc(1, sizeof(*g->glance));
	err = g->glance ? pool_new(&pool, &g->pool) : ERR_NOMEM;
	pool.threads = pool.queue = 1;
	if (!err)
		err = pool_new(&pool, &g->glances);
	if (!err && pthread_create(&g->thread, NULL, diagnoser_main, g) != 0)
		err = ERR_NOMEM;
	if (err)
		diagnoser_free(g);
	else
		*ret_diagnoser = g;
	return err;
}

void
diagnoser_stop(struct diagnoser *g)
{
	if (!g)
		return;
	mailbox_stop(&g->mail, g->thread);
	diagnoser_free(g);
}

void
diagnoser_set_conf(struct diagnoser *g, const struct conf *conf)
{
	mailbox_set_conf(&g->mail, conf);
}

void
diagnoser_wake(struct diagnoser *g)
{
	mailbox_wake(&g->mail);
}

enum err
diagnoser_ask(struct diagnoser *g, const struct hostname *name, uint64_t id)
{
	struct diagnosing *t = calloc(1, sizeof(*t));
	enum err err = ERR_OK;

	if (!t)
		return ERR_NOMEM;
	t->id = id;
	t->question.name = *name;
	pthread_mutex_lock(&g->mail.mutex);
	if (g->ask_count == DIAGNOSER_ASKED_MAX)
		err = ERR_FULL;
	if (!err) {
		TAILQ_INSERT_TAIL(&g->asks, t, link);
		g->ask_count++;
	}
	pthread_mutex_unlock(&g->mail.mutex);
	if (err)
		diagnosing_free(t);
	else
		diagnoser_wake(g);
	return err;
}

bool
diagnoser_answer(struct diagnoser *g, uint64_t *ret_id, enum err *ret_err,
                 struct diagnosis *ret_diagnosis)
{
	struct diagnosing *t;

	pthread_mutex_lock(&g->mail.mutex);
	t = TAILQ_FIRST(&g->answers);
	if (t)
		TAILQ_REMOVE(&g->answers, t, link);
	pthread_mutex_unlock(&g->mail.mutex);
	if (!t)
		return false;
	*ret_id = t->id;
	*ret_err = t->err;
	*ret_diagnosis = t->d;
	diagnosing_free(t);
	return true;
}
