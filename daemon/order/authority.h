/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/authority.h - one CA of the configuration, as the issuer works with it
 *
 * Holds the client (made at first need, with the account's key stored before the CA hears of it),
 * and how the CA itself is doing: when it is down, its names wait together (`hold_until`), one
 * order tries first, and other CAs go on. Threads: the issuer's.
 */
#ifndef DAEMON_ORDER_AUTHORITY_H
#define DAEMON_ORDER_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acme/client_account.h"
#include "base/err.h"
#include "base/problem.h"
#include "daemon/order/budget.h"
#include "daemon/order/due.h"
#include "store/domain.h"

struct account;
struct client;
struct client_answer;
struct conf_ca;
struct errand;
struct issuer;
struct keymaker;
struct notice_queue;
struct pace;
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
	struct notice_queue *notices;
	struct client *client;         /* NULL until needed */
	struct pace *pace;             /* of its directory; NULL: no memory for one */
	size_t active, in_lane[LANES]; /* orders in work, all and by lane */
	struct due_shares shares;
	struct due_walk walks[LANES];
	uint64_t succeeded; /* orders that have ended so */
	uint64_t failed;
	uint32_t down;          /* failures of the CA itself, in a row */
	uint32_t errors;        /* answers 5xx in a row */
	uint32_t limited;       /* newOrders in a row that were beyond a limit of the CA's */
	bool silent;            /* it is down because it does not answer */
	int64_t hold_until;     /* mono ms; 0 = none */
	struct problem problem; /* why it is on hold */
	struct lost *lost;      /* a search for lost orders in work, else NULL */
	int64_t seek_at;        /* mono ms: not before */
	int64_t plan_at;        /* mono ms: the next look at the due index, 0 = any time */
	int64_t pass_at;        /* mono ms: on hold, the next look for names with another CA */
	struct domain_due_at passed[LANES]; /* how far the last look has come */

	/* The account is its directory's: blocks with the same one share it. */
	struct authority *leader; /* the first of these blocks, maybe itself */
	struct errand *errand;    /* in work, but for REVOKE; NULL: none */
	struct keymaker *keymaker;
	bool making;         /* it is at a key for us */
	bool key_is_errands; /* for `errand`; else for newAccount */
	EVP_PKEY *made;      /* the errand's, NULL: not yet, or it could not be */
	bool quiet;          /* no orders: the account's key is about to change */
	bool key_told;       /* what became of a rollover: */
	enum client_key_end key_end;
	struct problem key_why;
	int64_t check_at; /* mono ms: when the record is compared with what it should say; 0: not */
	bool checking;    /* the CA has been asked because of that */
	bool looked;      /* for the key of a rollover that the last life left */
	char *contacts_sent; /* as the record has them */
};

/* The client, made now if need be. ERR_BUSY: the account's key is being made, or is the leader's to
 * settle; a little later. */
MUST_CHECK enum err authority_client(struct authority *a, struct client **ret_client);
/* Without a client, as at the beginning; what is under way there is dropped. */
void authority_reset(struct authority *a);
void authority_done(struct authority *a);

/* How many more orders may be in work at NOW_MS (mono); whether its budget has one. */
size_t authority_room(struct authority *a, int64_t now_ms);
bool authority_has_budget(struct authority *a);
bool authority_is_usable(struct authority *a, int64_t now_ms); /* no hold, and some budget */
/* What an answer says of the CA's own health. A fault of one name (its DNS, one 5xx, one 429) does
 * not hold up the others. ORDERED: the request was newOrder. */
void authority_note(struct authority *a, const struct client_answer *answer, bool ordered);
/* One order of the budget goes; it never reached the CA. */
void authority_spend(struct authority *a);
void authority_refund(struct authority *a);
/* The budget as configured now, with what is left of it from the store; and back to private/. */
void authority_load_budget(struct authority *a);
MUST_CHECK enum err authority_save_budget(const struct authority *a, struct store_txn *txn);
void authority_kick(struct authority *a); /* an operator wants it tried now */
/* authority_account.c: the account's record. */
MUST_CHECK enum err authority_account(const struct authority *a, struct account *ret_account);
MUST_CHECK enum err authority_put(const struct authority *a, const struct account *account);
extern const struct client_events authority_events; /* their ARG is the authority */
/* What the account needs by itself: a key that newAccount wants, contacts that have changed; and
 * requests go on that waited for their pace. _ms: until there is something to do. */
void authority_tend(struct authority *a);
int64_t authority_tend_ms(const struct authority *a);
/* Asks for a key of KIND, for the errand or for newAccount; and here it is, NULL: it cannot be
 * made. Takes KEY over. */
MUST_CHECK enum err authority_ask_key(struct authority *a, enum key_kind kind, bool for_errand);
void authority_take_key(struct authority *a, EVP_PKEY *key);
void authority_drop_key(struct authority *a);
/* A text for people: why the account of STATUS may not be used; NULL: it may. */
const char *authority_bar(const struct account *account);

/* One client does for both. */
bool authority_same(const struct conf_ca *a, const struct conf_ca *b);

#endif
