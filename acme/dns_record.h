/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/dns_record.h - the TXT records of dns-01, dns-account-01 and dns-persist-01
 *
 * dns-01 (RFC 8555 8.4) and dns-account-01 (draft-ietf-acme-dns-account-label) differ in the name
 * only: base64url(SHA-256(key authorization)) stands there while the challenge lasts. The record of
 * dns-persist-01 (draft-ietf-acme-dns-persist) is set by a person, once:
 *   _validation-persist.NAME TXT "ISSUER; accounturi=URL; policy=wildcard; persistUntil=UNIX"
 * so certd prints it, and judges what it finds as a CA would. Drafts 00 and 01 have the account's
 * URL there; 02 has a hash of name, account key and URL instead, behind a prefix that the CA's
 * directory names (meta.accountHashPrefix): with such a prefix we do as 02 says, without one as 01.
 * Names are text without final dot. Threads: any; plain values.
 */
#ifndef ACME_DNS_RECORD_H
#define ACME_DNS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acme/authz.h"
#include "base/err.h"

struct buf;
struct hostname;

enum {
	DNS_RECORD_NAME_MAX = 253,
	DNS_RECORD_VALUE_LEN = 43,  /* base64url of SHA-256, without the terminator */
	DNS_PERSIST_URL_MAX = 1024, /* of an account URL in a record */
};

enum dns_record_method { DNS_RECORD_01, DNS_RECORD_ACCOUNT_01, DNS_RECORD_PERSIST_01 };

/* The method of a challenge type ("dns-01", ...); ERR_NOTFOUND for those without a record. */
MUST_CHECK enum err dns_record_method(const char *type, enum dns_record_method *ret_method);
/* Where the record for NAME stands: its "*." is left out. ACCOUNT_URL is for dns-account-01 only.
 * ERR_TOOBIG: such a name would be longer than DNS allows. */
MUST_CHECK enum err dns_record_name(enum dns_record_method method, const struct hostname *name,
                                    const char *account_url,
                                    char ret_name[DNS_RECORD_NAME_MAX + 1]);
/* What dns-01 and dns-account-01 put there. */
MUST_CHECK enum err dns_record_value(const char *keyauth, char ret_value[DNS_RECORD_VALUE_LEN + 1]);

/* Who we are to the CA, as a record says it. */
struct dns_persist_account {
	const char *url;         /* the account URL */
	const char *thumbprint;  /* of its key: RFC 7638, base64url */
	const char *hash_prefix; /* of the CA's directory; NULL: it has none */
};

/* accounturi of a record for NAME (its "*." is left out), appended. */
MUST_CHECK enum err dns_persist_account(const struct dns_persist_account *account,
                                        const struct hostname *name, struct buf *out);

/* A record of dns-persist-01. */
struct dns_persist {
	char issuer[DNS_RECORD_NAME_MAX + 1]; /* one of the CA's issuer domain names */
	char account[DNS_PERSIST_URL_MAX + 1];
	bool wildcard; /* policy=wildcard: "*.NAME" and the names below, too */
	bool ends;     /* with `until`: else for ever */
	int64_t until; /* persistUntil, unix seconds */
};

/* The text of RECORD, appended. */
void dns_persist_format(const struct dns_persist *record, struct buf *out);
/* TEXT as a zone file has it, appended: quoted strings of at most 255 bytes each. */
void dns_record_quote(const char *text, struct buf *out);
/* A TXT record's bytes. ERR_INVALID with a static sentence in RET_WHY ("persistUntil is no
 * number"); parameters that are not known are skipped. */
MUST_CHECK enum err dns_persist_parse(const char *data, size_t len, struct dns_persist *ret_record,
                                      const char **ret_why);

/* What a CA wants to find. Borrowed. */
struct dns_persist_want {
	const struct dns_persist_account *account;
	const struct hostname *name; /* as ordered; a wildcard needs policy=wildcard */
	const char *const *issuers;  /* of the challenge: any of these */
	size_t issuer_count;
	int64_t now; /* unix seconds */
};

/* The best of what is there comes last. */
enum dns_persist_verdict {
	DNS_PERSIST_NONE,      /* no record for that CA */
	DNS_PERSIST_MALFORMED, /* one for it that is against the rules */
	DNS_PERSIST_ACCOUNT,   /* one for it, of another account */
	DNS_PERSIST_POLICY,    /* ours, without policy=wildcard */
	DNS_PERSIST_EXPIRED,   /* ours, persistUntil is over */
	DNS_PERSIST_GOOD,
	DNS_PERSIST_VERDICTS
};

/* One TXT record. RET_RECORD is what was read of it; RET_WHY says what is wrong, for people. */
enum dns_persist_verdict dns_persist_judge(const char *data, size_t len,
                                           const struct dns_persist_want *want,
                                           struct dns_persist *ret_record, const char **ret_why);

#endif
