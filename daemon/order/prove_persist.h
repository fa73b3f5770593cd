/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/order/prove_persist.h - of prove*.c: records of dns-persist-01, which people set: looking
 * at them, and telling when they end */
#ifndef DAEMON_ORDER_PROVE_PERSIST_H
#define DAEMON_ORDER_PROVE_PERSIST_H

#include <stdbool.h>
#include <stdint.h>

#include "acme/authz.h"
#include "acme/dns_record.h"
#include "acme/jose.h"
#include "base/err.h"
#include "base/hostname.h"

struct dns_call;
struct job;
struct prove_task;
struct prover;

/* What dns-persist-01 looks for, and what it has found. */
struct prove_persist {
	char issuers[AUTHZ_ISSUERS_MAX * (HOSTNAME_MAX + 1)]; /* with a space between */
	char url[DNS_PERSIST_URL_MAX + 1];                    /* of our account */
	char thumbprint[JOSE_THUMBPRINT_LEN + 1];
	char hash_prefix[DNS_PERSIST_URL_MAX + 1]; /* "": the CA has none */
	bool found;
	bool ends;       /* on one server at least, at: */
	int64_t ends_at; /* unix seconds */
};

/* What ISSUERS and JOB's account make of it; NULL: no memory, or something is too long. */
struct prove_persist *prove_persist_new(const struct job *job, const char *issuers);
MUST_CHECK enum err prove_persist_look(struct prove_task *task, const struct dns_call *call);
/* TASK has seen the record: remembered in private/ if it ends. */
void prove_persist_seen(struct prover *p, const struct prove_task *task);
/* Tells of records that end soon. */
void prove_persist_watch(struct prover *p);

#endif
