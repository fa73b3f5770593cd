/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/control/shown.h - names, times and problems as the control protocol shows them: what list,
 * show, status and the steps of wait have in common. Control thread only. */
#ifndef DAEMON_CONTROL_SHOWN_H
#define DAEMON_CONTROL_SHOWN_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct control;
struct control_client;
struct diagnosis;
struct domain;
struct event;
struct issuer_ca;
struct problem;
struct store_txn;

/* What people see: a domain_state_word(), "renewing" or "expired". */
const char *shown_state(const struct domain *d, int64_t now);
/* {code, act, text, record, findings, at, ...} */
cJSON *diagnosis_json(const struct diagnosis *d);
/* TEXT's lines, each ended by '\n', as a list. */
void add_lines(cJSON *object, const char *member, const char *text);
/* {code, detail, hint, type, status} */
cJSON *problem_json(const struct problem *p);
/* Whether a name that is due gets no attempt because its CA is on hold or not configured: why, and
 * when it is tried (unix seconds, 0 = not at all). */
bool waits_for_ca(struct control *c, const struct domain *d, struct problem *ret_problem,
                  int64_t *ret_next);
void add_time(cJSON *object, const char *member, int64_t at);
/* {"acknowledged": {"at", "uid"}}; nothing when AT is 0. */
void add_ack(cJSON *object, int64_t at, uint32_t by);
/* Of a fault that is open still, the event has been acknowledged with it. TXN: private/. */
void take_ack_of_fault(struct store_txn *txn, struct event *event);
/* "the store says ...", with the code of ERR. */
void reply_store_error(struct control_client *cl, enum err err);
/* A CA as status and ca.list have it. */
cJSON *ca_json(struct control *c, const struct issuer_ca *ca, struct store_txn *txn);
void add_names(cJSON *status, struct store_txn *txn);

#endif
