/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/watch/demand_book.h - what the keeper remembers of names that were asked for on demand
 *
 * What became of the latest names, each until its time, and how many names each client network and
 * registered domain has brought up: token buckets of daemon/order/budget.h, which
 * daemon/watch/demander_keep.c stores now and then. In memory, bounded: the
 * oldest of each kind go first. Times are the caller's. Threads: one.
 */
#ifndef DAEMON_WATCH_DEMAND_BOOK_H
#define DAEMON_WATCH_DEMAND_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "daemon/order/budget.h"
#include "daemon/order/limits.h"

struct demand_book;
struct hostname;

enum demand_word { DEMAND_UNKNOWN, DEMAND_ASKING, DEMAND_ALLOWED, DEMAND_DENIED };

/* MAX: names, networks and domains, each; at least 1. */
MUST_CHECK enum err demand_book_new(size_t max, struct demand_book **ret_book);
void demand_book_free(struct demand_book *book); /* accepts NULL */

/* RET_UNTIL: of what is not UNKNOWN; times are clock_mono_ms(). */
enum demand_word demand_book_find(struct demand_book *book, const struct hostname *name,
                                  int64_t now_ms, int64_t *ret_until_ms);
/* Out of memory it is forgotten. */
void demand_book_set(struct demand_book *book, const struct hostname *name, enum demand_word word,
                     int64_t until_ms);
/* Takes one of KEY's RATE at NOW (unix seconds): 0, or when there is one. KEY: of a network if it
 * begins with '=', else a domain. */
int64_t demand_book_take(struct demand_book *book, const char *key, const struct limits_rate *rate,
                         int64_t now);
void demand_book_return(struct demand_book *book, const char *key);
/* All buckets, domains first, the latest of each first: KEY as for demand_book_take(). */
typedef void demand_book_fn(void *arg, const char *key, const struct budget *budget);
void demand_book_each(const struct demand_book *book, demand_book_fn *fn, void *arg);
/* Whether one was taken from or given back since the last call. */
bool demand_book_changed(struct demand_book *book);
/* A bucket as it was; out of memory it is forgotten. */
void demand_book_restore(struct demand_book *book, const char *key, const struct budget *budget);
size_t demand_book_count(const struct demand_book *book); /* names */

#endif
