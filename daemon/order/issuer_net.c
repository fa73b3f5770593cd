/* SPDX-License-Identifier: Apache-2.0 */
/* What a round sends: the engines' requests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "acme/engine.h"
#include "acme/key.h"
#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/common/notice.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer_inside.h"
#include "daemon/order/job_attempt.h"
#include "daemon/order/keymaker.h"
#include "daemon/order/selfcheck.h"
#include "daemon/watch/clockwatch.h"
#include "store/event.h"

/* ---- requests ------------------------------------------------------------------------------- */

static void
on_answer(void *arg, const struct client_answer *answer)
{
	struct job_ask *ask = arg;
	struct job *job = ask->job;
	struct notice notice;

	ask->out = false;
	authority_note(job->ca, answer, ask->orders);
	job_attempt_step(job, answer);
	if (answer->reply)
		clockwatch_ca_says(job->ca->issuer->clock, job->ca->conf->name, answer->reply->date,
		                   clock_wall(), clock_mono_ms());
	engine_feed(job->engine, ask->id, answer);
	if (engine_wish(job->engine) != ENGINE_HEAR)
		job->phase = JOB_RUN;
	while (job_progress(job, &notice))
		issuer_tell(job->ca->issuer, job, &notice);
}

/* The engine hears of a request that could not even be posted. */
static void
cannot_post(struct job *job, const struct engine_send *send, enum err err)
{
	struct client_answer answer = {.unsent = true};

	problem_set(&answer.problem, PROBLEM_INTERNAL, "cannot post to ca %s: %s",
	            job->ca->conf->name, err_text(err));
	engine_feed(job->engine, send->id, &answer);
}

static void
post(struct job *job, const struct engine_send *send)
{
	struct job_ask *ask = job->asks;
	struct client *client;
	enum err err = authority_client(job->ca, &client);

	while (ask->out) /* there are as many as the engine has under way */
		ask++;
	*ask = (struct job_ask){.job = job,
	                        .id = send->id,
	                        .orders = send->target == CLIENT_NEW_ORDER,
	                        .out = true};
	if (!err)
		err = client_post(client, send->target, send->url, send->payload, on_answer, ask);
	if (err) {
		ask->out = false;
		cannot_post(job, send, err);
	}
}

static void
post_all(struct job *job)
{
	const struct engine_send *send;

	while ((send = engine_send_next(job->engine)))
		post(job, send);
	if (engine_wish(job->engine) == ENGINE_HEAR)
		job->phase = JOB_SENT;
}

/* RSA keys take their time, on a thread of their own. */
static void
make_key(struct issuer *s, struct job *job)
{
	enum key_kind kind = engine_key_kind(job->engine);
	EVP_PKEY *key = NULL;

	if (key_kind_is_rsa(kind) && !keymaker_ask(s->keymaker, kind, job)) {
		job->phase = JOB_KEY;
		return;
	}
	if (key_new(kind, &key))
		key = NULL;
	engine_take_key(job->engine, key);
}

void
issuer_take_keys(struct issuer *s)
{
	struct job *job;
	EVP_PKEY *key;

	while ((job = keymaker_take(s->keymaker, &key))) {
		engine_take_key(job->engine, key);
		job->phase = JOB_RUN;
	}
}

static void
step(struct issuer *s, struct job *job, int64_t now)
{
	switch (engine_wish(job->engine)) {
	case ENGINE_SEND:
		if (!engine_is_dirty(job->engine))
			post_all(job);
		break;
	case ENGINE_KEY:
		make_key(s, job);
		break;
	case ENGINE_WAIT:
		job->wake_at = now + engine_wait_ms(job->engine);
		job->phase = JOB_WAIT;
		break;
	case ENGINE_HEAR:
	case ENGINE_PUBLISH:
	case ENGINE_DONE:
	case ENGINE_FAILED:
		break; /* the next round settles it */
	}
}

void
issuer_send(struct issuer *s)
{
	int64_t now = clock_mono_ms();

	for (struct job *job = s->jobs; job; job = job->hh.next) {
		if (job->phase == JOB_WAIT && job->wake_at <= now) {
			if (engine_wish(job->engine) == ENGINE_WAIT)
				engine_waited(job->engine);
			job->phase = JOB_RUN;
		}
		if (job->phase == JOB_RUN)
			step(s, job, now);
	}
}
