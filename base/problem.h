/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/problem.h - a failure in words: what happened, who must act, when we try again
 *
 * acme fills it, the store keeps it in the domain, certctl and the console print it. The kind
 * decides what the plan does (retry, wait for a person); type, status and detail quote the CA (RFC
 * 8555 6.7, RFC 7807) and are foreign text: escaped where they are shown.
 */
#ifndef BASE_PROBLEM_H
#define BASE_PROBLEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct buf;
struct cursor;

/* name, code (stable word in protocol and exit codes), what to do, in words */
#define PROBLEM_LIST(X)                                                                            \
	X(NONE, "", "")                                                                            \
	X(CA_UNREACHABLE, "ca/unreachable",                                                        \
	  "check the CA's address, DNS and our way out; certd tries again by itself")              \
	X(CA_TLS, "ca/tls", "the CA's own certificate is not trusted: check ca-file")              \
	X(CA_ERROR, "ca/error", "the CA has a fault of its own; certd tries again by itself")      \
	X(CA_LIMITED, "ca/rate-limited", "the CA's limit is reached; certd waits as the CA says")  \
	X(CA_REFUSED, "ca/refused", "the CA will not issue this: read its words")                  \
	X(CA_PROTOCOL, "ca/protocol",                                                              \
	  "the CA's answer makes no sense; certd tries again by itself")                           \
	X(CA_ACCOUNT, "ca/account",                                                                \
	  "the account at the CA needs a person: terms, binding or contact")                       \
	X(AUTHZ_UNREACHABLE, "authz/unreachable",                                                  \
	  "the CA cannot reach us under this name: check that its A/AAAA records point here and "  \
	  "ports 80 and 443 are open")                                                             \
	X(AUTHZ_DNS, "authz/dns",                                                                  \
	  "the name does not resolve for the CA: the owner must fix its DNS")                      \
	X(AUTHZ_CAA, "authz/caa", "a CAA record forbids this CA: the owner must allow it")         \
	X(AUTHZ_FAILED, "authz/failed",                                                            \
	  "the CA reached something that is not us: check where the name points")                  \
	X(AUTHZ_NO_CHALLENGE, "authz/no-challenge",                                                \
	  "the CA offers no challenge that certd may answer: see `challenge` of the ca block")     \
	X(CERT_REJECTED, "cert/rejected",                                                          \
	  "the CA's certificate does not fit; the old one stays, certd tries again by itself")     \
	X(CONFIG, "config",                                                                        \
	  "the configuration has no such ca: add it or set another for the name")                  \
	X(INTERNAL, "internal", "a fault of certd or this machine: see its log")                   \
	X(CA_DIRECTORY, "ca/directory",                                                            \
	  "what the `directory` of the ca block leads to is no ACME directory: check the URL")     \
	X(STORE_CORRUPT, "store/corrupt",                                                          \
	  "what the store had of this name was damaged and put aside; certd issues it anew")       \
	X(CHALLENGE_NOT_SERVED, "challenge/not-served",                                            \
	  "certd's own listener does not show the challenge: check `listen`; the CA was not "      \
	  "asked")                                                                                 \
	X(DNS_HOOK, "dns/hook", "the program that sets DNS records failed: see its own words")     \
	X(DNS_LOOKUP, "dns/lookup",                                                                \
	  "the DNS servers of this name could not be asked; certd tries again by itself")          \
	X(DNS_RECORD, "dns/record",                                                                \
	  "the DNS record that proves this name is not there: its owner must set it as shown")     \
	X(DNS_UPDATE, "dns/update",                                                                \
	  "our change of DNS records was refused: check server, zone and key of the `dns` block")  \
	X(DIAGNOSIS, "diagnosis",                                                                  \
	  "the CA is not asked while something is wrong with the name: see certctl diagnose")      \
	X(MOVED, "dns/moved",                                                                      \
	  "the name leads elsewhere, so orders have stopped: they go on by themselves when its "   \
	  "owner points it here again")                                                            \
	X(OWNERSHIP, "ownership",                                                                  \
	  "whose name it is must show that: the CA is asked when the record or page is there; "    \
	  "looked at again and again, at once by certctl retry")

enum problem_kind {
#define X(name, code, hint) PROBLEM_##name,
	PROBLEM_LIST(X)
#undef X
		PROBLEM_COUNT
};

enum { PROBLEM_TYPE_MAX = 80, PROBLEM_DETAIL_MAX = 480 };

struct problem {
	enum problem_kind kind;      /* PROBLEM_NONE: no problem */
	uint16_t status;             /* HTTP status of the CA's answer, 0 = none */
	char type[PROBLEM_TYPE_MAX]; /* "urn:ietf:params:acme:error:dns" or "" */
	char detail[PROBLEM_DETAIL_MAX];
	int64_t retry_at; /* unix seconds the other side asked for, 0 = it did not */
};

void problem_set(struct problem *p, enum problem_kind kind, const char *format, ...)
	PRINTF_LIKE(3, 4);
const char *problem_code(enum problem_kind kind);
const char *problem_hint(enum problem_kind kind);
/* Whether trying again later may help without a person doing anything. */
bool problem_is_passing(const struct problem *p);
/* The kind for an ACME error type ("urn:ietf:params:acme:error:caa", RFC 8555 6.7); an unknown type
 * is judged by the HTTP status. */
enum problem_kind problem_kind_of_acme(const char *type, int http_status);

/* Part of stored records: see store/domain.h. */
void problem_encode(const struct problem *p, struct buf *out);
void problem_decode(struct cursor *in, struct problem *ret_problem);

#endif
