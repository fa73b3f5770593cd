/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/dns/diagnose.h - why a CA would not issue for a name, and who must act
 *
 * Looks at the name as the CA does: its addresses, with CNAMEs and DNSSEC, against ours; the CAA
 * records on the way to the root (RFC 8659, RFC 8657); then whether what the name leads to is us,
 * by a token that only we can show, and by a handshake. The first fault found is the result, all
 * that was seen is in the findings. Nothing is looked at before the owner has shown their token.
 * Advice: another place of the network may see another picture.
 *
 * Blocks, DIAGNOSE_MS at most (and what lookups and probes need to notice it). Threads: any.
 */
#ifndef DAEMON_DNS_DIAGNOSE_H
#define DAEMON_DNS_DIAGNOSE_H

#include "base/problem.h"
#include "daemon/dns/diagnose_caa.h"
#include "daemon/dns/diagnose_code.h"
#include "daemon/dns/diagnose_probe.h"
#include "store/account.h"
#include "store/diagnosis.h"

struct conf;
struct store;

enum { DIAGNOSE_MS = 30 * 1000, DIAGNOSE_IDENTITIES_MAX = 255 };

/* What is known of the name. */
struct diagnose_question {
	struct hostname name;
	const struct conf *conf;
	struct store *store;                  /* the token is shown by way of it; NULL: no probes */
	const atomic_bool *stop;              /* NULL: never */
	const char *methods[CAA_METHODS_MAX]; /* challenges that the CA is offered */
	char identities[DIAGNOSE_IDENTITIES_MAX + 1]; /* see struct caa_question */
	char account[ACCOUNT_URL_MAX + 1];
	struct problem problem;              /* of the last attempt; kind NONE: none failed */
	char token[DIAGNOSIS_OWNED_MAX + 1]; /* its owner is to show (`ownership`); "": none */
	bool has_leaf;                       /* we serve it with a certificate: */
	unsigned char leaf[PROBE_HASH_LEN];
};

/* Name, code, text, record, findings, owned and `at` of RET_DIAGNOSIS, the rest 0. ERR_STOPPED,
 * ERR_NOMEM; everything else is a diagnosis. */
MUST_CHECK enum err diagnose(const struct diagnose_question *question,
                             struct diagnosis *ret_diagnosis);

#endif
