/* SPDX-License-Identifier: Apache-2.0 */
/* acme/client_pace.c - requests wait for the pace of their endpoint, and for a CA's Retry-After */
#include "acme/client_pace.h"

#include "acme/client_state.h"
#include "base/clock.h"

enum { SLOW_LEAST_MS = 1000, SLOW_MAX_MS = 60 * 1000 };

enum pace_endpoint
client_endpoint(const struct call *call)
{
	switch (call->target) {
	case CLIENT_NEW_ORDER:
		return PACE_NEW_ORDER;
	case CLIENT_NEW_ACCOUNT:
		return PACE_NEW_ACCOUNT;
	case CLIENT_REVOKE:
		return PACE_REVOKE;
	default:
		return PACE_OTHER;
	}
}

bool
client_is_paced(struct client *c, enum pace_endpoint endpoint)
{
	int64_t now = clock_mono_ms(), next = pace_next(c->pace, endpoint, now);

	if (next <= now)
		return false;
	if (!c->pump_at || next < c->pump_at)
		c->pump_at = next;
	return true;
}

enum client_slow
client_slow_down(struct client *c, enum pace_endpoint endpoint, const struct transport_reply *reply)
{
	int64_t now = clock_mono_ms(), wait = reply->retry_after_ms;

	if (reply->err || (reply->status != 429 && reply->status != 503) || wait < 0 ||
	    wait > SLOW_MAX_MS)
		return CLIENT_NOT_SLOW;
	wait = wait < SLOW_LEAST_MS ? SLOW_LEAST_MS : wait;
	return pace_hold(c->pace, endpoint, now + wait, now) ? CLIENT_SLOW : CLIENT_SLOW_AGAIN;
}

int64_t
client_tend_ms(const struct client *c)
{
	int64_t ms = c->pump_at - clock_mono_ms();

	return !c->pump_at ? INT64_MAX : ms > 0 ? ms : 0;
}

void
client_tend(struct client *c)
{
	if (client_tend_ms(c) > 0)
		return;
	client_pump(c);
	client_flush_later(c);
}
