/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tell/teller.h"

#include <stdlib.h>
#include <string.h>

#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/event_types.h"
#include "daemon/tell/teller_inside.h"

enum { WAIT_MS = 1000, STORE_EVERY_MS = 1000, STORE_IDLE_MS = 30 * 1000 };

/* ---- the configuration ---------------------------------------------------------------------- */

static struct target *
find(struct teller *t, const char *key)
{
	struct target *target;

	TAILQ_FOREACH(target, &t->targets, link)
	if (strcmp(target->key, key) == 0)
		return target;
	return NULL;
}

static void
add_target(struct teller *t, const struct conf_target *conf, uint64_t last)
{
	struct target *made = calloc(1, sizeof(*made)), *old;

	if (!made)
		return;
	*made = (struct target){.teller = t, .conf = conf, .since = clock_wall()};
	target_name(made);
	old = find(t, made->key);
	if (old) {
		old->conf = conf;
		old->anew = old->busy;
		old->again_at = 0; /* what kept it from working may be repaired */
		free(made);
		return;
	}
	if (!teller_find_place(made, last))
		log_warn("%s: its place in the log of events is not stored", made->label);
	TAILQ_INSERT_TAIL(&t->targets, made, link);
}

/* Takes CONF over. */
static void
take_conf(struct teller *t, const struct conf *conf)
{
	uint64_t last = 0, dropped;
	struct target *target;

	(void)teller_ends(t, &last, &dropped);
	TAILQ_FOREACH(target, &t->targets, link)
	target->conf = NULL;
	conf_unref(t->conf); /* programs that run have references of their own */
	t->conf = conf;
	for (size_t i = 0; i < conf->tell.target_count; i++)
		add_target(t, &conf->tell.targets[i], last);
	teller_forget_others(t);
}

static void
drop_gone(struct teller *t)
{
	struct target *target, *next;

	for (target = TAILQ_FIRST(&t->targets); target; target = next) {
		next = TAILQ_NEXT(target, link);
		if (target->conf || target->busy)
			continue;
		TAILQ_REMOVE(&t->targets, target, link);
		free(target);
	}
}

/* ---- the thread ----------------------------------------------------------------------------- */

/* By type, for /metrics. */
static void
count_written(struct teller *t, uint64_t last)
{
	size_t n;

	while (t->counted < last && (n = teller_read(t, t->counted)) > 0) {
		pthread_mutex_lock(&t->mail.mutex);
		for (size_t i = 0; i < n; i++) {
			size_t kind = event_type_find(t->page[i].type);

			t->state.written[kind < event_type_count ? kind : TELLER_TYPES_MAX]++;
			t->counted = t->page[i].id;
		}
		pthread_mutex_unlock(&t->mail.mutex);
	}
}

static void
turn(struct teller *t)
{
	int64_t now = clock_mono_ms();
	uint64_t last, dropped, behind = 0;
	struct target *target;
	bool moved = false;

	teller_take_ended(t);
	drop_gone(t);
	if (!teller_ends(t, &last, &dropped))
		return;
	count_written(t, last);
	TAILQ_FOREACH(target, &t->targets, link)
	{
		if (target->conf && !target->busy && target->again_at <= now)
			target_go_on(target, last, dropped);
		moved = moved || target->place != target->stored;
		if (last > target->place && last - target->place > behind)
			behind = last - target->place;
	}
	pthread_mutex_lock(&t->mail.mutex);
	t->state.behind = behind;
	pthread_mutex_unlock(&t->mail.mutex);
	if (moved && now - t->stored_at >= (t->delivered ? STORE_EVERY_MS : STORE_IDLE_MS))
		teller_store_places(t);
}

static void *
teller_main(void *arg)
{
	struct teller *t = arg;
	const struct conf *conf;

	while (mailbox_read(&t->mail, &conf)) {
		if (conf)
			take_conf(t, conf);
		turn(t);
		mailbox_run(&t->mail, WAIT_MS);
	}
	pool_end(t->pool);
	teller_take_ended(t);
	teller_store_places(t);
	return NULL;
}

static void
wake(void *arg)
{
	teller_wake(arg);
}

static void
teller_free(struct teller *t)
{
	struct target *target;

	transport_free(t->transport);
	pool_free(t->pool);
	while ((target = TAILQ_FIRST(&t->targets))) {
		TAILQ_REMOVE(&t->targets, target, link);
		free(target);
	}
	conf_unref(t->conf);
	mailbox_done(&t->mail);
	free(t);
}

enum err
teller_start(const struct teller_config *config, struct teller **ret_teller)
{
	struct teller *t = calloc(1, sizeof(*t));
	struct pool_config pool = {
		.threads = TELLER_EXECS, .queue = CONF_TARGETS_MAX, .wake = wake, .arg = t};
	uint64_t dropped;
	enum err err;

	if (!t)
		return ERR_NOMEM;
	TAILQ_INIT(&t->targets);
	mailbox_init(&t->mail, "events to hooks");
	t->store = config->store;
	t->notices = config->notices;
	err = transport_new("certd/" CERTD_VERSION " (webhook)", &t->transport);
	t->mail.transport = t->transport;
	if (!err)
		err = pool_new(&pool, &t->pool);
	if (!err) {
		(void)teller_ends(t, &t->counted, &dropped);
		take_conf(t, conf_ref(config->conf));
	}
	if (!err && pthread_create(&t->thread, NULL, teller_main, t) != 0)
		err = ERR_NOMEM;
	if (err)
		teller_free(t);
	else
		*ret_teller = t;
	return err;
}

void
teller_set_conf(struct teller *teller, const struct conf *conf)
{
	mailbox_set_conf(&teller->mail, conf);
}

void
teller_wake(struct teller *teller)
{
	mailbox_wake(&teller->mail);
}

void
teller_look(struct teller *teller, struct teller_state *ret_state)
{
	pthread_mutex_lock(&teller->mail.mutex);
	*ret_state = teller->state;
	pthread_mutex_unlock(&teller->mail.mutex);
}

void
teller_stop(struct teller *teller)
{
	if (!teller)
		return;
	mailbox_stop(&teller->mail, teller->thread);
	teller_free(teller);
}
