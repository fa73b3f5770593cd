/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "acme/pace.h"
#include "acme/refusal.h"
#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/chance.h"
#include "daemon/conf/conf.h"
#include "daemon/order/plan.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/renewer_inside.h"
#include "store/cert.h"
#include "store/store.h"

enum {
	DAY_MS = 86400 * 1000,
	AGAIN_S = 600,
};

/* ---- questions ------------------------------------------------------------------------------ */

static bool
doubts_clock(const struct renewer_ca *ca)
{
	return clockwatch_doubts(ca->renewer->config.clock, clock_wall(), clock_mono_ms());
}

/* A time by a clock that is months ahead would be that of the next question when it is right again.
 */
static void
answer_is(struct renewal_ask *ask, enum renewal_word word, int64_t retry_after_ms)
{
	ask->answer.word = doubts_clock(ask->ca) ? RENEWAL_DOUBTED : word;
	ask->answer.again_at = plan_poll_at(clock_wall(), retry_after_ms, chance_u32());
	TAILQ_INSERT_TAIL(&ask->ca->renewer->answered, ask, link);
}

/* Of a certificate that was imported, or stored by an older certd. */
static enum err
look_up_id(struct store_txn *txn, const struct domain *d, uint64_t generation,
           char ret_id[RENEWAL_INFO_ID_MAX + 1])
{
	struct cert cert;
	enum err err;

	cert_init(&cert);
	err = d->generation == generation ? cert_get_for(txn, d, &cert)
	                                  : cert_get_second(txn, d, &cert);
	if (!err && !renewal_info_id((struct span){cert.leaf.data, cert.leaf.len}, ret_id))
		err = ERR_NOTFOUND;
	cert_done(&cert);
	return err;
}

/* ERR_NOTFOUND: there is nothing to ask, or no more. */
static enum err
load(struct store_txn *txn, struct renewal_ask *ask)
{
	const struct renewal_row *row = &ask->subject.row;
	struct renewal r;
	struct domain d;
	enum err err = domain_get(txn, &row->name, &d);
	bool first;

	if (err)
		return err;
	first = d.generation == row->generation;
	if (!first && d.second.generation != row->generation)
		return ERR_NOTFOUND;
	if ((first ? d.not_after : d.second.not_after) <= clock_wall())
		return ERR_NOTFOUND;
	if (renewal_get(txn, &row->name, row->generation, &r) == ERR_OK && *r.id &&
	    strlen(r.id) <= RENEWAL_INFO_ID_MAX) {
		strcpy(ask->answer.id, r.id);
		return ERR_OK;
	}
	return look_up_id(txn, &d, row->generation, ask->answer.id);
}

static void pump(struct renewer_ca *ca);

static void
judge(struct renewal_ask *ask, const struct transport_reply *reply)
{
	struct clockwatch *clock = ask->ca->renewer->config.clock;
	struct problem why;

	refusal_judge(reply, &why);
	clockwatch_ca_says(clock, ask->ca->conf->name, reply->date, clock_wall(), clock_mono_ms());
	if (doubts_clock(ask->ca)) {
		answer_is(ask, RENEWAL_DOUBTED, 0);
		return;
	}
	if (reply->err || reply->status >= 500 || reply->status == 429 || why.kind == PROBLEM_NONE)
		renewer_ca_note(ask->ca, &why);
	if (why.kind == PROBLEM_NONE &&
	    renewal_info_read((struct span){reply->body.data, reply->body.len}, &ask->answer.info,
	                      &why) == ERR_OK) {
		answer_is(ask, RENEWAL_WINDOW, reply->retry_after_ms);
		return;
	}
	log_host_info(&ask->subject.row.name, "no renewal information from ca %s: %s",
	              ask->ca->conf->name, why.detail);
	answer_is(
		ask,
		why.kind == PROBLEM_CA_PROTOCOL && !reply->err ? RENEWAL_SENSELESS : RENEWAL_FAILED,
		reply->retry_after_ms < 0 ? 0 : reply->retry_after_ms);
}

/* They are due at the same moment again, so one question will do then, too. */
static void
share_answer(struct renewal_ask *ask)
{
	struct renewal_ask *same;

	while ((same = ask->same)) {
		ask->same = same->same;
		same->same = NULL;
		same->answer = ask->answer;
		TAILQ_INSERT_TAIL(&ask->ca->renewer->answered, same, link);
	}
}

/* Who asks about the same certificate, that of several imported names, already; NULL: nobody. */
static struct renewal_ask *
find_ask(const struct renewer_ca *ca, uint64_t generation)
{
	struct renewal_ask *ask;

	TAILQ_FOREACH(ask, &ca->asks, link)
	if (ask->subject.row.generation == generation)
		return ask;
	return NULL;
}

static bool
joins(struct renewal_ask *ask)
{
	struct renewal_ask *first = find_ask(ask->ca, ask->subject.row.generation);

	if (!first)
		return false;
	ask->same = first->same;
	first->same = ask;
	return true;
}

static void
on_reply(void *arg, struct transport_reply *reply)
{
	struct renewal_ask *ask = arg;
	struct renewer_ca *ca = ask->ca;

	TAILQ_REMOVE(&ca->asks, ask, link);
	ca->asking--;
	judge(ask, reply);
	share_answer(ask);
	pump(ca);
}

static enum err
send_question(struct renewal_ask *ask)
{
	struct renewer_ca *ca = ask->ca;
	char url[URL_MAX + 1];
	struct transport_request request = {
		.method = "GET", .url = url, .ca_file = ca->conf->ca_file};

	if (!renewal_info_url(ca->url, ask->answer.id, url))
		return ERR_TOOBIG;
	pace_take(ca->pace, PACE_RENEWAL_INFO, clock_mono_ms());
	return transport_submit(ca->renewer->transport, &request, on_reply, ask);
}

static void
on_its_way(struct renewal_ask *ask)
{
	TAILQ_INSERT_TAIL(&ask->ca->asks, ask, link);
	ask->ca->asking++;
}

/* What needs no question has its answer at once. */
static void
begin(struct renewer_ca *ca, const struct renewal_row *row)
{
	struct renewal_ask *ask = calloc(1, sizeof(*ask));
	struct store_txn *txn;
	enum err err;

	if (!ask)
		return;
	ask->ca = ca;
	ask->subject = (struct renewal_subject){
		.ca = ca->conf->name,
		.row = *row,
		.pairs = ca->renewer->conf->otherwise.second_key != KEY_KINDS};
	err = store_begin_read(ca->renewer->config.store, STORE_SERVED, &txn);
	if (!err) {
		err = load(txn, ask);
		store_abort(txn);
	}
	if (ca->has_none || err == ERR_NOTFOUND)
		answer_is(ask, RENEWAL_NONE, DAY_MS);
	else if (!ca->url ||
	         (renewer_ca_is_long_down(ca) && (ca->asking || renewer_ca_is_held(ca))))
		answer_is(ask, RENEWAL_NONE, -1);
	else if (!err && joins(ask))
		return;
	else if (err || send_question(ask))
		answer_is(ask, RENEWAL_LATER, AGAIN_S * 1000);
	else
		on_its_way(ask);
}

static size_t
room(const struct renewer_ca *ca)
{
	size_t share = RENEWER_ASKING / ca->renewer->ca_count;

	return ca->failures || !share ? 1 : share;
}

/* Or need not, for ROW, since it is being asked already. */
static bool
may_ask(const struct renewer_ca *ca, const struct renewal_row *row)
{
	int64_t now = clock_mono_ms();

	return find_ask(ca, row->generation) ||
	       (!renewer_ca_is_held(ca) && ca->asking < room(ca) &&
	        pace_next(ca->pace, PACE_RENEWAL_INFO, now) <= now);
}

static void
pump(struct renewer_ca *ca)
{
	while (ca->row_at < ca->row_count &&
	       (renewer_ca_is_long_down(ca) || may_ask(ca, &ca->rows[ca->row_at])))
		begin(ca, &ca->rows[ca->row_at++]);
}

static bool
is_asking(const struct renewer_ca *ca, const struct renewal_row *row)
{
	const struct renewal_ask *first, *ask;

	TAILQ_FOREACH(first, &ca->asks, link)
	for (ask = first; ask; ask = ask->same)
		if (ask->subject.row.generation == row->generation &&
		    hostname_equal(&ask->subject.row.name, &row->name))
			return true;
	return false;
}

/* The next page. What is on its way is still in the index. */
static void
read_due(struct renewer_ca *ca)
{
	struct renewer *r = ca->renewer;
	size_t limit = RENEWER_LOOK / r->ca_count, count = 0;
	struct store_txn *txn;

	ca->row_count = ca->row_at = 0;
	if (store_begin_read(r->config.store, STORE_SERVED, &txn))
		return;
	if (renewal_due(txn, ca->conf->name, clock_wall(), limit, ca->rows, &count))
		count = 0;
	store_abort(txn);
	for (size_t i = 0; i < count; i++)
		if (!is_asking(ca, &ca->rows[i]))
			ca->rows[ca->row_count++] = ca->rows[i];
	if (ca->row_count > 1 && doubts_clock(ca))
		ca->row_count = 1;
}

/* While the clock is in doubt there is a question now and then, for the Date of its answer. */
static bool
rests(struct renewer_ca *ca)
{
	int64_t now = clock_mono_ms();

	if (!doubts_clock(ca))
		return false;
	if (ca->asking || now < ca->doubt_at)
		return true;
	ca->doubt_at = now + CLOCK_ORDER_MS;
	ca->row_count = ca->row_at = 0; /* one is read anew */
	return false;
}

void
renewer_ca_look(struct renewer_ca *ca)
{
	renewer_ca_ask_date(ca);
	if (rests(ca))
		return;
	if (ca->row_at == ca->row_count && (!renewer_ca_is_held(ca) || renewer_ca_is_long_down(ca)))
		read_due(ca);
	if (ca->row_at < ca->row_count &&
	    (renewer_ca_has_directory(ca) || renewer_ca_is_long_down(ca)))
		pump(ca);
}

void
renewer_ca_go_on(struct renewer_ca *ca)
{
	if (ca->url && ca->row_at < ca->row_count)
		pump(ca);
}

int64_t
renewer_ca_wait_ms(const struct renewer_ca *ca, int64_t most)
{
	int64_t now = clock_mono_ms(), wait;

	if (!ca->url || ca->row_at == ca->row_count || renewer_ca_is_held(ca) ||
	    ca->asking >= room(ca))
		return most;
	wait = pace_next(ca->pace, PACE_RENEWAL_INFO, now) - now;
	return wait < 0 ? 0 : wait < most ? wait : most;
}

/* ---- life ----------------------------------------------------------------------------------- */

enum err
renewer_ca_new(struct renewer *r, const struct conf_ca *conf, struct renewer_ca **ret_ca)
{
	struct renewer_ca *ca = calloc(1, sizeof(*ca));

	if (!ca)
		return ERR_NOMEM;
	ca->renewer = r;
	ca->conf = conf;
	TAILQ_INIT(&ca->asks);
	if (pace_open(conf->directory, &ca->pace)) {
		free(ca);
		return ERR_NOMEM;
	}
	*ret_ca = ca;
	return ERR_OK;
}

void
renewer_ca_free(struct renewer_ca *ca)
{
	struct renewal_ask *ask;

	transport_cancel(ca->renewer->transport, ca);
	while ((ask = TAILQ_FIRST(&ca->asks))) {
		transport_cancel(ca->renewer->transport, ask);
		TAILQ_REMOVE(&ca->asks, ask, link);
		share_answer(ask); /* all that were answered are dropped */
		free(ask);
	}
	pace_close(ca->pace);
	free(ca->url);
	free(ca);
}
