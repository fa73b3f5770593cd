/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/dns/dns.h - where a name's DNS is kept, what its servers say, and signed changes of it
 *
 * Resolvers (those of the configuration, else of /etc/resolv.conf) are asked only which zone a name
 * is in and where the zone's servers are; what stands at a name is asked from those servers
 * themselves, so nothing here is older than they are (RFC 8555 8.4, RFC 2136, RFC 8945).
 *
 * All calls block: for threads that may wait, never the issuer's or a worker's. A struct dns_call
 * bounds them: no call lasts longer than its deadline (give or take 250 ms) and all end when its
 * `stop` becomes true. Answers are foreign: at most DNS_MESSAGE_MAX bytes each, loops end.
 * Names are text without a final dot, letters in lower case; "_" and the like are allowed.
 * Errors: every failure is told to people in RET_WHY: PROBLEM_DNS_LOOKUP (servers not found or
 *   silent; passes by itself), PROBLEM_DNS_RECORD (a record is missing), PROBLEM_DNS_UPDATE
 *   (the server refuses our change, or our key file is wrong).
 * Threads: any; nothing is shared.
 */
#ifndef DAEMON_DNS_DNS_H
#define DAEMON_DNS_DNS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "daemon/conf/conf_dns_update.h"

struct problem;

enum {
	DNS_NAME_MAX = 253,
	DNS_MESSAGE_MAX = 65535,
	DNS_SERVERS_MAX = 26,  /* addresses of a zone's servers that are looked at */
	DNS_CNAMES_MAX = 8,    /* followed one after the other */
	DNS_RECORDS_MAX = 256, /* TXT records at a name that are looked at */
	DNS_VALUE_MAX = 4096,  /* bytes of a TXT record that is looked at or set */
	DNS_QUERY_MS = 2500,   /* an answer is waited for so long, twice */
};

struct dns_call {
	const struct conf_dns_resolvers
		*resolvers;      /* of the configuration; count 0: the system's */
	int64_t deadline;        /* clock_mono_ms() */
	const atomic_bool *stop; /* NULL: never */
};

struct dns_server {
	char name[DNS_NAME_MAX + 1];
	struct conf_address address; /* port 53; text is shown to people */
};

/* A plain value. */
struct dns_place {
	char name[DNS_NAME_MAX + 1]; /* where the record belongs: behind all CNAMEs */
	char zone[DNS_NAME_MAX + 1]; /* the zone it is in: NAME ends with it */
	bool given;                  /* made by dns_place_at(): the servers may be resolvers */
	size_t server_count;
	struct dns_server servers[DNS_SERVERS_MAX]; /* IPv4 and IPv6, each address once */
};

/* Whether NAME can be put into a message: labels of 1 to 63 bytes, 253 in all. */
bool dns_is_name(const char *name);

/* Whether a resolver answers anything at all, be it that it refuses. */
bool dns_any_resolver(const struct dns_call *call);

/* A TXT record: its strings put together (RFC 7208 3.3). Borrowed. */
struct dns_txt {
	const char *data; /* any bytes, terminated */
	size_t len;
};

/* Where a record for NAME ("_acme-challenge.example.org") belongs. The name itself need not exist
 * yet. ERR_TIMEOUT, ERR_STOPPED, ERR_UNREACHABLE; ERR_PROTO for loops and answers without sense. */
MUST_CHECK enum err dns_find(const struct dns_call *call, const char *name,
                             struct dns_place *ret_place, struct problem *ret_why);
/* The same for a configuration that names the servers to look at (`check-at`): NAME itself is the
 * place, no zone is known (dns_update() needs CONF's), and the servers are these. CNAMEs are for
 * them to follow. */
void dns_place_at(const struct conf_dns_update *conf, const char *name,
                  struct dns_place *ret_place);

/* What one server has at the place. True: good; else WHY says what is missing ("has no such
 * record", at most SIZE bytes with the terminator). */
typedef bool dns_judge(void *arg, const struct dns_txt *txt, size_t count, char *why, size_t size);

/* Asks every server of PLACE for its TXT records and gives them to JUDGE. ERR_OK when all that
 * answer are judged good, and at least one did; servers that cannot be reached from here (or do not
 * answer in time) do not count, since a CA asks the others then. ERR_NOTFOUND: RET_WHY names each
 * server that is not good, and why. ERR_UNREACHABLE: none answered. */
MUST_CHECK enum err dns_ask_all(const struct dns_call *call, const struct dns_place *place,
                                dns_judge *judge, void *arg, struct problem *ret_why);
/* dns_ask_all() for a record that is exactly VALUE: ask again until it is ERR_OK. */
MUST_CHECK enum err dns_txt_everywhere(const struct dns_call *call, const struct dns_place *place,
                                       const char *value, struct problem *ret_why);

enum dns_action { DNS_ADD, DNS_REMOVE };

/* Adds the TXT record VALUE at PLACE->name beside those there, or removes that one alone (RFC 2136
 * 2.5.1, 2.5.4), by TCP, signed with CONF's key (RFC 8945); the server's answer must be signed too.
 * Doing so twice is harmless. The zone is CONF's, else PLACE's. ERR_REFUSED: the server says no;
 * ERR_INVALID: our key file; the others as above. After an error the record may be there or not. */
MUST_CHECK enum err dns_update(const struct dns_call *call, const struct conf_dns_update *conf,
                               const struct dns_place *place, enum dns_action action,
                               const char *value, struct problem *ret_why);

#endif
