/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/lost.h - finds orders whose URL we never heard (RFC 8555 7.1.2.1)
 *
 * After a kill between newOrder and its answer the CA has an order that we do not know. A struct
 * lost walks the account's orders list, newest page last, looks at those that are not known to us,
 * and says which belongs to which name set. Same manner as the engine: it wishes SEND, then is
 * done. Bounded: at most 1,000 pages and 2,000 unknown orders are looked at, the newest first.
 */
#ifndef ACME_LOST_H
#define ACME_LOST_H

#include <stdbool.h>
#include <stddef.h>

#include "acme/engine.h"

struct lost;

typedef bool lost_known_fn(void *arg, const char *order_url);

/* KNOWN answers whether an URL is the order of another name; called during lost_feed(). */
MUST_CHECK enum err lost_new(lost_known_fn *known, void *arg, struct lost **ret_lost);
void lost_free(struct lost *lost);
/* Adds an order to look for, by all its names; before the first lost_send(). */
MUST_CHECK enum err lost_seek(struct lost *lost, const struct hostname *names, size_t count);

/* What to ask next, NULL when done. */
const struct engine_send *lost_send(const struct lost *lost);
/* A passing fault is tried three times more, then ends the search, as does a list refused; an order
 * that is refused is passed over. */
void lost_feed(struct lost *lost, const struct client_answer *answer);
/* The CA keeps no list: done, and nothing is found. */
void lost_none(struct lost *lost);
/* When done: the URL of the pending, ready or processing order whose first
 * name is NAME, or NULL. */
const char *lost_url(const struct lost *lost, const struct hostname *name);
/* When done: whether the search ended early (CA down): then try again later rather than order anew.
 */
bool lost_failed(const struct lost *lost);

#endif
