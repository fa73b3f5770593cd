/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/engine_state.h - the inside of an order engine: what all its files share
 *
 * engine.c        wishes, the table of states and what happens between them
 * engine_life.c   birth, end, what others ask
 * engine_order.c  requests and readers about the order itself
 * engine_authz.c  the same about authorizations and challenges
 * engine_end.c    the same about key, CSR and certificate
 * engine_save.c   snapshots
 */
#ifndef ACME_ENGINE_STATE_H
#define ACME_ENGINE_STATE_H

#include "acme/engine.h"
#include "acme/engine_parts.h"
#include "acme/order_object.h"
#include "acme/url.h"
#include "base/buf.h"
#include "base/problem.h"

enum {
	ENGINE_TYPE_MAX = 31, /* letters of a challenge type */
	ENGINE_PROFILE_MAX = 63,
	ENGINE_POLLS_MAX = 60,  /* in a row, about five minutes when the CA names no time */
	ENGINE_RETRIES_MAX = 3, /* of a request that the network or the CA failed */
	ENGINE_FINALIZES_MAX = 4,
	ENGINE_STRIKES_MAX = 3, /* attempts that made no sense, then the order is given up */
	ENGINE_CHAINS_MAX = 9,  /* the default one, and alternates */
	ENGINE_PATIENCE_MS = 24 * 3600 * 1000, /* waited for the CA in one attempt */
	ENGINE_ORDER_AGE_MAX = 7 * 86400,      /* seconds; an older one is ordered anew */
};

struct engine {
	struct hostname *names;
	size_t name_count;
	char types[ENGINE_CHALLENGE_TYPES_MAX][ENGINE_TYPE_MAX + 1];
	size_t type_count;
	enum key_kind key_kind;
	char profile[ENGINE_PROFILE_MAX + 1];
	bool profile_required;
	char replaces[ENGINE_REPLACES_MAX + 1];
	char *chain_issuer; /* NULL: any */
	bool has_chain_spki;
	unsigned char chain_spki[ENGINE_SPKI_LEN];
	int64_t now;   /* when this life of the order began */
	uint32_t seed; /* the next jitter comes out of it; 0: none */

	enum engine_state state;
	bool dirty;
	bool sent;          /* newOrder may have reached the CA */
	unsigned strikes;   /* survives in snapshots, as do these: */
	int64_t began_at;   /* unix seconds: when it was ordered; 0: not known */
	int64_t expires_at; /* what the CA says of the order; 0: nothing */
	char url[URL_MAX + 1];
	char finalize[URL_MAX + 1];
	char certificate_url[URL_MAX + 1];
	struct engine_authz *authz;
	size_t authz_count;
	EVP_PKEY *key;

	unsigned char turns[ENGINE_NAMES_MAX]; /* enum engine_turn of each request */
	size_t turn_count;
	size_t out;   /* requests under way */
	size_t round; /* grows with each state that is entered */
	struct engine_send send;
	struct buf payload;
	bool waiting; /* wishes WAIT, then what the state wishes */
	uint32_t wait_ms;
	int64_t waited_ms; /* in all */
	int64_t asked_ms;  /* longest Retry-After of this round, -1: none */
	unsigned polls;
	unsigned retries;
	unsigned finalizes;

	struct engine_challenge *challenges;
	size_t challenge_count;
	struct engine_chain chains[ENGINE_CHAINS_MAX];
	size_t chain_count;
	size_t chain_at; /* the one that is offered */
	struct problem problem;
	bool failing; /* over `problem`, when all answers are in */
	bool dead;
	bool gone;
};

/* A bare engine; engine_new() and engine_load() fill it. NULL: no memory. */
struct engine *engine_alloc(size_t name_count);
/* The part of CONFIG that says how, see engine.h. */
MUST_CHECK enum err engine_configure(struct engine *e, const struct engine_config *config);

#endif
