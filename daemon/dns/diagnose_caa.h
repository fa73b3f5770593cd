/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/dns/diagnose_caa.h - whether CAA records let a CA issue to our account (RFC 8659, RFC
 * 8657)
 *
 * Pure: the records are at hand. Which set is the relevant one (RFC 8659 3) is the caller's to
 * find. Threads: any.
 */
#ifndef DAEMON_DNS_DIAGNOSE_CAA_H
#define DAEMON_DNS_DIAGNOSE_CAA_H

#include <stdbool.h>
#include <stddef.h>

enum { CAA_TEXT_MAX = 511, CAA_METHODS_MAX = 5 };

enum caa_verdict {
	CAA_ALLOWS,
	CAA_CRITICAL, /* a property that nobody knows has the critical flag: no CA may issue */
	CAA_OTHERS,   /* other CAs only, or none */
	CAA_ACCOUNT,  /* this CA, but another account of it */
	CAA_METHOD,   /* this CA, but proven in another way than ours */
	CAA_UNKNOWN,  /* the CA has not said which name it has in such records */
};

/* One record's data. Borrowed. */
struct caa_record {
	const void *data;
	size_t len;
};

struct caa_question {
	bool wildcard;
	const char *identities; /* of the CA, a space between; "": not known */
	const char *account;    /* our account's URL; "": not known, none is refused for it */
	const char *methods[CAA_METHODS_MAX]; /* those we would use; NULL behind them */
};

/* RET_CRITICAL is the property's tag after CAA_CRITICAL. */
enum caa_verdict caa_judge(const struct caa_record *records, size_t count,
                           const struct caa_question *question,
                           char ret_critical[CAA_TEXT_MAX + 1]);
/* `0 issue "letsencrypt.org"`, what is not printable as \DDD; cut to fit. */
void caa_text(const struct caa_record *record, char text[CAA_TEXT_MAX + 1]);
/* Whether QUESTION is answered by issuewild records in this set. */
bool caa_is_wild(const struct caa_record *records, size_t count,
                 const struct caa_question *question);

#endif
