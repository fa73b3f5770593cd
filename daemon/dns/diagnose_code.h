/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/dns/diagnose_code.h - what can be wrong with a name, and who must act (docs/control.md) */
#ifndef DAEMON_DNS_DIAGNOSE_CODE_H
#define DAEMON_DNS_DIAGNOSE_CODE_H

#include "daemon/common/event_types.h"

/* name, code (a stable word), who must act */
#define DIAGNOSE_LIST(X)                                                                           \
	X(OK, "ok", EVENT_NOBODY)                                                                  \
	X(NXDOMAIN, "dns/nxdomain", EVENT_CUSTOMER)                                                \
	X(NO_ADDRESS, "dns/no-address", EVENT_CUSTOMER)                                            \
	X(CNAME_DANGLING, "dns/cname-dangling", EVENT_CUSTOMER)                                    \
	X(ELSEWHERE, "dns/elsewhere", EVENT_CUSTOMER)                                              \
	X(PARTLY_ELSEWHERE, "dns/partly-elsewhere", EVENT_CUSTOMER)                                \
	X(PRIVATE_ADDRESS, "dns/private-address", EVENT_CUSTOMER)                                  \
	X(BOGUS, "dns/dnssec-bogus", EVENT_CUSTOMER)                                               \
	X(SERVFAIL, "dns/servfail", EVENT_CUSTOMER)                                                \
	X(TIMEOUT, "dns/timeout", EVENT_CUSTOMER)                                                  \
	X(RECORD, "dns/record", EVENT_CUSTOMER)                                                    \
	X(RESOLVER, "dns/resolver", EVENT_OPERATOR)                                                \
	X(CAA_FORBIDS, "caa/forbids", EVENT_CUSTOMER)                                              \
	X(CAA_WILDCARD, "caa/wildcard", EVENT_CUSTOMER)                                            \
	X(CAA_ACCOUNT, "caa/account", EVENT_CUSTOMER)                                              \
	X(CAA_METHOD, "caa/method", EVENT_CUSTOMER)                                                \
	X(CAA_CRITICAL, "caa/critical", EVENT_CUSTOMER)                                            \
	X(CAA_LOOKUP, "caa/lookup", EVENT_CUSTOMER)                                                \
	X(HTTP_UNREACHABLE, "http/unreachable", EVENT_OPERATOR)                                    \
	X(HTTP_OTHER, "http/other-server", EVENT_OPERATOR)                                         \
	X(HTTP_REDIRECTED, "http/redirected", EVENT_OPERATOR)                                      \
	X(TLS_UNREACHABLE, "tls/unreachable", EVENT_OPERATOR)                                      \
	X(TLS_OTHER, "tls/other-certificate", EVENT_OPERATOR)                                      \
	X(CA_FAULT, "ca/fault", EVENT_CA)                                                          \
	X(SETUP, "certd/setup", EVENT_OPERATOR)                                                    \
	X(OWNERSHIP, "ownership/missing", EVENT_CUSTOMER)

enum diagnose_code {
#define X(name, code, actor) DIAGNOSE_##name,
	DIAGNOSE_LIST(X)
#undef X
		DIAGNOSE_CODES
};

/* Where the name leads, as far as a code tells. */
enum diagnose_place {
	DIAGNOSE_UNKNOWN, /* what was asked did not answer, or the code is another certd's */
	DIAGNOSE_HERE,    /* to us, or nowhere that could be told from it */
	DIAGNOSE_AWAY,    /* to none of our addresses: elsewhere, or nowhere */
};
enum diagnose_place diagnose_place(const char *word);

const char *diagnose_word(enum diagnose_code code);
/* Who must act; EVENT_NOBODY for a word that another certd has written. */
enum event_actor diagnose_actor(const char *word);

#endif
