/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/dns/dns_tsig.h - keys that sign DNS messages (TSIG, RFC 8945)
 *
 * Ownership: dns_key_load() fills a struct dns_key that borrows CONF's texts and owns the secret;
 * dns_key_done() wipes it. Threads: any.
 */
#ifndef DAEMON_DNS_DNS_TSIG_H
#define DAEMON_DNS_DNS_TSIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "daemon/conf/conf_dns_update.h"

struct buf;
struct problem;

struct dns_key {
	const char *name;
	enum dns_hmac algorithm;
	struct secret secret;
};

enum { DNS_MAC_MAX = 64, DNS_BADSIG = 16, DNS_BADKEY, DNS_BADTIME };

struct dns_mac {
	unsigned char data[DNS_MAC_MAX];
	size_t len;
};

/* CONF's key file. ERR_INVALID with RET_WHY. dns_key_done() afterwards in any case. */
MUST_CHECK enum err dns_key_load(const struct conf_dns_update *conf, struct dns_key *ret_key,
                                 struct problem *ret_why);
void dns_key_done(struct dns_key *key);
/* Puts a TSIG record behind MESSAGE (RFC 8945 5.1). */
MUST_CHECK enum err dns_sign(const struct dns_key *key, int64_t now, struct buf *message,
                             struct dns_mac *ret_mac);
/* Whether ANSWER is signed, over REQUEST's mac. ERR_PERM: its TSIG record has an error (RFC 8945 3:
 * BADKEY and BADSIG cannot be signed); ERR_PROTO: it has no TSIG record of this key; ERR_CRYPTO: a
 * wrong signature; ERR_TIMEOUT: right, but made at another time. */
MUST_CHECK enum err dns_verify(const struct dns_key *key, int64_t now,
                               const struct dns_mac *request, const struct buf *answer,
                               int *ret_error);

#endif
