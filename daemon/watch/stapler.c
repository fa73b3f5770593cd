/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch/stapler.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "acme/ocsp.h"
#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/problem.h"
#include "daemon/common/chance.h"
#include "daemon/common/history.h"
#include "daemon/common/mailbox.h"
#include "daemon/conf/conf.h"
#include "daemon/front/pair.h"
#include "daemon/order/plan.h"
#include "daemon/watch/clockwatch.h"
#include "store/cert.h"
#include "store/domain.h"
#include "store/ocsp.h"
#include "store/store.h"

enum { LOOK_EVERY_MS = 1000, STORE_AGAIN_MS = 60 * 1000, REVOKED_AGAIN_S = 3600 };

/* A question that is on its way. */
struct ask {
	TAILQ_ENTRY(ask) link;
	struct stapler *stapler;
	struct hostname name;
	bool second; /* its second certificate */
	uint64_t generation;
	struct buf leaf, issuers;
	char url[OCSP_URL_MAX + 1];
	bool must_staple;
};

struct stapler {
	struct store *store;
	struct notice_queue *notices;
	struct clockwatch *clock;
	struct transport *transport;
	pthread_t thread;
	struct mailbox mail;
	_Atomic bool any_address;
	/* Of the thread: */
	TAILQ_HEAD(, ask) asks;
	size_t asking;
	struct ocsp_row after; /* name.len 0: from the first */
	struct ocsp_row rows[STAPLER_LOOK];
	int64_t look_at_ms;
};

static struct ocsp_subject
subject_of(const struct ask *a)
{
	return (struct ocsp_subject){.leaf = {a->leaf.data, a->leaf.len},
	                             .issuers = {a->issuers.data, a->issuers.len}};
}

static void
ask_free(struct ask *a)
{
	buf_done(&a->leaf);
	buf_done(&a->issuers);
	free(a);
}

/* ---- what came of it ------------------------------------------------------------------------ */

/* CHANGE holds the new answer, or none with the reason in WHY. */
struct change {
	enum err err; /* as ocsp_judge() */
	struct ocsp_answer answer;
	struct span response;
	struct problem why;
};

static void
apply(struct ocsp *o, const struct change *c)
{
	int64_t now = clock_wall();

	o->failures = c->err == ERR_PROTO ? o->failures + 1 : 0;
	if (c->err == ERR_PROTO) {
		o->due_at = plan_ask_again_at(o->failures, now, chance_u32());
		return;
	}
	buf_reset(&o->response);
	o->this_update = now; /* without an answer: it is revoked */
	o->next_update = 0;
	o->due_at = now + REVOKED_AGAIN_S;
	if (c->err)
		return;
	buf_add(&o->response, c->response.data, c->response.len);
	o->this_update = c->answer.this_update;
	o->next_update = c->answer.next_update;
	o->due_at = plan_staple_at(now, c->answer.next_update, chance_u32());
}

/* Only as long as the name has the certificate that we have asked about. RET_HOLDS: there is
 * something to be served. */
static enum err
settle(struct store_txn *txn, const struct ask *a, const struct change *c, bool *ret_holds)
{
	struct domain d;
	struct ocsp o;
	enum err err = domain_get(txn, &a->name, &d);

	if (err)
		return err;
	if ((a->second ? d.second.generation : d.generation) != a->generation)
		return ERR_NOTFOUND;
	ocsp_init(&o);
	err = ocsp_get(txn, &a->name, a->second, &o);
	if (err == ERR_NOTFOUND || err == ERR_CORRUPT)
		err = ERR_OK; /* begun anew */
	if (o.generation != a->generation)
		ocsp_done(&o);
	o.generation = a->generation;
	if (!err)
		apply(&o, c);
	if (!err && !buf_ok(&o.response))
		err = ERR_NOMEM;
	*ret_holds = o.next_update > clock_wall();
	if (!err)
		err = ocsp_put(txn, &a->name, a->second, &o);
	ocsp_done(&o);
	return err;
}

static void
tell(struct stapler *s, const struct ask *a, const struct change *c, bool holds)
{
	if (c->err == ERR_OK) {
		log_host_debug(&a->name, "OCSP: good");
	} else if (c->err == ERR_REFUSED) {
		log_host_warn(&a->name, "the CA says that its certificate is %s", c->why.detail);
		history_add(s->store, s->notices, "cert.revoked", a->name.name, "%s",
		            c->why.detail);
	} else {
		log_host_info(&a->name, "no OCSP answer from %s: %s", a->url, c->why.detail);
		history_add(s->store, s->notices, "ocsp.failed", "",
		            "no answer from %s; names are served without", a->url);
	}
	if (c->err && a->must_staple && !holds)
		history_add(s->store, s->notices, "ocsp.missing", a->name.name,
		            "its certificate must be served with an OCSP answer (must-staple), "
		            "and there is none: clients may refuse it");
}

static void
store_change(struct stapler *s, const struct ask *a, const struct change *c)
{
	struct store_txn *txn;
	bool holds = false;
	enum err err = store_begin_write(s->store, STORE_SERVED, &txn);

	if (!err) {
		err = settle(txn, a, c, &holds);
		err = store_finish(txn, err);
	}
	if (!err) {
		tell(s, a, c, holds);
		return;
	}
	if (err == ERR_NOTFOUND)
		return; /* removed or renewed meanwhile */
	log_warn("an OCSP answer cannot be stored: %s", err_text(err));
	s->look_at_ms = clock_mono_ms() + STORE_AGAIN_MS;
}

static bool
doubts_clock(const struct stapler *s)
{
	return clockwatch_doubts(s->clock, clock_wall(), clock_mono_ms());
}

static void
on_reply(void *arg, struct transport_reply *reply)
{
	struct ask *a = arg;
	struct stapler *s = a->stapler;
	struct ocsp_subject subject = subject_of(a);
	struct change c = {.err = ERR_PROTO, .response = {reply->body.data, reply->body.len}};
	bool doubted = doubts_clock(s); /* it may be set right while we judge */

	if (reply->err)
		problem_set(&c.why, PROBLEM_CERT_REJECTED, "%s", reply->error);
	else if (reply->status != 200)
		problem_set(&c.why, PROBLEM_CERT_REJECTED, "status %d", reply->status);
	else
		c.err = ocsp_judge(&subject, c.response, clock_wall(), &c.answer, &c.why);
	/* By a clock that is months ahead all answers are too old, and the next question is due in
	 * months. One that is good by it speaks for it. */
	if (c.err != ERR_PROTO || (!doubted && !doubts_clock(s)))
		store_change(s, a, &c);
	TAILQ_REMOVE(&s->asks, a, link);
	s->asking--;
	ask_free(a);
}

/* ---- asking --------------------------------------------------------------------------------- */

/* ERR_NOTFOUND: there is nothing to ask. */
static enum err
read_subject(struct store_txn *txn, struct ask *a)
{
	struct domain d;
	struct cert cert;
	enum err err = domain_get(txn, &a->name, &d);

	if (err)
		return err;
	cert_init(&cert);
	err = pair_get(txn, &d, a->second, &cert);
	if (!err)
		err = cert_chain_get(txn, cert.chain_id, &a->issuers);
	if (!err &&
	    !ocsp_responder((struct span){cert.leaf.data, cert.leaf.len}, a->url, &a->must_staple))
		err = ERR_NOTFOUND;
	a->generation = cert.generation;
	buf_take(&a->leaf, &cert.leaf);
	cert_done(&cert);
	return err;
}

static enum err
load(struct stapler *s, struct ask *a)
{
	struct store_txn *txn;
	enum err err = store_begin_read(s->store, STORE_SERVED, &txn);

	if (err)
		return err;
	err = read_subject(txn, a);
	store_abort(txn);
	return err;
}

static enum err
send_question(struct stapler *s, struct ask *a)
{
	struct ocsp_subject subject = subject_of(a);
	struct buf body = {0};
	enum err err = ocsp_request(&subject, &body);
	struct transport_question question = {.url = a->url,
	                                      .body = body.data,
	                                      .len = body.len,
	                                      .any_address = atomic_load(&s->any_address)};

	if (!err)
		err = transport_ask(s->transport, &question, on_reply, a);
	buf_done(&body);
	return err;
}

static void
ask(struct stapler *s, const struct ocsp_row *row)
{
	struct ask *a = calloc(1, sizeof(*a));
	struct change c = {.err = ERR_PROTO};
	enum err err;

	if (!a)
		return;
	a->stapler = s;
	a->name = row->name;
	a->second = row->second;
	err = load(s, a);
	if (!err)
		err = send_question(s, a);
	if (!err) {
		TAILQ_INSERT_TAIL(&s->asks, a, link);
		s->asking++;
		return;
	}
	/* What cannot be asked about is not looked at every second. */
	problem_set(&c.why, PROBLEM_CERT_REJECTED, "it cannot be asked: %s", err_text(err));
	if (a->generation)
		store_change(s, a, &c);
	ask_free(a);
}

static bool
is_asking(const struct stapler *s, const struct ocsp_row *row)
{
	const struct ask *a;

	TAILQ_FOREACH(a, &s->asks, link)
	if (a->second == row->second && hostname_equal(&a->name, &row->name))
		return true;
	return false;
}

/* The next rows of the table, and from its end to its beginning. */
static void
look(struct stapler *s)
{
	struct store_txn *txn;
	size_t count = 0;
	int64_t now = clock_wall();

	if (store_begin_read(s->store, STORE_SERVED, &txn))
		return;
	if (ocsp_page(txn, s->after.name.len ? &s->after : NULL, STAPLER_LOOK, s->rows, &count))
		count = 0;
	store_abort(txn);
	if (count < STAPLER_LOOK)
		s->after = (struct ocsp_row){0};
	for (size_t i = 0; i < count && s->asking < STAPLER_ASKING; i++) {
		if (s->rows[i].due_at <= now && !is_asking(s, &s->rows[i]))
			ask(s, &s->rows[i]);
		if (count == STAPLER_LOOK)
			s->after = s->rows[i];
	}
}

static void *
stapler_main(void *arg)
{
	struct stapler *s = arg;

	while (mailbox_read(&s->mail, NULL)) {
		if (clock_mono_ms() >= s->look_at_ms) {
			s->look_at_ms = clock_mono_ms() +
			                (doubts_clock(s) ? CLOCK_ORDER_MS : LOOK_EVERY_MS);
			look(s);
		}
		mailbox_run(&s->mail, LOOK_EVERY_MS);
	}
	return NULL;
}

static void
stapler_free(struct stapler *s)
{
	struct ask *a;

	transport_free(s->transport); /* drops what is on its way, without callbacks */
	while ((a = TAILQ_FIRST(&s->asks))) {
		TAILQ_REMOVE(&s->asks, a, link);
		ask_free(a);
	}
	mailbox_done(&s->mail);
	free(s);
}

void
stapler_set_conf(struct stapler *stapler, const struct conf *conf)
{
	atomic_store(&stapler->any_address, conf->ocsp_allow_private);
}

enum err
stapler_start(const struct stapler_config *config, struct stapler **ret_stapler)
{
	struct stapler *s = calloc(1, sizeof(*s));
	enum err err;

	if (!s)
		return ERR_NOMEM;
	TAILQ_INIT(&s->asks);
	mailbox_init(&s->mail, "OCSP");
	s->store = config->store;
	s->notices = config->notices;
	s->clock = config->clock;
	stapler_set_conf(s, config->conf);
	err = transport_new("certd/" CERTD_VERSION " (OCSP client; RFC 6960)", &s->transport);
	s->mail.transport = s->transport;
	if (!err && pthread_create(&s->thread, NULL, stapler_main, s) != 0)
		err = ERR_NOMEM;
	if (err)
		stapler_free(s);
	else
		*ret_stapler = s;
	return err;
}

void
stapler_stop(struct stapler *stapler)
{
	if (!stapler)
		return;
	mailbox_stop(&stapler->mail, stapler->thread);
	stapler_free(stapler);
}
