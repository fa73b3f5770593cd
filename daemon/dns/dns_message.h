/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/dns/dns_message.h - DNS messages, written and read (RFC 1035 4)
 *
 * Names are unpacked by the C library (ns_name_uncompress(), which bounds pointers); everything
 * else of an answer is read with base/cursor.h. Threads: any.
 */
#ifndef DAEMON_DNS_DNS_MESSAGE_H
#define DAEMON_DNS_DNS_MESSAGE_H

#include <arpa/nameser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"
#include "daemon/dns/dns.h"

enum {
	DNS_HEADER_LEN = 12,
	DNS_FLAGS_AT = 2,        /* of the header's fields */
	DNS_ARCOUNT_AT = 10,     /* the same */
	DNS_ANSWER_MAX = 4096,   /* records of an answer that are looked at */
	DNS_UDP_SIZE = 1232,     /* that we take (RFC 6891); fits into IPv6's least MTU */
	DNS_OPCODE_UPDATE = 5,   /* RFC 2136 */
	DNS_TXT_PIECE_MAX = 255, /* of a TXT record's strings */
};

void dns_put_u16(struct buf *out, uint16_t v);
void dns_put_u32(struct buf *out, uint32_t v);
/* A name in wire format; false when NAME is none. */
bool dns_put_name(struct buf *out, const char *name);
/* A value as the strings of a TXT record. */
void dns_put_txt(struct buf *out, const char *value);
/* The header with a random id, without counts; EDNS and RECURSE as bits of a query. */
MUST_CHECK enum err dns_put_header(struct buf *out, uint16_t flags, uint16_t questions);
MUST_CHECK enum err dns_put_query(struct buf *out, const char *name, ns_type type, bool recurse,
                                  bool edns);
uint16_t dns_u16_at(const unsigned char *data, size_t at);
void dns_set_u16_at(unsigned char *data, size_t at, uint16_t v);

/* An answer while it is read, record by record. Borrows the bytes. */
struct dns_reader {
	const unsigned char *message;
	size_t len;
	struct cursor c;
	uint16_t left[4]; /* records of each section (ns_sect), questions too */
	int section;
	unsigned seen;
};

struct dns_rr {
	ns_sect section;
	char name[DNS_NAME_MAX + 1]; /* "": the root, or a name that we do not take */
	bool odd_name;               /* the latter */
	uint16_t type;
	uint16_t class;
	struct span data;
	size_t at; /* where the record begins in the message */
};

/* ERR_PROTO for less than a header. */
MUST_CHECK enum err dns_read(const struct buf *message, struct dns_reader *ret_reader);
/* False at the end, or where the message is broken. Questions are records without data. */
bool dns_next(struct dns_reader *r, struct dns_rr *ret_rr);
/* The name in a CNAME's or NS's data; false for one that we do not take. */
bool dns_rr_target(const struct dns_reader *r, const struct dns_rr *rr,
                   char ret_name[DNS_NAME_MAX + 1]);
/* The strings of a TXT record put together, appended with a NUL behind; false for broken ones. */
bool dns_rr_txt(const struct dns_rr *rr, struct buf *out);
int dns_rcode(const struct buf *message);
bool dns_flag(const struct buf *message, uint16_t flag);
/* "REFUSED". */
const char *dns_rcode_word(int rcode);
/* Whether ZONE is NAME or above it. */
bool dns_is_in(const char *name, const char *zone);

enum { DNS_FLAG_QR = 0x8000, DNS_FLAG_AA = 0x0400, DNS_FLAG_TC = 0x0200, DNS_FLAG_RD = 0x0100 };

#endif
