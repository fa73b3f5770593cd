/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme/renewal_info.h - when a CA wants a certificate renewed (RFC 9773)
 *
 * Pure functions: what a certificate is called there, where to ask, what the answer says. Asking is
 * an unsigned GET; daemon/watch/renewer.h does it.
 */
#ifndef ACME_RENEWAL_INFO_H
#define ACME_RENEWAL_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "acme/url.h"
#include "base/cursor.h"
#include "base/err.h"

struct problem;

enum { RENEWAL_INFO_ID_MAX = 127, RENEWAL_INFO_LINK_MAX = 511 };

/* The identifier of the certificate LEAF (DER): base64url of its authority key identifier, ".",
 * base64url of its serial number as it is encoded, leading 00 and all (4.1). False: it has no such
 * identifier, or no certificate is that. */
bool renewal_info_id(struct span leaf, char ret_id[RENEWAL_INFO_ID_MAX + 1]);
/* Where ID is asked for; BASE is the directory's renewalInfo. False: too long. */
bool renewal_info_url(const char *base, const char *id, char ret_url[URL_MAX + 1]);

struct renewal_info {
	int64_t start; /* unix seconds; the window is [start, end) */
	int64_t end;
	char explanation[RENEWAL_INFO_LINK_MAX + 1]; /* a URL for people, foreign text; "": none */
};
/* BODY is what the CA answered. ERR_PROTO with a sentence in RET_WHY, also for a window that ends
 * before it begins (4.2). An explanation that is no URL is as none. */
MUST_CHECK enum err renewal_info_read(struct span body, struct renewal_info *ret_info,
                                      struct problem *ret_why);

#endif
