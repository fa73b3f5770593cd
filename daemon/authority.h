/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/authority.h - one CA of the configuration, as the issuer works with it
 *
 * Holds the client (made at first need, with the account's key stored before the CA hears of it),
 * and how the CA itself is doing: when it is down, its names wait together (`hold_until`), one
 * order tries first, and other CAs go on. Threads: the issuer's.
 */
#ifndef DAEMON_AUTHORITY_H
#define DAEMON_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/problem.h"

struct client;
struct conf_ca;
struct issuer;
struct store;
struct transport;

struct authority {
	const struct conf_ca *conf; /* of the issuer's current conf */
	struct issuer *issuer;
	struct store *store;
	struct transport *transport;
	struct client *client; /* NULL until needed */
	size_t active;         /* orders in work */
	uint64_t succeeded;    /* orders that have ended so */
	uint64_t failed;
	uint32_t down;          /* failures of the CA itself, in a row */
	uint32_t errors;        /* answers 5xx in a row */
	int64_t hold_until;     /* mono ms; 0 = none */
	struct problem problem; /* why it is on hold */
	struct lost *lost;      /* a search for lost orders in work, else NULL */
	int64_t seek_at;        /* mono ms: not before */
	int64_t plan_at;        /* mono ms: the next look at the due index, 0 = any time */
};

/* The client, made now if need be. */
MUST_CHECK enum err authority_client(struct authority *a, struct client **ret_client);
void authority_done(struct authority *a);

/* How many more orders may be in work at NOW_MS (mono). */
size_t authority_room(const struct authority *a, int64_t now_ms);
/* What an answer says of the CA's own health; PROBLEM kind NONE: well. A fault of one name (its
 * DNS, one 5xx) does not hold up the others. */
void authority_note(struct authority *a, const struct problem *problem);
/* An operator wants it tried now. */
void authority_kick(struct authority *a);

/* Whether a client made for OLD serves NEW as well. */
bool authority_same(const struct conf_ca *a, const struct conf_ca *b);

#endif
