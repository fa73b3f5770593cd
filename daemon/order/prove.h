/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/order/prove.h - from "the challenges are to be answered" to "the CA may look"
 *
 * A struct proof is a job's challenges on that way:
 *   recorded   private/: which DNS records will be there, before they are (store/presented.h)
 *   published  served/: what the front answers (http-01, tls-alpn-01)
 *   presented  by a hook or an update: the TXT records of dns-01 and dns-account-01
 *   looked at  by ourselves: our own listener, or the servers of the name's DNS
 * Only then the engine tells the CA. What cannot be shown fails the attempt, and the CA is not
 * asked. DNS records go when the job has ended, however it did; whatever a kill left is in
 * private/, and goes at the next start, as do those of removed names.
 *
 * The prover owns the threads that this takes; the issuer's never waits. Threads: the issuer's.
 */
#ifndef DAEMON_ORDER_PROVE_H
#define DAEMON_ORDER_PROVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/challenge.h"

struct conf;
struct conf_ca;
struct job;
struct notice_queue;
struct problem;
struct proof;
struct prover;
struct store;
struct store_txn;

/* Borrowed until prover_free(). */
struct prover_config {
	struct store *store;
	struct notice_queue *notices;
	void (*wake)(void *arg); /* from any thread: prover_run() has something to do */
	void *arg;
};

MUST_CHECK enum err prover_new(const struct prover_config *config, struct prover **ret_prover);
void prover_free(struct prover *prover); /* accepts NULL; waits for its threads */
/* Takes what has been done, goes on with the jobs in JOB_PROVE and with what is to be removed. */
void prover_run(struct prover *prover, const struct conf *conf, struct job *jobs);
/* Mono ms of the next prover_run(), unless it is woken. */
int64_t prover_next(const struct prover *prover);

/* Those of CA's challenges that we have something to answer with, best first; all when there
 * are none, so that the look at them says what is missing. Returns how many. */
size_t proof_words(const struct conf *conf, const struct conf_ca *ca,
                   const char *words[CHALLENGE_KIND_END]);
/* JOB's engine wishes PUBLISH: its challenges, made once for each such wish. */
MUST_CHECK enum err proof_prepare(struct job *job);
bool proof_is_to_record(const struct proof *proof); /* accepts NULL, as all below do */
MUST_CHECK enum err proof_record(const struct proof *proof, struct store_txn *txn);
void proof_recorded(struct proof *proof); /* after the commit */
MUST_CHECK enum err proof_publish(const struct proof *proof, struct store_txn *txn);
/* What the front answers, taken back. */
MUST_CHECK enum err proof_withdraw(const struct proof *proof, struct store_txn *txn);
const char *proof_word(const struct proof *proof); /* "http-01" */
/* JOB has ended or goes away: what it had presented is removed soon. */
void proof_end(struct prover *prover, struct job *job);

#endif
