/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/dns/dns_inside.h - one question to one server, or to many; for dns*.c alone
 */
#ifndef DAEMON_DNS_DNS_INSIDE_H
#define DAEMON_DNS_DNS_INSIDE_H

#include "daemon/dns/dns.h"
#include "daemon/dns/dns_message.h"

enum {
	DNS_UDP_TIMES = 2,      /* a datagram is sent */
	DNS_TCP_TIMES = 2,      /* DNS_QUERY_MS for a connection and its answer */
	DNS_STOP_LOOK_MS = 250, /* how often `stop` is looked at */
};

/* Sends QUERY to SERVER and waits for its answer, by UDP and, when that is cut short, by TCP; or by
 * TCP only. ERR_TIMEOUT, ERR_UNREACHABLE, ERR_STOPPED, ERR_PROTO. ret_answer is an empty buf. */
MUST_CHECK enum err dns_exchange(const struct dns_call *call, const struct conf_address *server,
                                 const struct buf *query, struct buf *ret_answer);
MUST_CHECK enum err dns_exchange_tcp(const struct dns_call *call, const struct conf_address *server,
                                     const struct buf *query, struct buf *ret_answer);
/* A question, asked again without EDNS where the server does not know that. */
MUST_CHECK enum err dns_ask(const struct dns_call *call, const struct conf_address *server,
                            const char *name, ns_type type, bool recurse, struct buf *ret_answer);
struct dns_question {
	const char *name;
	ns_type type;
	bool recurse;
};

/* One of several servers that are asked at once. */
struct dns_asked {
	const struct conf_address *server;
	enum err err; /* ERR_AGAIN: nothing yet */
	struct buf answer;
	int fd;
	struct buf query;
};

/* ASKED[0..COUNT) with their servers filled in: what each says, or why it does not. With FIRST it
 * ends when one of them has answered with authority, and the others may say nothing yet.
 * ERR_NOMEM and ERR_STOPPED only. dns_asked_done() afterwards in any case. */
MUST_CHECK enum err dns_ask_many(const struct dns_call *call, struct dns_asked *asked, size_t count,
                                 const struct dns_question *question, bool first);
void dns_asked_done(struct dns_asked *asked, size_t count);
/* Whether ANSWER says what there is, or that there is nothing. */
bool dns_is_answer(const struct buf *answer);
/* One datagram from FD into ANSWER, which has room for DNS_MESSAGE_MAX: ERR_AGAIN when it is none
 * to QUERY. */
MUST_CHECK enum err dns_receive(int fd, const struct buf *query, struct buf *answer);
MUST_CHECK enum err dns_open(const struct conf_address *server, int type, int *ret_fd);
/* CALL's resolvers, the system's where it has none. */
void dns_resolvers(const struct dns_call *call, struct conf_dns_resolvers *ret_resolvers);
/* ERR_OK while CALL may go on. */
MUST_CHECK enum err dns_may_go_on(const struct dns_call *call);

#endif
