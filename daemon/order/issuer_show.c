/* SPDX-License-Identifier: Apache-2.0 */
/* What other threads see of the issuer: how its CAs and jobs are doing, copied each round. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "acme/engine.h"
#include "base/clock.h"
#include "daemon/conf/conf.h"
#include "daemon/order/issuer_inside.h"

/* Under the mutex. */
static void
show_steps(struct issuer *s)
{
	struct seen_step *steps = reallocarray(s->steps, HASH_COUNT(s->jobs) + 1, sizeof(*steps));

	s->step_count = 0;
	if (!steps)
		return;
	s->steps = steps;
	for (struct job *job = s->jobs; job; job = job->hh.next)
		if (job->phase < JOB_CLOSE)
			steps[s->step_count++] =
				(struct seen_step){job->name, engine_state_word(job->engine)};
}

void
issuer_show(struct issuer *s)
{
	pthread_mutex_lock(&s->mail.mutex);
	s->seen_count = s->ca_count;
	for (size_t i = 0; i < s->ca_count; i++) {
		const struct authority *ca = s->cas[i];
		struct issuer_ca *seen = &s->seen[i];
		int64_t hold_ms = ca->hold_until - clock_mono_ms();

		*seen = (struct issuer_ca){
			.orders = ca->active, .succeeded = ca->succeeded, .failed = ca->failed};
		snprintf(seen->name, sizeof(seen->name), "%s", ca->conf->name);
		snprintf(seen->state, sizeof(seen->state), "%s",
		         hold_ms > 0                                          ? "on hold"
		         : budget_room(&s->cas[i]->budget, clock_wall()) == 0 ? "out of budget"
		         : ca->client ? client_state_word(ca->client)
		                      : "idle");
		issuer_say_identities(ca, seen);
		if (ca->down > 0 || hold_ms > 0) {
			seen->hold_until = hold_ms > 0 ? clock_wall() + hold_ms / 1000 + 1 : 0;
			seen->problem = ca->problem;
		}
	}
	show_steps(s);
	pthread_mutex_unlock(&s->mail.mutex);
}

const char *
issuer_step(struct issuer *issuer, const struct hostname *name)
{
	const char *word = NULL;

	pthread_mutex_lock(&issuer->mail.mutex);
	for (size_t i = 0; i < issuer->step_count && !word; i++)
		if (hostname_equal(&issuer->steps[i].name, name))
			word = issuer->steps[i].word;
	pthread_mutex_unlock(&issuer->mail.mutex);
	return word;
}

size_t
issuer_cas(struct issuer *issuer, struct issuer_ca *cas, size_t max)
{
	size_t count;

	pthread_mutex_lock(&issuer->mail.mutex);
	count = issuer->seen_count < max ? issuer->seen_count : max;
	memcpy(cas, issuer->seen, count * sizeof(*cas));
	pthread_mutex_unlock(&issuer->mail.mutex);
	return count;
}
