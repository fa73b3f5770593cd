/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/authz.h - reads a CA's authorization and challenge objects (RFC 8555 7.1.4, 8)
 *
 * Ownership: authz_read() fills a struct authz that owns its JSON; authz_done() releases it and
 * with it the strings of every struct authz_challenge taken from it.
 */
#ifndef ACME_AUTHZ_H
#define ACME_AUTHZ_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/hostname.h"

struct problem;
struct transport_reply;

enum { AUTHZ_TOKEN_MAX = 127, AUTHZ_ISSUERS_MAX = 10 };

enum authz_status { AUTHZ_PENDING, AUTHZ_VALID, AUTHZ_INVALID, AUTHZ_STATUSES };

struct authz {
	cJSON *json;
	enum authz_status status; /* deactivated, expired, revoked count as invalid */
	struct hostname name;     /* as it was ordered: "*." in front when `wildcard` */
};

enum authz_challenge_status {
	AUTHZ_CHALLENGE_PENDING,
	AUTHZ_CHALLENGE_PROCESSING,
	AUTHZ_CHALLENGE_VALID,
	AUTHZ_CHALLENGE_INVALID,
	AUTHZ_CHALLENGE_STATUSES
};

struct authz_challenge {
	const char *type;
	const char *url;
	const char *token; /* syntax checked: [A-Za-z0-9_-]+; "" for dns-persist-01, which has */
	const char *issuers[AUTHZ_ISSUERS_MAX]; /* the CA's names instead: 1 to 10, checked */
	size_t issuer_count;
	enum authz_challenge_status status;
	const cJSON *error; /* NULL: none */
};

/* ERR_PROTO with the reason in RET_WHY. */
MUST_CHECK enum err authz_read(const struct transport_reply *reply, struct authz *ret_authz,
                               struct problem *ret_why);
void authz_done(struct authz *a);
/* The challenge to answer: one that is under way, else the first of TYPES that is offered (index in
 * RET_TYPE). ERR_NOTFOUND (AUTHZ_NO_CHALLENGE) or ERR_PROTO with the reason in RET_WHY. */
MUST_CHECK enum err authz_choose(const struct authz *a, const char *const *types, size_t count,
                                 struct authz_challenge *ret_challenge, size_t *ret_type,
                                 struct problem *ret_why);
/* The challenge under URL. */
MUST_CHECK enum err authz_find(const struct authz *a, const char *url,
                               struct authz_challenge *ret_challenge);
/* Why it is invalid: the error of its failed challenge, or words of our own. False for the latter.
 */
bool authz_explain(const struct authz *a, struct problem *ret_why);

/* JSON may be any; ERR_PROTO unless it has the members of a challenge. */
MUST_CHECK enum err authz_challenge_read(const cJSON *json, struct authz_challenge *ret_challenge);

#endif
