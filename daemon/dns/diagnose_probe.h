/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/dns/diagnose_probe.h - connects to an address that a name leads to, as a CA or visitor
 * would
 *
 * One connection, one question, nothing is followed, everything is bounded: PROBE_MS each, at most
 * PROBE_ANSWER_MAX bytes. All calls block. Threads: any.
 */
#ifndef DAEMON_DNS_DIAGNOSE_PROBE_H
#define DAEMON_DNS_DIAGNOSE_PROBE_H

#include "daemon/conf/conf_address.h"
#include "daemon/dns/dns.h"
#include "store/challenge.h"

enum { PROBE_MS = 4000, PROBE_ANSWER_MAX = 4096, PROBE_WHAT_MAX = 127, PROBE_HASH_LEN = 32 };

enum probe_result {
	PROBE_US,
	PROBE_UNREACHABLE, /* no connection, or no answer in time */
	PROBE_OTHER,       /* somebody else answers, or something in between */
	PROBE_REDIRECT,    /* http only: status 3xx */
	PROBE_NO_WAY,      /* we have no IPv6, or IPv4: it says nothing about the name */
};

/* The address is used with PORT; WHAT tells of other results than PROBE_US in words. */
struct probe {
	const struct dns_call *call; /* its deadline and stop */
	const struct conf_address *address;
	unsigned port;
	char what[PROBE_WHAT_MAX + 1];
};

/* GET of the challenge's token (RFC 8555 8.3). */
enum probe_result probe_http(struct probe *probe, const struct challenge *challenge);
/* GET of PATH under HOST: whether the page has TEXT in it. */
enum probe_result probe_page(struct probe *probe, const char *host, const char *path,
                             const char *text);
/* A handshake for NAME (NULL: without SNI, which has no addresses, RFC 6066 3); the leaf's SHA-256
 * is to be LEAF (NULL: any, and an alert is an answer). */
enum probe_result probe_tls(struct probe *probe, const char *name, const unsigned char *leaf);

#endif
