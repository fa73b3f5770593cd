/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch/renewer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer.h"
#include "daemon/watch/renewer_inside.h"
#include "store/event.h"
#include "store/store.h"

enum {
	LOOK_EVERY_MS = 1000,
	STORE_AGAIN_MS = 60 * 1000,
	HOUR_MS = 3600 * 1000,
	TOLD_AN_HOUR = 100, /* names with an event of their own; the others are counted */
};

/* ---- what is told --------------------------------------------------------------------------- */

/* What a batch has to tell behind its commit. */
struct told {
	struct event *events;
	size_t count;
	struct event others; /* a tally, count 0: nothing */
	bool moved;          /* plans */
};

static void
describe(const struct renewal *r, const struct renewal_change *change, struct event *e)
{
	char from[CLOCK_TEXT_MAX], until[CLOCK_TEXT_MAX], at[CLOCK_TEXT_MAX];

	e->at = clock_wall();
	snprintf(e->type, sizeof(e->type), "renewal.window_changed");
	snprintf(e->name, sizeof(e->name), "%s", r->name.name);
	if (!r->window_end)
		snprintf(e->detail, sizeof(e->detail),
		         "ca %s names no window any more: renewed as usual", r->ca);
	else
		snprintf(e->detail, sizeof(e->detail),
		         "ca %s wants it renewed from %s to %s, planned %s%s%s%.300s", r->ca,
		         clock_format(r->window_start, from), clock_format(r->window_end, until),
		         clock_format(r->renew_at, at), change->moved ? "" : " (not the plan now)",
		         *r->explanation ? "; why: " : "", r->explanation);
}

/* A first window is no news, unless it says now, or why. */
static bool
is_news(const struct renewal *r, const struct renewal_change *c)
{
	if (c->explained || (c->window && !c->is_first))
		return true;
	return c->window && r->renew_at && r->renew_at <= clock_wall();
}

static void
tell(struct renewer *s, const struct renewal *r, const struct renewal_change *change,
     struct told *told)
{
	struct event *e = &told->events[told->count];

	if (!is_news(r, change))
		return;
	*e = (struct event){0};
	describe(r, change, e);
	log_host_info(&r->name, "%s", e->detail);
	if (s->told < TOLD_AN_HOUR) {
		s->told++;
		told->count++;
		return;
	}
	e->name[0] = '\0';
	e->count = told->others.count + 1;
	told->others = *e;
}

static void
tell_all(struct renewer *s, struct told *told)
{
	if (told->count &&
	    history_put_all(s->config.store, s->config.notices, told->events, told->count))
		log_warn("events of renewal information are not written");
	if (told->others.count && history_tally(s->config.store, s->config.notices, &told->others))
		log_warn("events of renewal information are not written");
	if (told->moved && s->config.issuer)
		issuer_wake(s->config.issuer);
}

/* ---- commits -------------------------------------------------------------------------------- */

static enum err
settle_in(struct renewer *s, struct store_txn *txn, struct told *told)
{
	const struct renewal_ask *ask;
	enum err err = ERR_OK;

	TAILQ_FOREACH(ask, &s->answered, link)
	{
		struct renewal_change change;
		struct renewal r;

		if (ask->answer.word == RENEWAL_DOUBTED)
			continue; /* its record and its time are as they were */
		err = renewal_settle(txn, &ask->subject, &ask->answer, &r, &change);
		if (err == ERR_NOTFOUND)
			continue; /* removed or renewed meanwhile */
		if (err)
			return err;
		told->moved = told->moved || change.moved;
		tell(s, &r, &change, told);
	}
	return ERR_OK;
}

static void
drop_answers(struct renewer *s)
{
	struct renewal_ask *ask;

	while ((ask = TAILQ_FIRST(&s->answered))) {
		TAILQ_REMOVE(&s->answered, ask, link);
		free(ask);
	}
}

/* All answers of the last second in one commit; what it does not take is asked again later. */
static void
settle(struct renewer *s)
{
	struct renewal_ask *ask;
	struct told told = {0};
	struct store_txn *txn;
	size_t count = 1;
	enum err err;

	TAILQ_FOREACH(ask, &s->answered, link)
	count++;
	if (count == 1)
		return;
	told.events = calloc(count, sizeof(*told.events));
	err = told.events ? store_begin_write(s->config.store, STORE_SERVED, &txn) : ERR_NOMEM;
	if (!err) {
		err = settle_in(s, txn, &told);
		err = store_finish(txn, err);
	}
	if (!err) {
		tell_all(s, &told);
	} else {
		log_warn("renewal information cannot be stored: %s", err_text(err));
		s->look_at = clock_mono_ms() + STORE_AGAIN_MS;
	}
	free(told.events);
	drop_answers(s);
}

/* ---- names without a record ----------------------------------------------------------------- */

static bool
is_missing(struct store_txn *txn, const struct domain *d, uint64_t generation)
{
	struct renewal r;
	enum err err = generation ? renewal_get(txn, &d->name, generation, &r) : ERR_OK;

	return err == ERR_NOTFOUND || err == ERR_CORRUPT;
}

/* One page on; returns how many of it have no record, and are the first of it now. */
static size_t
sweep_page(struct renewer *s)
{
	size_t count = 0, missing = 0;
	struct store_txn *txn;

	if (store_begin_read(s->config.store, STORE_SERVED, &txn))
		return 0;
	if (domain_page(txn, s->swept_to.len ? &s->swept_to : NULL, RENEWER_SWEEP, s->page, &count))
		count = 0;
	s->swept = count < RENEWER_SWEEP;
	if (count)
		s->swept_to = s->page[count - 1].name;
	for (size_t i = 0; i < count; i++) {
		const struct domain *d = &s->page[i];

		if (!d->lead.len &&
		    (is_missing(txn, d, d->generation) || is_missing(txn, d, d->second.generation)))
			s->page[missing++].name = d->name;
	}
	store_abort(txn);
	return missing;
}

/* Of stores of before, and of what was damaged. */
static enum err
sweep_put(struct renewer *s, size_t missing)
{
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_write(s->config.store, STORE_SERVED, &txn);

	if (err)
		return err;
	for (size_t i = 0; i < missing && !err; i++) {
		enum err had = domain_get(txn, &s->page[i].name, &d);

		if (!had)
			err = renewal_follow(txn, NULL, &d);
	}
	if (!err)
		return store_commit(txn);
	store_abort(txn);
	return err;
}

static void
sweep(struct renewer *s)
{
	size_t missing = s->swept ? 0 : sweep_page(s);

	if (missing && sweep_put(s, missing))
		log_info("%zu names get their record of renewal at the next start", missing);
}

/* ---- the thread ----------------------------------------------------------------------------- */

static void
free_cas(struct renewer *s)
{
	for (size_t i = 0; i < s->ca_count; i++)
		renewer_ca_free(s->cas[i]);
	drop_answers(s); /* they know their CA */
	free(s->cas);
	s->cas = NULL;
	s->ca_count = 0;
}

/* CONF's reference becomes ours. What was asked stays due, and is asked again. */
static enum err
take_conf(struct renewer *s, const struct conf *conf)
{
	enum err err;

	free_cas(s);
	conf_unref(s->conf);
	s->conf = conf;
	s->cas = calloc(conf->ca_count + 1, sizeof(*s->cas));
	err = s->cas ? ERR_OK : ERR_NOMEM;
	for (size_t i = 0; i < conf->ca_count && !err; i++) {
		err = renewer_ca_new(s, &conf->cas[i], &s->cas[i]);
		s->ca_count += !err;
	}
	return err;
}

static void
turn(struct renewer *s)
{
	int64_t now = clock_mono_ms();

	if (now < s->look_at)
		return;
	s->look_at = now + LOOK_EVERY_MS;
	if (s->ca_count < s->conf->ca_count && take_conf(s, conf_ref(s->conf)))
		return; /* no memory still */
	if (now >= s->hour_until) {
		s->hour_until = now + HOUR_MS;
		s->told = 0;
	}
	settle(s);
	sweep(s);
	for (size_t i = 0; i < s->ca_count && now >= s->look_at - LOOK_EVERY_MS; i++)
		renewer_ca_look(s->cas[i]);
}

static void *
renewer_main(void *arg)
{
	struct renewer *s = arg;
	const struct conf *conf;

	while (mailbox_read(&s->mail, &conf)) {
		int64_t wait = LOOK_EVERY_MS;

		if (conf && take_conf(s, conf))
			log_err("no memory to ask all CAs for renewal information");
		turn(s);
		for (size_t i = 0; i < s->ca_count; i++) {
			renewer_ca_go_on(s->cas[i]);
			wait = renewer_ca_wait_ms(s->cas[i], wait);
		}
		mailbox_run(&s->mail, (int)wait);
	}
	return NULL;
}

static void
renewer_free(struct renewer *s)
{
	free_cas(s);
	transport_free(s->transport);
	conf_unref(s->conf);
	mailbox_done(&s->mail);
	free(s);
}

enum err
renewer_start(const struct renewer_config *config, struct renewer **ret_renewer)
{
	struct renewer *s = calloc(1, sizeof(*s));
	enum err err;

	if (!s)
		return ERR_NOMEM;
	s->config = *config;
	s->config.conf = NULL;
	TAILQ_INIT(&s->answered);
	mailbox_init(&s->mail, "renewal information");
	err = transport_new(TRANSPORT_ACME_AGENT, &s->transport);
	s->mail.transport = s->transport;
	if (!err)
		err = take_conf(s, conf_ref(config->conf));
	if (!err && pthread_create(&s->thread, NULL, renewer_main, s) != 0)
		err = ERR_NOMEM;
	if (err)
		renewer_free(s);
	else
		*ret_renewer = s;
	return err;
}

void
renewer_stop(struct renewer *renewer)
{
	if (!renewer)
		return;
	mailbox_stop(&renewer->mail, renewer->thread);
	renewer_free(renewer);
}

void
renewer_set_conf(struct renewer *renewer, const struct conf *conf)
{
	mailbox_set_conf(&renewer->mail, conf);
}
