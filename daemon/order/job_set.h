/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/job_set.h - what an order is for, and where its certificate goes
 *
 * Names that share a certificate (store/set.h) are one order of their lead; its certificate is
 * stored once, in the pool, and its end is written to all of them. With two kinds of key configured
 * a name has two certificates, ordered one after the other. Threads: the issuer's.
 */
#ifndef DAEMON_ORDER_JOB_SET_H
#define DAEMON_ORDER_JOB_SET_H

#include <stdbool.h>

#include "acme/key.h"
#include "base/err.h"
#include "daemon/watch/renewal.h"
#include "store/set.h"

struct conf;
struct domain;
struct engine_config;
struct job;
struct store;
struct store_txn;

/* What an engine's configuration borrows. */
struct job_order_texts {
	struct hostname names[SET_NAMES_MAX];
	char replaced[RENEWAL_TEXT_MAX + 1];
};
/* The names and the kind of key that JOB orders now, and the certificate that is replaced, if the
 * CA wants to hear of that: into CONFIG, which borrows TEXTS. */
MUST_CHECK enum err job_set_order(const struct job *job, const struct conf *conf,
                                  struct store *store, struct job_order_texts *texts,
                                  struct engine_config *config);
/* Whether the order that JOB has loaded is for the names that it should be for now. */
bool job_set_is_current(const struct job *job, struct store *store);

/* Stores the judged certificate for D, the lead, and all its names that the order had; in D, which
 * the caller puts. */
MUST_CHECK enum err job_set_store(struct job *job, struct store_txn *txn, struct domain *d);
/* When D, which has a new certificate, is due: the sooner of both, or now when something is missing
 * still. */
int64_t job_set_due(const struct job *job, struct store_txn *txn, const struct domain *d,
                    uint32_t random);
/* D has been put: its state and problem are those of all that it leads. */
MUST_CHECK enum err job_set_follow(struct store_txn *txn, const struct domain *d);

#endif
