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
#include "daemon/budget.h"
#include "store/domain.h"

struct client;
struct client_answer;
struct conf_ca;
struct issuer;
struct store;
struct store_txn;
struct transport;

struct authority {
	const struct conf_ca *conf; /* of the issuer's current conf */
	struct budget budget;       /* of new orders */
	bool spent;                 /* the budget has changed since it was stored */
	struct issuer *issuer;
	struct store *store;
	struct transport *transport;
	struct client *client;       /* NULL until needed */
	size_t active;               /* orders in work */
	uint32_t down;               /* failures of the CA itself, in a row */
	uint32_t errors;             /* answers 5xx in a row */
	uint32_t limited;            /* newOrders in a row that were beyond a limit of the CA's */
	bool silent;                 /* it is down because it does not answer */
	int64_t hold_until;          /* mono ms; 0 = none */
	struct problem problem;      /* why it is on hold */
	struct lost *lost;           /* a search for lost orders in work, else NULL */
	int64_t seek_at;             /* mono ms: not before */
	int64_t plan_at;             /* mono ms: the next look at the due index, 0 = any time */
	int64_t pass_at;             /* mono ms: on hold, the next look for names with another CA */
	struct domain_due_at passed; /* how far the last look has come */
};

/* The client, made now if need be. */
MUST_CHECK enum err authority_client(struct authority *a, struct client **ret_client);
void authority_done(struct authority *a);

/* How many more orders may be in work at NOW_MS (mono). */
size_t authority_room(struct authority *a, int64_t now_ms);
/* Whether it is asked for orders at NOW_MS: not on hold, within its budget. */
bool authority_is_usable(struct authority *a, int64_t now_ms);
/* What an answer says of the CA's own health. A fault of one name (its DNS, one 5xx, one 429) does
 * not hold up the others. ORDERED: the request was newOrder. */
void authority_note(struct authority *a, const struct client_answer *answer, bool ordered);
/* One order of the budget goes; it never reached the CA. */
void authority_spend(struct authority *a);
void authority_refund(struct authority *a);
/* The budget as configured now, with what is left of it from the store. */
void authority_load_budget(struct authority *a);
/* private/: what is left of the budget. */
MUST_CHECK enum err authority_save_budget(const struct authority *a, struct store_txn *txn);
/* An operator wants it tried now. */
void authority_kick(struct authority *a);

/* Whether a client made for OLD serves NEW as well. */
bool authority_same(const struct conf_ca *a, const struct conf_ca *b);

#endif
