/* SPDX-License-Identifier: Apache-2.0 */
/* What an attempt did, step by step, for people: see store/attempt.h. */
#include <stdio.h>
#include <string.h>

#include "acme/client.h"
#include "acme/engine.h"
#include "acme/refusal.h"
#include "base/clock.h"
#include "daemon/conf/conf.h"
#include "daemon/order/authority.h"
#include "daemon/order/job.h"
#include "daemon/order/job_attempt.h"
#include "store/store.h"

void
job_attempt_begin(struct job *job)
{
	struct attempt *a = &job->attempt;

	*a = (struct attempt){.began_ms = clock_wall_ms()};
	snprintf(a->ca, sizeof(a->ca), "%s", job->ca->conf->name);
}

void
job_attempt_step(struct job *job, const struct client_answer *answer)
{
	struct attempt *a = &job->attempt;
	const struct transport_reply *reply = answer->reply;

	job->reached = job->reached || !answer->unsent;
	attempt_step(a, engine_state_word(job->engine), reply ? (uint16_t)reply->status : 0,
	             clock_wall_ms());
	a->document[0] = '\0';
	if (reply)
		refusal_document(reply->body.data, reply->body.len, a->document,
		                 sizeof(a->document));
}

static void
note_order(struct job *job)
{
	const char *url = engine_url(job->engine);

	if (strlen(url) <= ATTEMPT_URL_MAX)
		strcpy(job->attempt.order, url);
}

enum err
job_attempt_save(struct job *job, struct store_txn *txn)
{
	note_order(job);
	return attempt_put(txn, &job->name, &job->attempt);
}

/* Who removes a name comes to private/ after that was committed. So it is seen here, where private/
 * is being written, or finds what is written here. */
static bool
is_removed(const struct job *job)
{
	struct store_txn *txn;
	struct domain d;
	enum err err = store_begin_read(job->ca->store, STORE_SERVED, &txn);

	if (err)
		return false;
	err = domain_get(txn, &job->name, &d);
	store_abort(txn);
	return err == ERR_NOTFOUND;
}

enum err
job_attempt_close(struct job *job, struct store_txn *txn)
{
	struct attempt *a = &job->attempt;

	if (is_removed(job))
		return attempts_del(txn, &job->name);
	if (job->dropped)
		return ERR_OK; /* cut short: what there is of it tells */
	a->ended_at = clock_wall();
	a->problem = job->problem;
	a->next_at = job->problem.kind == PROBLEM_NONE ? 0 : job->domain.due_at;
	if (job->problem.kind == PROBLEM_NONE)
		a->document[0] = '\0';
	return job_attempt_save(job, txn);
}
