/* SPDX-License-Identifier: Apache-2.0 */
/* acme/engine_parts.h - the states of an order engine, and what it keeps of a CA's answers */
#ifndef ACME_ENGINE_PARTS_H
#define ACME_ENGINE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "acme/authz.h"
#include "base/buf.h"

enum engine_state {
	STATE_OFFER,     /* what does the CA offer? only asked when the order depends on it */
	STATE_NEW_ORDER, /* newOrder is out or about to be */
	STATE_LOST,      /* it was out when we died: someone must look for the order */
	STATE_RESUME,    /* an order from before: ask how it stands */
	STATE_AUTHORIZE, /* read each authorization, choose challenges */
	STATE_PUBLISH,   /* challenges must become answerable */
	STATE_RESPOND,   /* tell the CA, challenge by challenge */
	STATE_VALIDATE,  /* poll the authorizations until all are final */
	STATE_KEY,       /* a key must be made */
	STATE_FINALIZE,  /* send the CSR */
	STATE_ISSUE,     /* poll the order until it is ready, or valid */
	STATE_DOWNLOAD,  /* fetch the chain */
	STATE_ALTERNATE, /* fetch the others, as this one is not what was asked for */
	STATE_EXPLAIN,   /* the order is invalid: read the authorizations for the reason */
	STATE_DONE,
	STATE_FAILED,
	STATE_COUNT
};

/* Where a request of the state at hand is. */
enum engine_turn { TURN_OVER, TURN_DUE, TURN_OUT, TURN_AGAIN };

/* A certificate as the CA gave it. */
struct engine_chain {
	char *url; /* of an alternate */
	struct buf pem;
	bool wanted; /* it is what chain_issuer or chain_spki asks for */
};

struct engine_authz {
	char *url;
	bool seen; /* read at least once */
	bool valid;
	bool answered; /* the CA knows that it may look */
	bool stale;    /* had an error before we answered: that one is old */
	size_t type;   /* index in types */
	struct hostname name;
	char *challenge_url;
	char *issuers; /* of dns-persist-01, with a space between; NULL or "" for others */
	char token[AUTHZ_TOKEN_MAX + 1];
};

#endif
