/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/conf/conf_dns_update.h - what a `dns` block says of signed updates and of looking;
 * `resolver`
 */
#ifndef DAEMON_CONF_CONF_DNS_UPDATE_H
#define DAEMON_CONF_CONF_DNS_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "daemon/conf/conf_address.h"

enum { CONF_RESOLVERS_MAX = 3, CONF_CHECK_AT_MAX = 8 };

struct conf_dns_resolvers {
	size_t count; /* 0: those of /etc/resolv.conf */
	struct conf_address addresses[CONF_RESOLVERS_MAX];
};

enum dns_hmac { DNS_HMAC_SHA256 = 1, DNS_HMAC_SHA384, DNS_HMAC_SHA512 };

/* "hmac-sha256"; hmac-sha1 and hmac-md5 are not ours (ERR_NOTFOUND). */
MUST_CHECK enum err dns_hmac_parse(const char *word, enum dns_hmac *ret_hmac);
const char *dns_hmac_word(enum dns_hmac hmac);

/* Part of a struct conf_dns; borrowed texts live as long as the conf. */
struct conf_dns_update {
	struct conf_address server; /* len 0: no updates, the block has a hook */
	const char *zone;           /* NULL: the one that dns_find() finds */
	const char *key_name;
	enum dns_hmac key_algorithm;
	const char *key_file;            /* with the secret, read when it is needed; */
	const char *key_credential;      /* or its name in $CREDENTIALS_DIRECTORY */
	uint32_t ttl_s;                  /* of our records; default 60 */
	uint32_t propagation_timeout_ms; /* until all servers have a record; default 2 min */
	bool unchecked;                  /* `check-at none`: do not look */
	struct conf_address check_at[CONF_CHECK_AT_MAX]; /* look here instead of at the zone's */
	size_t check_at_count;                           /* servers; 0: there */
};

#define CONF_DNS_UPDATE_DEFAULT                                                                    \
	{                                                                                          \
		.ttl_s = 60, .propagation_timeout_ms = 2 * 60 * 1000                               \
	}

#endif
