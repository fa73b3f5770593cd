/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/dns/diagnose_dns.h - several questions to DNS at once, with DNSSEC, as a CA would ask them
 *
 * By libunbound, which resolves and validates in a thread of its own: nothing is kept from one call
 * to the next, so no answer is older than the resolvers' own. Beside daemon/dns/dns.h, which finds
 * the servers of a zone and asks these themselves. Threads: any; nothing is shared.
 */
#ifndef DAEMON_DNS_DIAGNOSE_DNS_H
#define DAEMON_DNS_DIAGNOSE_DNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "daemon/dns/dns.h"

enum lookup_type {
	LOOKUP_A = 1,
	LOOKUP_NS = 2,
	LOOKUP_TXT = 16,
	LOOKUP_AAAA = 28,
	LOOKUP_CAA = 257,
};

enum lookup_state {
	LOOKUP_SILENT, /* nothing came until the deadline */
	LOOKUP_FOUND,
	LOOKUP_NODATA, /* the name is there, and has no such record */
	LOOKUP_NXDOMAIN,
	LOOKUP_BOGUS,  /* DNSSEC says that it is forged, or the zone is broken: `why` */
	LOOKUP_FAILED, /* another error: `why` */
};

enum { LOOKUP_RECORDS_MAX = 32, LOOKUP_WHY_MAX = 255 };

struct lookup {
	const char *name; /* without final dot; "": the root */
	enum lookup_type type;
	/* the answer, until lookups_done(): */
	enum lookup_state state;
	char target[DNS_NAME_MAX + 1]; /* where CNAMEs led; "": there is none */
	char why[LOOKUP_WHY_MAX + 1];
	size_t count;
	struct {
		const void *data;
		size_t len;
	} records[LOOKUP_RECORDS_MAX];
	void *inside;
	int id;
	bool open;
};

struct lookup_way {
	const struct dns_call *call; /* its resolvers, deadline and stop */
	bool from_root;              /* ask the zones' own servers, beginning at the root */
	const char *trust_anchor;    /* a file of DS or DNSKEY records; NULL: DNSSEC is not looked
	                              * at, or the system's, when FROM_ROOT */
	size_t at_once;              /* questions that may be on their way; 0: the library's 16 */
};

/* LOOKUPS with name and type filled in; lookups_done() afterwards in any case. ERR_INVALID: the
 * trust anchor cannot be read, ERR_STOPPED, ERR_NOMEM, ERR_IO. */
MUST_CHECK enum err lookups_run(const struct lookup_way *way, struct lookup *lookups, size_t count);
void lookups_done(struct lookup *lookups, size_t count);

#endif
