/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/dns/diagnose_inside.h - one look, shared by diagnose.c (questions, CAA), diagnose_where.c
 * (addresses and probes); nobody else includes it. */
#ifndef DAEMON_DNS_DIAGNOSE_INSIDE_H
#define DAEMON_DNS_DIAGNOSE_INSIDE_H

#include "daemon/dns/diagnose.h"
#include "daemon/dns/diagnose_dns.h"
#include "daemon/dns/diagnose_own.h"

enum {
	LOOK_LEVELS_MAX = 16, /* labels that are climbed for CAA: more has no CAA that counts */
	LOOK_A = 0,
	LOOK_AAAA,
	LOOK_CAA,               /* the name, and each above it */
	LOOK_ADDRESSES_MAX = 8, /* of a name, that are looked at */
	LOOKS_MAX = LOOK_CAA + LOOK_LEVELS_MAX,
};

struct look {
	const struct diagnose_question *q;
	struct diagnosis *d;
	struct own own;
	struct dns_call call;
	const char *host; /* the name without "*." */
	bool needs_address;
	enum diagnose_code code;
	struct look_address {
		struct conf_address address;
		bool ours, is_public;
		bool probed;
		enum probe_result result; /* of port 80 */
		char what[PROBE_WHAT_MAX + 1];
	} addresses[LOOK_ADDRESSES_MAX];
	size_t address_count;
	struct lookup lookups[LOOKS_MAX];
	size_t count;
};

bool look_offers(const struct look *l, const char *method);
/* The first fault is the result. */
void look_fault(struct look *l, enum diagnose_code code, const char *format, ...) PRINTF_LIKE(3, 4);
void look_found(struct look *l, const char *format, ...) PRINTF_LIKE(2, 3);
void look_set_record(struct look *l, const char *format, ...) PRINTF_LIKE(2, 3);

/* diagnose_owner.c: whether its owner has shown that it is theirs; if not, that is the result. */
MUST_CHECK enum err look_owner(struct look *l);
/* diagnose_where.c: where the name leads to as its DNS says; */
void look_addresses(struct look *l);
/* whether that is us; */
MUST_CHECK enum err look_probe(struct look *l);
/* and whether it can be reached. */
MUST_CHECK enum err look_reach(struct look *l);

#endif
