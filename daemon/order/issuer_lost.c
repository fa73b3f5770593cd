/* SPDX-License-Identifier: Apache-2.0 */
/* The search for orders whose URL was never heard: see acme/lost.h. */
#include <string.h>

#include "acme/client.h"
#include "acme/engine.h"
#include "acme/lost.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer_inside.h"

enum { SEEK_AGAIN_MS = 5000, SEEKS_MAX = 3 };

static bool
is_known(void *arg, const char *order_url)
{
	struct issuer *s = arg;

	for (struct job *job = s->jobs; job; job = job->hh.next)
		if (job->phase < JOB_CLOSE && strcmp(engine_url(job->engine), order_url) == 0)
			return true;
	return false;
}

static void on_lost_answer(void *arg, const struct client_answer *answer);

/* Once more later? A CA that is up and whose list makes no sense will not learn. */
static bool
seeks_again(struct job *job, bool failed)
{
	if (failed && job->ca->down == 0)
		job->seeks++;
	return failed && job->seeks < SEEKS_MAX;
}

static void
lost_done(struct issuer *s, struct authority *ca)
{
	for (struct job *job = s->jobs; job; job = job->hh.next) {
		const char *url;

		if (job->ca != ca || job->phase != JOB_LOST || !job->sought ||
		    seeks_again(job, lost_failed(ca->lost)))
			continue;
		url = lost_url(ca->lost, &job->name);
		log_host_info(&job->name,
		              url ? "its order is found again: %s" : "the CA has no order of it%s",
		              url ? url : "");
		engine_found(job->engine, url);
		job->phase = JOB_RUN;
	}
	lost_free(ca->lost);
	ca->lost = NULL;
	ca->seek_at = clock_mono_ms() + SEEK_AGAIN_MS;
}

static void
lost_post(struct issuer *s, struct authority *ca)
{
	const struct engine_send *send = lost_send(ca->lost);
	struct client *client;

	if (!send) {
		lost_done(s, ca);
		return;
	}
	if (authority_client(ca, &client) ||
	    client_post(client, send->target, send->url, send->payload, on_lost_answer, ca)) {
		lost_free(ca->lost);
		ca->lost = NULL;
	}
}

static void
on_lost_answer(void *arg, const struct client_answer *answer)
{
	struct authority *ca = arg;
	bool has_list = client_lists_orders(ca->client);

	if (!has_list && client_is_ready(ca->client) && answer->unsent &&
	    answer->problem.kind == PROBLEM_CA_PROTOCOL) {
		lost_none(ca->lost);
	} else {
		authority_note(ca, answer, false);
		lost_feed(ca->lost, answer);
	}
	lost_post(ca->issuer, ca);
}

static bool
lost_seek_job(struct lost *lost, const struct job *job)
{
	size_t count;
	const struct hostname *names = engine_names(job->engine, &count);

	return lost_seek(lost, names, count) == ERR_OK;
}

/* One search per CA at a time, for all jobs that are lost when it starts. */
static void
seek(struct issuer *s, struct authority *ca)
{
	bool any = false;

	for (struct job *job = s->jobs; job; job = job->hh.next)
		any = any || (job->ca == ca && job->phase == JOB_LOST && job->marked);
	if (!any || ca->lost || ca->hold_until > clock_mono_ms() || ca->seek_at > clock_mono_ms() ||
	    lost_new(is_known, s, &ca->lost))
		return;
	for (struct job *job = s->jobs; job; job = job->hh.next)
		if (job->ca == ca && job->phase == JOB_LOST)
			job->sought = lost_seek_job(ca->lost, job);
	lost_post(s, ca);
}

void
issuer_seek_lost(struct issuer *s)
{
	for (size_t i = 0; i < s->ca_count; i++)
		seek(s, s->cas[i]);
}
