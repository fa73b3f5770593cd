/* SPDX-License-Identifier: Apache-2.0 */
/* How a CA is doing that is asked about renewals, and where it says that it is to be asked. */
#include <stdlib.h>

#include "acme/directory.h"
#include "acme/pace.h"
#include "acme/refusal.h"
#include "acme/transport.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/common/history.h"
#include "daemon/conf/conf.h"
#include "daemon/order/plan.h"
#include "daemon/watch/clockwatch.h"
#include "daemon/watch/renewer_inside.h"

enum {
	DAY_MS = 86400 * 1000,
	FAILURES_ARE_DOWN = 3,
	HOLD_FIRST_MS = 20 * 1000,
	HOLD_MAX_MS = 600 * 1000,
	LONG_DOWN_MS = 9 * 3600 * 1000,
	DATE_AGAIN_MS = 60 * 1000,
};

/* ---- how the CA is doing -------------------------------------------------------------------- */

bool
renewer_ca_is_held(const struct renewer_ca *ca)
{
	return ca->hold_until > clock_mono_ms();
}

bool
renewer_ca_is_long_down(const struct renewer_ca *ca)
{
	return ca->failures && clock_mono_ms() - ca->failing_since > LONG_DOWN_MS;
}

static void
tell_down(struct renewer_ca *ca, const struct problem *why)
{
	struct renewer *r = ca->renewer;

	log_info("ca %s gives no renewal information: %s: %s", ca->conf->name,
	         problem_code(why->kind), why->detail);
	if (ca->failures == FAILURES_ARE_DOWN)
		history_add(r->config.store, r->config.notices, "renewal.failed", "",
		            "ca %s gives no renewal information: %s; what is planned stays",
		            ca->conf->name, why->detail);
}

void
renewer_ca_note(struct renewer_ca *ca, const struct problem *why)
{
	int64_t now = clock_mono_ms(), hold = HOLD_FIRST_MS, asked = 0;
	bool limited = why->kind == PROBLEM_CA_LIMITED;

	if (why->kind == PROBLEM_NONE) {
		ca->failures = 0;
		return;
	}
	if (renewer_ca_is_held(ca))
		return; /* one of several that failed together */
	ca->failing_since = ca->failures++ ? ca->failing_since : now;
	if (ca->failures < FAILURES_ARE_DOWN && !limited)
		return;
	for (uint32_t i = FAILURES_ARE_DOWN; i < ca->failures && hold < HOLD_MAX_MS; i++)
		hold *= 2;
	hold = hold < HOLD_MAX_MS ? hold : HOLD_MAX_MS;
	if (why->retry_at)
		asked = plan_poll_at(0, (why->retry_at - clock_wall()) * 1000, 0) * 1000;
	ca->hold_until = now + (asked > hold ? asked : hold);
	if (asked)
		(void)pace_hold(ca->pace, PACE_RENEWAL_INFO, ca->hold_until, now);
	tell_down(ca, why);
}

/* ---- the directory -------------------------------------------------------------------------- */

static enum err
take_directory(struct renewer_ca *ca, const struct transport_reply *reply, struct problem *why)
{
	struct directory d = {0};
	enum err err =
		directory_read(ca->conf->directory, reply->body.data, reply->body.len, &d, why);

	if (err)
		return err;
	free(ca->url);
	ca->url = d.renewal_info;
	d.renewal_info = NULL;
	ca->has_none = ca->url == NULL;
	ca->directory_at = clock_mono_ms() + DAY_MS;
	directory_done(&d);
	log_debug("ca %s: renewal information %s", ca->conf->name, ca->url ? ca->url : "none");
	return ERR_OK;
}

static bool
agrees(const struct transport_reply *reply)
{
	int64_t off = clock_wall() - reply->date;

	return reply->date > 0 && off <= CLOCK_STEP_S && off >= -CLOCK_STEP_S;
}

static void
on_directory(void *arg, struct transport_reply *reply)
{
	struct renewer_ca *ca = arg;
	struct problem why;

	struct clockwatch *clock = ca->renewer->config.clock;

	ca->asks_directory = false;
	if (clockwatch_wants_date(clock) && agrees(reply))
		clockwatch_ca_says(clock, ca->conf->name, reply->date, clock_wall(),
		                   clock_mono_ms());
	refusal_judge(reply, &why);
	if (why.kind == PROBLEM_NONE && take_directory(ca, reply, &why) == ERR_OK) {
		why.kind = PROBLEM_NONE;
		ca->renewer->look_at = 0;
	}
	renewer_ca_note(ca, &why);
}

static void
ask_directory(struct renewer_ca *ca)
{
	struct transport_request request = {
		.method = "GET", .url = ca->conf->directory, .ca_file = ca->conf->ca_file};

	if (ca->asks_directory || renewer_ca_is_held(ca))
		return;
	ca->asks_directory = !transport_submit(ca->renewer->transport, &request, on_directory, ca);
}

bool
renewer_ca_has_directory(struct renewer_ca *ca)
{
	bool known = ca->url || ca->has_none;

	if (!known || clock_mono_ms() >= ca->directory_at)
		ask_directory(ca);
	return known;
}

void
renewer_ca_ask_date(struct renewer_ca *ca)
{
	int64_t now = clock_mono_ms();

	if (now < ca->date_at || !clockwatch_wants_date(ca->renewer->config.clock))
		return;
	ca->date_at = now + DATE_AGAIN_MS;
	ask_directory(ca);
}
