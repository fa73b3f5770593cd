/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/domain_due.h - the due index: which names are to be looked at, and when (served/)
 *
 * Ordered by (ca, lane, due_at, name): neither can one CA's queue hide another's, nor one lane's.
 * domain_put() keeps it. Threads: any, within a transaction.
 */
#ifndef STORE_DOMAIN_DUE_H
#define STORE_DOMAIN_DUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostname.h"

struct domain;
struct store_txn;

/* What a name is due for. Part of the index's keys: on the disk, so never another number. */
enum domain_lane {
	LANE_RENEW,   /* it has a certificate, and nothing has failed since */
	LANE_FIRST,   /* it has none, nor has an attempt failed */
	LANE_RETRY,   /* LANE_RETRIES attempts in a row have failed, or fewer */
	LANE_FAILING, /* more of them */
	LANES
};
enum { LANE_RETRIES = 3 };

enum domain_lane domain_lane(const struct domain *domain);
const char *domain_lane_word(enum domain_lane lane);

/* One lane of one CA. */
struct domain_queue {
	const char *ca;
	enum domain_lane lane;
};

/* Up to LIMIT names of QUEUE that are due at NOW or before, the longest due first. */
MUST_CHECK enum err domain_due(struct store_txn *txn, const struct domain_queue *queue, int64_t now,
                               size_t limit, struct hostname *names, size_t *ret_count);
/* A place in a queue; name.len 0: its begin. */
struct domain_due_at {
	int64_t at;
	struct hostname name;
};
/* As domain_due(), of those behind PLACE, which moves to the last one found. */
MUST_CHECK enum err domain_due_behind(struct store_txn *txn, const struct domain_queue *queue,
                                      int64_t now, struct domain_due_at *place, size_t limit,
                                      struct hostname *names, size_t *ret_count);
/* The earliest due_at in QUEUE; ERR_NOTFOUND when none is planned. */
MUST_CHECK enum err domain_next_due(struct store_txn *txn, const struct domain_queue *queue,
                                    int64_t *ret_at);

#endif
