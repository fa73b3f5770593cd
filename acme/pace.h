/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/pace.h - how fast a CA may be asked, by endpoint
 *
 * CAs limit the requests of an address per second, each endpoint by itself, and answer 503 or 429
 * with Retry-After beyond that. An endpoint has a token bucket that is smooth (a tenth of a
 * second's requests may go at once, at least one), and may be held until the CA's Retry-After is
 * over. There is one pace for each directory URL in the process: all that ask the same CA share it.
 * Threads: any. A NULL pace has no limits.
 */
#ifndef ACME_PACE_H
#define ACME_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum pace_endpoint {
	PACE_DIRECTORY,
	PACE_NEW_NONCE,
	PACE_NEW_ACCOUNT,
	PACE_NEW_ORDER,
	PACE_REVOKE,
	PACE_RENEWAL_INFO,
	PACE_OTHER, /* orders, authorizations, challenges, certificates... */
	PACE_ENDPOINTS
};

/* "new-nonce", as in the configuration. */
const char *pace_word(enum pace_endpoint endpoint);

struct pace_rate {
	uint32_t count;  /* requests, 0: no limit */
	uint32_t period; /* seconds */
};

struct pace;

/* The one of DIRECTORY, without limits if it is new; to be closed. */
MUST_CHECK enum err pace_open(const char *directory, struct pace **ret_pace);
void pace_close(struct pace *pace);

void pace_set(struct pace *pace, const struct pace_rate rates[PACE_ENDPOINTS]);
/* When a request may be sent, mono ms; NOW_MS or before: at once. */
int64_t pace_next(struct pace *pace, enum pace_endpoint endpoint, int64_t now_ms);
/* One is sent, room or not. */
void pace_take(struct pace *pace, enum pace_endpoint endpoint, int64_t now_ms);
/* The CA wants no more before UNTIL_MS. False: it has said so before, and that is not over. */
bool pace_hold(struct pace *pace, enum pace_endpoint endpoint, int64_t until_ms, int64_t now_ms);

/* For people. */
struct pace_room {
	struct pace_rate rate;
	uint32_t left;      /* may go at once */
	int64_t held_until; /* mono ms, 0: not held */
};
struct pace_room pace_look(struct pace *pace, enum pace_endpoint endpoint, int64_t now_ms);

#endif
