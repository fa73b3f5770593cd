/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/refusal.h - a CA's problem document as a struct problem (RFC 7807, RFC 8555 6.7)
 *
 * Read whatever the content type says, since servers and proxies in front of them differ; a missing
 * status, type or detail is made up for. Subproblems are quoted behind the detail while room lasts.
 */
#ifndef ACME_REFUSAL_H
#define ACME_REFUSAL_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/problem.h"

struct transport_reply;

enum { REFUSAL_RETRY_MAX_S = 7 * 86400 };

/* A problem object inside an order, an authorization or a challenge. STATUS is used when it has
 * none; 0: unknown. */
void refusal_read(const cJSON *document, int status, struct problem *ret_problem);
/* What is wrong with REPLY; kind NONE when it is a 2xx. retry_at comes from Retry-After, else from
 * a "retry after <date>" in the detail (Let's Encrypt), never more than a week away. */
void refusal_judge(const struct transport_reply *reply, struct problem *ret_problem);
/* The problem document in BODY, as it is or in an order, an authorization or a challenge, as JSON
 * text; "" when there is none or RET_TEXT, of SIZE bytes, is too small. */
void refusal_document(const void *body, size_t len, char *ret_text, size_t size);
/* Whether P is the ACME error WORD: refusal_is(p, "badNonce"). */
bool refusal_is(const struct problem *p, const char *word);

#endif
